import { fromMs } from '../../src/base/types.ts'
import type { FaultOptions } from '../../src/link/fault-options.ts'
import { CONGESTION_CONTROLS, type CongestionName } from '../../src/tcp/congestion/control.ts'
import { type Flow, type FlowRun, runFlows } from './flows.ts'

/** A table of numbers that a change of the stack changes. */
export interface Table {
  /** Of its file, without the ending. */
  readonly name: string
  readonly title: string
  readonly columns: readonly string[]
  /** The rows, each a list of cells. */
  rows(): readonly (readonly string[])[]
}

const ALGORITHMS: readonly CongestionName[] = CONGESTION_CONTROLS

/** The bytes that fill a path of that many bits per second and milliseconds. */
export const bandwidthDelay = (rate: number, rtt: number): number => Math.ceil((rate * rtt) / 8000)

/** A path of that round trip whose queue holds `queue` bandwidth-delay products. */
export const path = (rate: number, rtt: number, queue = 1): FaultOptions => ({
  rate,
  delay: fromMs(rtt / 2),
  queueBytes: Math.ceil(bandwidthDelay(rate, rtt) * queue),
})

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0)
const mean = (values: readonly number[]): number => sum(values) / values.length
const mbps = (rate: number): string => (rate / 1e6).toFixed(2)
const percent = (share: number): string => (share * 100).toFixed(2)
const seconds = (time: number): string => (time / 1e6).toFixed(3)
const ms = (time: number): string => (time / 1000).toFixed(1)

/** Jain's index: 1 when all get the same, 1/n when one gets all. */
export const fairness = (values: readonly number[]): number =>
  sum(values) ** 2 / (values.length * sum(values.map((value) => value ** 2)))

/** The share of segments that were sent again. */
export const retransmitted = ({ source: { stats, trouble } }: Flow): number =>
  trouble.retransmissions / stats.segmentsOut

export const goodputs = ({ flows, now }: FlowRun): number[] => flows.map((flow) => flow.goodput(now))

const GOODPUT: Table = {
  name: 'goodput',
  title:
    'Goodput in Mbit/s of one flow in 10 s at 50 Mbit/s, queue of one bandwidth-delay product, loss on the way there',
  columns: ['loss %', 'RTT ms', ...ALGORITHMS],
  rows: () =>
    [0, 0.001, 0.01, 0.03, 0.05].flatMap((loss) =>
      [20, 100].map((rtt) => [
        percent(loss),
        `${rtt}`,
        ...ALGORITHMS.map((congestion) =>
          mbps(
            goodputs(
              runFlows({ line: { ...path(50e6, rtt), send: { loss } }, tcp: { congestion }, until: 10_000 }),
            )[0]!,
          ),
        ),
      ]),
    ),
}

const BURST: Table = {
  name: 'burst-loss',
  title: 'Seconds for 10 MB at 20 Mbit/s, RTT 40 ms, when the line is down for a while 2 s after the start',
  columns: ['down ms', 'algorithm', 'seconds', 'sent again', 'timeouts'],
  rows: () =>
    [0, 5, 20, 100, 1000, 5000].flatMap((down) =>
      ALGORITHMS.map((congestion) => {
        const line = path(20e6, 40)
        const changes = [
          [2000, { ...line, down: down > 0 }],
          [2000 + down, line],
        ] as const
        const { flows } = runFlows({ line, bytes: 10e6, tcp: { congestion }, until: 60_000, changes })
        const { source, began, ended } = flows[0]!
        const { retransmissions, timeouts } = source.trouble
        return [`${down}`, congestion, seconds(ended! - began), `${retransmissions}`, `${timeouts}`]
      }),
    ),
}

const FAIRNESS: Table = {
  name: 'fairness',
  title: 'Flows that share a bottleneck with a drop-tail queue of one bandwidth-delay product, RTT 20 ms, for 20 s',
  columns: ['flows', 'Mbit/s', 'algorithm', 'Jain', 'least', 'most', 'lost in queue %'],
  rows: () =>
    (
      [
        [2, 50e6],
        [8, 50e6],
        [64, 100e6],
      ] as const
    ).flatMap(([flows, rate]) =>
      ALGORITHMS.map((congestion) => {
        const run = runFlows({ line: path(rate, 20), flows, stagger: 23, tcp: { congestion }, until: 20_000 })
        const rates = goodputs(run)
        const { overflowed, packets } = run.link.counters.send
        const extremes = [mbps(Math.min(...rates)), mbps(Math.max(...rates))]
        return [
          `${flows}`,
          `${rate / 1e6}`,
          congestion,
          fairness(rates).toFixed(3),
          ...extremes,
          percent(overflowed / packets),
        ]
      }),
    ),
}

