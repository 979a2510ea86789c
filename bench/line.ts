// The kernel's senders and ours behind the same bad line: npm run bench -- line [--congestion bbr] [--cells 1%/20ms,…]
import type { ChildProcess } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

import { firstLine, type Lab, outputOf } from '../test/real/netns.ts'
import { CONGESTIONS, type Congestion, type FlowOrder, type Result } from './result.ts'
import { machine, refuse, withRig } from './rig.ts'
import { Table } from './table.ts'

const FLOW = join(import.meta.dirname, 'flow.js')
const GOTCP = join(import.meta.dirname, '../src/cli/main.js')
const PORT = 7000
const RATE = 50_000_000
const SENDER = '10.0.0.1'
const RECEIVER = '10.0.0.2'

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

/** Three namespaces in a row, with the line in the middle one. */
class Lane {
  readonly #lab: Lab
  readonly #peer: string
  readonly #index: number

  constructor(lab: Lab, peer: string, index: number) {
    this.#lab = lab
    this.#peer = peer
    this.#index = index
    lab.veth(this.#name('sender'), this.#name('middle'), { [this.#name('sender')]: `${SENDER}/24` }, { name: 'left' })
    lab.veth(
      this.#name('receiver'),
      this.#name('middle'),
      { [this.#name('receiver')]: `${RECEIVER}/24` },
      { name: 'right' },
    )
    // What one connection learned would be the next one's start.
    for (const name of ['sender', 'receiver']) lab.host(this.#name(name)).sysctl('ipv4.tcp_no_metrics_save', 1)
  }

  static hosts(index: number): readonly string[] {
    return ['sender', 'middle', 'receiver'].map((name) => `${name}${index}`)
  }

  /** One flow behind the line of that cell. */
  async run(subject: Subject, cell: Cell, plan: Plan, round: number): Promise<Result> {
    const line = await this.#openLine(cell, round)
    try {
      const results = await this.#flow(subject, cell, plan, round)
      const merged: Result = Object.assign({}, ...results)
      const wrong = results.reduce((sum, result) => sum + result.wrong, 0)
      if (wrong > 0) throw new Error(`${subject}, ${cell.title}: ${wrong} wrong bytes`)
      return merged
    } finally {
      const said = outputOf(line)
      line.kill('SIGINT')
      const summary = JSON.parse((await said).trim().split('\n').at(-1)!)
      if (summary.dropped_by_kernel > 0)
        console.error(`bench: the line itself lost ${summary.dropped_by_kernel} frames`)
    }
  }

  #name(role: string): string {
    return `${role}${this.#index}`
  }

  async #openLine({ loss, rtt }: Cell, seed: number): Promise<ChildProcess> {
    const queue = Math.round((RATE / 8e3) * rtt)
    const trouble = ['--loss', loss, '--delay', `${rtt / 2}ms`, '--rate', `${RATE}`, '--queue', `${queue}`]
    const command = [process.execPath, GOTCP, 'impair', '-i', 'left', '-i', 'right', ...trouble, '--seed', `${seed}`]
    const middle = this.#lab.host(this.#name('middle'))
    const line = middle.spawn('sh', '-c', `exec ${command.join(' ')} --json 2>/dev/null`)
    await firstLine(line)
    return line
  }

  async #flow(subject: Subject, cell: Cell, plan: Plan, round: number): Promise<readonly Result[]> {
    const { congestion, ms, traces } = plan
    const [from, to] = [this.#lab.host(this.#name('sender')), this.#lab.host(this.#name('receiver'))]
    // The data always goes the same way, so that the same packets are lost; who connects depends on who we are.
    const isReceiver = subject === 'kernel -> ours'
    const peer = isReceiver
      ? from.spawn(this.#peer, 'give', `${PORT}`, congestion)
      : to.spawn(this.#peer, 'take', `${PORT}`, `${ms}`)
    await firstLine(peer)
    const order: FlowOrder = {
      role: isReceiver ? 'receive' : 'send',
      interface: isReceiver ? 'right' : 'left',
      host: isReceiver ? SENDER : RECEIVER,
      address: '10.0.0.3/24',
      port: PORT,
      ms,
      congestion,
      tracePath: traces && join(traces, `${subject}-${cell.title}-${congestion}-${round}.csv`.replace(/[ >/]+/g, '')),
    }
    const client =
      subject === 'kernel -> kernel'
        ? from.spawn(this.#peer, 'pour', RECEIVER, `${PORT}`, congestion)
        : (isReceiver ? to : from).spawn(process.execPath, FLOW, JSON.stringify(order))
    const said = await Promise.all([outputOf(client), outputOf(peer)])
    return said.map((text) => JSON.parse(text) as Result)
  }
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
          const result = await lanes[i]!.run(subject, cell, plan, round)
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
  const { values } = parseArgs({
    args: [...args],
    options: {
      cells: { type: 'string', default: CELLS.join(',') },
      runs: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '10' },
      congestion: { type: 'string', default: 'cubic' },
      'at-once': { type: 'string', default: '1' },
      traces: { type: 'string' },
    },
  })
  const congestion = CONGESTIONS.find((each) => each === values.congestion)
  if (congestion === undefined) refuse(`--congestion is one of ${CONGESTIONS.join(', ')}`)
  if (values.traces !== undefined) mkdirSync(values.traces, { recursive: true })
  return {
    cells: values.cells.split(',').map(readCell),
    rounds: Number(values.runs),
    ms: Number(values.seconds) * 1000,
    congestion,
    atOnce: Number(values['at-once']),
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
