import type { Histogram } from '../engine/histogram.ts'
import type { RoundKind, RoundsInterval, RoundsTotal } from '../engine/rounds.ts'
import { duration, perSecond, span } from './units.ts'

const COLUMNS = ['p50', 'p90', 'p99', 'max'] as const
const WIDTH = 9

export const percentilesOf = (histogram: Histogram) => ({
  p50: histogram.percentile(0.5),
  p90: histogram.percentile(0.9),
  p99: histogram.percentile(0.99),
  max: histogram.count === 0 ? undefined : histogram.max,
})

/** `Interval … Requests … Rate … p50 p90 p99 max`. */
export function roundsHeader(kind: RoundKind): string {
  const what = kind === 'latency' ? 'Requests' : 'Connections'
  const columns = COLUMNS.map((name) => name.padStart(WIDTH)).join('')
  return `Interval           ${what.padStart(11)}  ${'Rate'.padStart(9)}${columns}`
}

export function roundsRow({ from, to, isOmitted, round }: RoundsInterval): string {
  const percentiles = percentilesOf(round)
  const columns = COLUMNS.map((name) => duration(percentiles[name]).padStart(WIDTH)).join('')
  const note = isOmitted ? '  (omitted)' : ''
  const count = String(round.count).padStart(11)
  return `${span(from, to).trimStart().padEnd(18)} ${count}  ${perSecond(round.count, to - from).padStart(9)}${columns}${note}`
}

/** What it came to, in two or three lines. */
export function roundsSummary(kind: RoundKind, { seconds, round, connect }: RoundsTotal): readonly string[] {
  const what = kind === 'latency' ? 'requests' : 'connections, each with a request'
  const lines = [
    `${round.count} ${what}, in ${seconds.toFixed(2)} s: ${perSecond(round.count, seconds).trimStart()}`,
    distribution(kind === 'latency' ? 'round trip' : 'connect, request, answer', round),
  ]
  if (kind === 'connections') lines.push(distribution('connect', connect))
  return lines
}

function distribution(name: string, histogram: Histogram): string {
  const { p50, p90, p99, max } = percentilesOf(histogram)
  const min = histogram.count === 0 ? undefined : histogram.min
  const parts = [
    `min ${duration(min)}`,
    `avg ${duration(histogram.mean)}`,
    `p50 ${duration(p50)}`,
    `p90 ${duration(p90)}`,
    `p99 ${duration(p99)}`,
    `p99.9 ${duration(histogram.percentile(0.999))}`,
    `max ${duration(max)}`,
    `sdev ${duration(histogram.deviation)}`,
  ]
  return `${name}: ${parts.join(', ')}`
}
