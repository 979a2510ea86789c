// The kernel's senders and ours behind the same bad line: npm run bench -- line [--congestion bbr] [--cells 1%/20ms,…]
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'

import { positive, readFlags } from './flags.ts'
import { Lane } from './lane.ts'
import { CONGESTIONS, type Congestion, type Result } from './result.ts'
import { machine, refuse, withRig } from './rig.ts'
import { Table } from './table.ts'

const PORT = 7000
const RATE = 50_000_000

const SUBJECTS = ['kernel -> kernel', 'ours -> kernel', 'kernel -> ours'] as const
type Subject = (typeof SUBJECTS)[number]

/** A line: how much of it is lost each way, and its round trip in milliseconds. */
interface Cell {
  readonly title: string
  readonly loss: string
  readonly rtt: number
}

interface Plan {
  readonly cells: readonly Cell[]
  readonly rounds: number
  readonly ms: number
  readonly congestion: Congestion
  /** How many cells are measured at the same time. */
  readonly atOnce: number
  /** The folder for traces of our sender. */
  readonly traces: string | undefined
}

const CELLS = ['20', '100'].flatMap((rtt) => ['0.1', '1', '3', '5'].map((loss) => `${loss}%/${rtt}ms`))

/** One flow behind the line of that cell; with the sender's and the receiver's figures. */
async function run(
  lane: Lane,
  subject: Subject,
  { title, loss, rtt }: Cell,
  plan: Plan,
  seed: number,
): Promise<Result> {
  const { congestion, ms, traces } = plan
  return lane.behind({ loss, rtt, rate: RATE, seed }, async () => {
    const tracePath = traces && join(traces, `${title}-${congestion}-${seed}.csv`.replace('/', '-'))
    // The data always goes the same way, so that the same packets are lost; who connects depends on who we are.
    const isReceiver = subject === 'kernel -> ours'
    const peer = isReceiver ? await lane.kernelGives(PORT, congestion) : await lane.kernelTakes(PORT, ms)
    const order = { port: PORT, ms, congestion, tracePath }
    const other =
      subject === 'kernel -> kernel'
        ? lane.kernelPours(PORT, congestion)
        : isReceiver
          ? await lane.weTake({ ...order, tracePath: undefined })
          : await lane.wePour(order)
    return Object.assign({}, ...(await Promise.all([other.result, peer.result])))
  })
}

/** All subjects of a cell at the same time, each on its own lane; then the next cell, then all again. */
async function measure(lanes: readonly Lane[], plan: Plan): Promise<Map<string, Map<Subject, Result[]>>> {
  const results = new Map(plan.cells.map(({ title }) => [title, new Map(SUBJECTS.map((s) => [s, [] as Result[]]))]))
  for (let round = 1; round <= plan.rounds; round++) {
    for (let first = 0; first < plan.cells.length; first += plan.atOnce) {
      const jobs = plan.cells
        .slice(first, first + plan.atOnce)
        .flatMap((cell) => SUBJECTS.map((subject) => ({ cell, subject })))
      await Promise.all(
        jobs.map(async ({ cell, subject }, i) => {
          const result = await run(lanes[i]!, subject, cell, plan, round)
          results.get(cell.title)!.get(subject)!.push(result)
          console.error(`bench: round ${round}, ${cell.title}, ${subject}: ${JSON.stringify(result)}`)
        }),
      )
    }
  }
  return results
}

function print(plan: Plan, results: Map<string, Map<Subject, Result[]>>): void {
  const table = new Table(SUBJECTS)
  for (const { title } of plan.cells) {
    const samples = SUBJECTS.map(
      (subject) =>
        [
          subject,
          results
            .get(title)!
            .get(subject)!
            .map(({ mbps }) => mbps!),
        ] as const,
    )
    table.add({ title, figure: 'mbps', unit: 'Mbit/s', digits: 2, up: true }, new Map(samples))
  }
  console.log(machine())
  console.log(
    `${plan.congestion} on both sides; ${RATE / 1e6} Mbit/s, a queue of one bandwidth-delay product, loss both ways; ` +
      `median [min–max] of ${plan.rounds} × ${plan.ms / 1000} s, all subjects of a cell at once on lines of their own`,
  )
  console.log(`\n${table}`)
}

function readCell(text: string): Cell {
  const [, loss, rtt] = /^([\d.]+%)\/(\d+)ms$/.exec(text) ?? refuse(`a cell is like 1%/20ms, not "${text}"`)
  return { title: text, loss: loss!, rtt: Number(rtt) }
}

function readPlan(args: readonly string[]): Plan {
  const values = readFlags(args, {
    cells: { type: 'string', default: CELLS.join(',') },
    runs: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '10' },
    congestion: { type: 'string', default: 'cubic' },
    'at-once': { type: 'string', default: '1' },
    traces: { type: 'string' },
  })
  const congestion = CONGESTIONS.find((each) => each === values.congestion)
  if (congestion === undefined) refuse(`--congestion is one of ${CONGESTIONS.join(', ')}`)
  if (values.traces !== undefined) mkdirSync(values.traces, { recursive: true })
  return {
    cells: values.cells.split(',').map(readCell),
    rounds: positive('runs', values.runs),
    ms: positive('seconds', values.seconds) * 1000,
    congestion,
    atOnce: positive('at-once', values['at-once']),
    traces: values.traces,
  }
}

/** Prints goodput by loss and round-trip time: kernel to kernel, ours to kernel, kernel to ours. */
export async function compareBehindLine(args: readonly string[]): Promise<void> {
  const plan = readPlan(args)
  const indices = Array.from({ length: plan.atOnce * SUBJECTS.length }, (_, i) => i)
  await withRig(indices.flatMap(Lane.hosts), async (lab, peer) => {
    print(
      plan,
      await measure(
        indices.map((i) => new Lane(lab, peer, i)),
        plan,
      ),
    )
  })
}
