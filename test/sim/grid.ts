import { fromMs } from '../../src/base/types.ts'
import { CONGESTION_CONTROLS, type CongestionName } from '../../src/tcp/congestion/control.ts'
import { type FlowRun, runFlows } from './flows.ts'
import { path } from './tables.ts'

/** One flow over one path. Rates are bits per second, times milliseconds. */
export interface Cell {
  readonly loss: number
  readonly rtt: number
  readonly rate: number
  readonly queue: 'drop-tail' | 'codel'
  readonly congestion: CongestionName
}

const LOSSES = [0, 0.001, 0.01, 0.03]
const RTTS = [10, 50, 200]
const RATES = [2e6, 10e6, 50e6]
const QUEUES = ['drop-tail', 'codel'] as const
const UNTIL = 6000

/** Every combination of loss, round trip, rate, queue and algorithm. */
export const GRID: readonly Cell[] = LOSSES.flatMap((loss) =>
  RTTS.flatMap((rtt) =>
    RATES.flatMap((rate) =>
      QUEUES.flatMap((queue) => CONGESTION_CONTROLS.map((congestion) => ({ loss, rtt, rate, queue, congestion }))),
    ),
  ),
)

export function runCell({ loss, rtt, rate, queue, congestion }: Cell, seed = 1): FlowRun {
  const kept = queue === 'codel' ? { ...path(rate, rtt, 4), codel: fromMs(5) } : path(rate, rtt)
  return runFlows({ line: { ...kept, loss, seed }, tcp: { congestion, ecn: 'request' }, until: UNTIL })
}

/** All that a run can be told apart by, in one line. */
export function fingerprint({ flows, link, now }: FlowRun): string {
  const senders = flows.map(({ source, received }) => [
    received,
    { ...source.stats, ...source.trouble },
    source.rtt.srtt,
    source.congestion.cwnd,
  ])
  return JSON.stringify([now, senders, link.counters, link.queues(now)])
}
