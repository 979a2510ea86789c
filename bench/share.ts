// Flows of ours and of the kernel through one bottleneck: npm run bench -- share

import { positive, readFlags } from './flags.ts'
import { Lane } from './lane.ts'
import { CONGESTIONS, type Congestion, type Result } from './result.ts'
import { machine, refuse, withRig } from './rig.ts'

const PORT = 7000

/** So many flows of each through a line of that rate. */
interface Contest {
  readonly ours: number
  readonly kernel: number
  readonly mbps: number
  readonly rtt: number
}

const CONTESTS: readonly Contest[] = [
  { ours: 1, kernel: 1, mbps: 50, rtt: 20 },
  { ours: 1, kernel: 1, mbps: 50, rtt: 100 },
  { ours: 64, kernel: 0, mbps: 200, rtt: 20 },
  { ours: 32, kernel: 32, mbps: 200, rtt: 20 },
]

/** Goodput of each flow in Mbit/s, ours first. */
async function run(lane: Lane, contest: Contest, ms: number, congestion: Congestion, seed: number): Promise<number[]> {
  const { ours, kernel, mbps, rtt } = contest
  return lane.behind({ loss: '0', rtt, rate: mbps * 1e6, seed }, async () => {
    const ports = Array.from({ length: ours + kernel }, (_, i) => PORT + i)
    const takers = await Promise.all(ports.map((port) => lane.kernelTakes(port, ms)))
    const begun = await lane.wePour({ port: PORT, ms, congestion, flows: ours })
    const others = ports.slice(ours).map((port) => lane.kernelPours(port, congestion))
    await Promise.all([begun, ...others].map(({ result }) => result))
    const results: Result[] = await Promise.all(takers.map(({ result }) => result))
    return results.map((result) => result['mbps']!)
  })
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)

/** Jain's index of fairness: 1 when all get the same, 1/n when one gets all. */
export const fairness = (values: readonly number[]): number =>
  sum(values) ** 2 / (values.length * sum(values.map((value) => value ** 2)))

function row({ ours, kernel, mbps, rtt }: Contest, runs: readonly number[][]): string {
  const list = (values: readonly number[], digits: number): string => values.map((v) => v.toFixed(digits)).join(', ')
  const cells = [
    `${ours} of ours, ${kernel} of the kernel's, ${mbps} Mbit/s, ${rtt} ms`,
    kernel === 0
      ? ''
      : list(
          runs.map((flows) => (100 * sum(flows.slice(0, ours))) / sum(flows)),
          0,
        ),
    list(runs.map(fairness), 3),
    list(runs.map(sum), 1),
  ]
  return `| ${cells.join(' | ')} |`
}

/** Prints who gets how much of one line. */
export async function shareLine(args: readonly string[]): Promise<void> {
  const values = readFlags(args, {
    runs: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '20' },
    congestion: { type: 'string', default: 'cubic' },
    only: { type: 'string' },
  })
  const rounds = positive('runs', values.runs)
  const ms = positive('seconds', values.seconds) * 1000
  const congestion = CONGESTIONS.find((each) => each === values.congestion)
  if (congestion === undefined) refuse(`--congestion is one of ${CONGESTIONS.join(', ')}`)
  const contests = values.only === undefined ? CONTESTS : CONTESTS.filter((_, i) => values.only === String(i + 1))
  if (contests.length === 0) refuse(`--only is a number from 1 to ${CONTESTS.length}`)
  const results: number[][][] = contests.map(() => [])
  await withRig(Lane.hosts(), async (lab, peer) => {
    const lane = new Lane(lab, peer)
    for (let round = 1; round <= rounds; round++) {
      for (const [i, contest] of contests.entries()) {
        const flows = await run(lane, contest, ms, congestion, round)
        results[i]!.push(flows)
        console.error(`bench: round ${round}, ${row(contest, [flows])}`)
      }
    }
  })
  console.log(machine())
  console.log(`${congestion}; no loss but in the queue of one bandwidth-delay product; ${values.seconds} s a run\n`)
  console.log("| flows through one line | our share, % | Jain's index | together, Mbit/s |")
  console.log('|------------------------|-------------:|-------------:|-----------------:|')
  for (const [i, contest] of contests.entries()) console.log(row(contest, results[i]!))
}
