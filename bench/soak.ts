// Mixed load for a long time: is memory flat, and is nothing wrong? npm run bench -- soak [--minutes 30] [--seed N]
import { createLab, labUnavailable } from '../test/real/netns.ts'
import { positive, readFlags } from './flags.ts'
import { machine, refuse } from './rig.ts'
import { type Trend, trendsOf } from './soak/judge.ts'
import { KERNEL_HOSTS, kernelLanes, type Lane, memoryLane } from './soak/lane.ts'
import { type Rest, SoakRun } from './soak/run.ts'

/** Rests in one soak, but no closer together than a second, and no further apart than a minute. */
const RESTS = 40
const PEERS = ['both', 'stack', 'kernel'] as const

interface Plan {
  readonly minutes: number
  readonly seed: number
  readonly peer: (typeof PEERS)[number]
  readonly json: boolean
}

const mib = (bytes: number): string => (bytes / (1 << 20)).toFixed(1)

const COLUMNS: readonly (readonly [title: string, of: (rest: Rest) => string])[] = [
  ['minutes', ({ minutes }) => minutes.toFixed(1)],
  ['GB', ({ done }) => (done.bytes / 1e9).toFixed(2)],
  ['connections', ({ done }) => `${done.connections}`],
  ['requests', ({ done }) => `${done.requests}`],
  ['datagrams', ({ done }) => `${done.datagrams}`],
  ['pings', ({ done }) => `${done.pings}`],
  ['wrong', ({ done }) => `${done.problems}`],
  ['heap MiB', ({ heap }) => mib(heap)],
  ['external', ({ external }) => mib(external)],
  ['buffers', ({ buffers }) => mib(buffers)],
  ['RSS', ({ rss }) => mib(rss)],
  ['live', ({ live }) => `${live}`],
  ['TIME-WAIT', ({ timeWait }) => `${timeWait}`],
  ['ports', ({ ports }) => `${ports}`],
]

const line = (cells: readonly string[]): string =>
  `| ${cells.map((cell, i) => cell.padStart(Math.max(8, COLUMNS[i]![0].length))).join(' | ')} |`

function readPlan(args: readonly string[]): Plan {
  const values = readFlags(args, {
    minutes: { type: 'string', default: '30' },
    seed: { type: 'string', default: '1' },
    peer: { type: 'string' },
    json: { type: 'boolean', default: false },
  })
  const why = labUnavailable()
  const peer = PEERS.find((each) => each === (values.peer ?? (why === undefined ? 'both' : 'stack')))
  if (peer === undefined) refuse(`--peer is one of ${PEERS.join(', ')}`)
  if (why !== undefined && peer !== 'stack') refuse(why)
  if (why !== undefined && values.peer === undefined) console.error(`bench: no kernel as a peer: ${why}`)
  return { minutes: positive('minutes', values.minutes), seed: positive('seed', values.seed), peer, json: values.json }
}

async function openLanes({ peer, seed }: Plan): Promise<{ lanes: Lane[]; close: () => void }> {
  const lanes: Lane[] = []
  if (peer !== 'kernel') lanes.push(await memoryLane(false, seed), await memoryLane(true, seed))
  const lab = peer === 'stack' ? undefined : createLab({ hosts: KERNEL_HOSTS })
  // A signal alone would not let the lab be removed.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => process.exit(130))
  if (lab !== undefined) lanes.push(...(await kernelLanes(lab, seed)))
  const close = (): void => {
    for (const { stacks } of lanes) for (const host of stacks) host.close()
    lab?.close()
  }
  return { lanes, close }
}

function printTrends(trends: readonly Trend[] | undefined): void {
  if (trends === undefined) console.log('memory: too short a time to judge')
  for (const { name, growth, bound, isFlat } of trends ?? []) {
    const verdict = isFlat ? 'flat' : 'NOT FLAT'
    console.log(`${name}: ${verdict}: ${mib(growth)} MiB more in the second half, ${mib(bound)} MiB allowed`)
  }
}

/** Prints what was found over time, and whether memory was flat and nothing wrong; that is the exit code as well. */
export async function soak(args: readonly string[]): Promise<void> {
  const plan = readPlan(args)
  const { lanes, close } = await openLanes(plan)
  const ms = plan.minutes * 60_000
  const every = Math.min(60_000, Math.max(1000, ms / RESTS))
  if (!plan.json) {
    console.log(machine())
    console.log(`${lanes.map(({ name }) => name).join('; ')}; ${plan.minutes} minutes, seed ${plan.seed}\n`)
    console.log(line(COLUMNS.map(([title]) => title)))
    console.log(`|${COLUMNS.map(([title]) => `${'-'.repeat(Math.max(8, title.length) + 1)}:`).join('|')}|`)
  }
  const run = await SoakRun.prepare(lanes, plan.seed)
  await run.run(ms, every, (rest) => {
    console.log(plan.json ? JSON.stringify({ v: 1, ev: 'rest', ...rest }) : line(COLUMNS.map(([, of]) => of(rest))))
  })
  const { tally } = run
  const trends = trendsOf(run.rests)
  const isFlat = trends?.every((trend) => trend.isFlat) ?? true
  const passed = isFlat && tally.problems === 0
  if (plan.json) {
    const { kept: problems, problems: wrong, ...done } = tally
    const summary = { v: 1, ev: 'summary', passed, wrong, ...done, trends, problems }
    console.log(JSON.stringify(summary))
  } else {
    console.log(
      `\n${tally.failures} connections were aborted, reset or refused on purpose; of ${tally.datagrams} datagrams ` +
        `${tally.unanswered} had no answer, of ${tally.pings} pings ${tally.lost}`,
    )
    printTrends(trends)
    console.log(tally.problems === 0 ? 'nothing wrong, nothing stuck' : `WRONG: ${tally.problems} problems, see above`)
  }
  close()
  process.exitCode = passed ? 0 : 1
}
