import type { Path } from '../../session/paths/path.ts'
import { formatProxy } from '../../transport/proxy.ts'
import type { PathConfig } from '../config/types.ts'
import type { LiveSession } from '../live-session.ts'
import type { PathStatus } from '../status.ts'
import type { PathMeter } from './path-meter.ts'

const BITS = 8

type Figures = Omit<
  PathStatus,
  | 'name'
  | 'state'
  | 'role'
  | 'weight'
  | 'endpoint'
  | 'way'
  | 'up_ms'
  | 'share'
  | 'attempts'
  | 'connections'
  | 'last_error'
  | 'retry_ms'
  | 'quota'
>

/** What is measured of a path, on either side; `path` is undefined while it has no connection. */
export function pathFigures(path: Path | undefined, live: LiveSession | undefined, meter: PathMeter): Figures {
  const { totals, rateIn, rateOut } = meter
  return {
    id: path?.id ?? null,
    ...roundTrips(path),
    ...kernelFigures(path, live),
    rate_out: Math.round(rateOut * BITS),
    rate_in: Math.round(rateIn * BITS),
    capacity: path === undefined || path.estimator.rate === 0 ? null : Math.round(path.estimator.rate * BITS),
    sent_bytes: totals.sent,
    received_bytes: totals.received,
    records_sent: totals.recordsOut,
    records_received: totals.recordsIn,
    in_flight_bytes: path?.inFlight ?? 0,
    reinjected_bytes: totals.reinjected,
    stalls: totals.stalls,
  }
}

const milliseconds = (micros: number): number => Math.round(micros) / 1000

function roundTrips(path: Path | undefined): Pick<PathStatus, 'srtt_ms' | 'rttvar_ms' | 'min_rtt_ms'> {
  if (path === undefined || !path.estimator.hasRtt) return { srtt_ms: null, rttvar_ms: null, min_rtt_ms: null }
  const { srtt, rttvar, minRtt } = path.estimator
  return { srtt_ms: milliseconds(srtt), rttvar_ms: milliseconds(rttvar), min_rtt_ms: milliseconds(minRtt) }
}

function kernelFigures(
  path: Path | undefined,
  live: LiveSession | undefined,
): Pick<PathStatus, 'kernel_rtt_ms' | 'retransmits' | 'queued_bytes'> {
  if (path === undefined) return { kernel_rtt_ms: null, retransmits: null, queued_bytes: null }
  const info = live?.info(path)
  const { queued } = path.pipe
  if (info === undefined) return { kernel_rtt_ms: null, retransmits: null, queued_bytes: queued }
  return {
    kernel_rtt_ms: milliseconds(info.rtt),
    retransmits: info.retransmits,
    queued_bytes: queued + info.notSent,
  }
}

/** How a path gets to its other end, in words. */
export function wayOf({ local, interface: device, proxy, via }: PathConfig): string {
  const words = [
    ...(via === undefined ? [] : [`by our own stack at ${via.ip} on ${via.interface}`]),
    ...(device === undefined ? [] : [`by ${device}`]),
    ...(local === undefined ? [] : [`from ${local}`]),
    ...(proxy === undefined ? [] : [`through ${formatProxy(proxy)}`]),
  ]
  return words.length === 0 ? 'directly' : words.join(', ')
}