const REORDERING: Table = {
  name: 'reordering',
  title: 'Packets overtaken by so many others, none lost: one flow for 10 s at 50 Mbit/s, RTT 40 ms',
  columns: ['reordered %', 'by', 'algorithm', 'Mbit/s', 'sent again %', 'timeouts'],
  rows: () =>
    [0, 0.005, 0.02, 0.1].flatMap((reorder) =>
      [3, 30].flatMap((depth) =>
        ALGORITHMS.map((congestion) => {
          const run = runReordered(reorder, depth, congestion)
          const [flow] = run.flows
          const cells = [mbps(goodputs(run)[0]!), percent(retransmitted(flow!)), `${flow!.source.trouble.timeouts}`]
          return [percent(reorder), `${depth}`, congestion, ...cells]
        }),
      ),
    ),
}

/** One flow whose window, not the queue, is the limit: whatever is sent again was not lost. */
export const runReordered = (reorder: number, depth: number, congestion: CongestionName): FlowRun =>
  runFlows({
    line: { ...path(50e6, 40, 4), send: { reorder, reorderDepth: depth } },
    tcp: { congestion, receiveBuffer: 2 * bandwidthDelay(50e6, 40) },
    until: 10_000,
  })

const QUEUES: readonly (readonly [string, FaultOptions])[] = [
  ['drop-tail, 1 BDP', path(20e6, 40)],
  ['drop-tail, 10 BDP', path(20e6, 40, 10)],
  ['CoDel', { ...path(20e6, 40, 10), codel: fromMs(5), ecn: false }],
  ['CoDel, marking', { ...path(20e6, 40, 10), codel: fromMs(5) }],
]

const BLOAT: Table = {
  name: 'bufferbloat',
  title: 'How long packets wait in the queue: one flow for 20 s at 20 Mbit/s, RTT 40 ms',
  columns: ['queue', 'algorithm', 'Mbit/s', 'mean ms', 'most ms', 'dropped', 'marked'],
  rows: () =>
    QUEUES.flatMap(([name, line]) =>
      ALGORITHMS.map((congestion) => {
        const run = runFlows({ line, tcp: { congestion, ecn: 'request' }, until: 20_000 })
        const { meanDelay, longestDelay } = run.link.queues(run.now).send
        const { overflowed, dropped, marked } = run.link.counters.send
        const delays = [ms(meanDelay), ms(longestDelay)]
        return [name, congestion, mbps(goodputs(run)[0]!), ...delays, `${overflowed + dropped}`, `${marked}`]
      }),
    ),
}

const COMPLETION: Table = {
  name: 'completion',
  title: 'Milliseconds from connect to the last byte, mean of five seeds, at 20 Mbit/s, RTT 40 ms',
  columns: ['kB', 'loss %', ...ALGORITHMS],
  rows: () =>
    [10, 100, 1000, 5000].flatMap((kilobytes) =>
      [0, 0.01].map((loss) => [
        `${kilobytes}`,
        percent(loss),
        ...ALGORITHMS.map((congestion) => {
          const time = (seed: number): number => {
            const line = { ...path(20e6, 40), seed, send: { loss } }
            const { flows } = runFlows({ line, bytes: kilobytes * 1000, tcp: { congestion }, until: 600_000 })
            return flows[0]!.ended! - flows[0]!.began
          }
          return ms(mean([1, 2, 3, 4, 5].map(time)))
        }),
      ]),
    ),
}

export const TABLES: readonly Table[] = [GOODPUT, BURST, FAIRNESS, REORDERING, BLOAT, COMPLETION]

/** The table as its file holds it. */
export function render({ title, columns, rows }: Table): string {
  const lines = [columns, ...rows()]
  const widths = columns.map((_, i) => Math.max(...lines.map((line) => line[i]!.length)))
  const text = lines.map((line) => line.map((cell, i) => cell.padStart(widths[i]!)).join('  '))
  return `${title}\n\n${text.join('\n')}\n`
}
