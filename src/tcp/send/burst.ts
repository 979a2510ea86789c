import type { Tcb } from '../tcb.ts'

/** What one super-segment can carry, near enough. */
const MOST = 65_536
/** A frame carries what the connection sends in 1/1024 of a second. */
const PER_SECOND = 1024
/** The connection's rate: twice a window in each round trip in slow start, later a fifth more than one. */
const SLOW_START_GAIN = 2
const AVOIDANCE_GAIN = 1.2
/** Below a few milliseconds of round trip a burst disturbs nobody: it doubles with every halving of the distance. */
const NEAR = 512

/**
 * How much of the send queue goes out in one frame, in octets. A super-segment leaves the machine back to back and meets
 * the path's queues at once, so a connection makes it no larger than a millisecond of its own rate, but of two segments
 * at least, as Linux does; its ACKs then return as evenly as the path allows.
 */
export function burst(tcb: Tcb): number {
  const { mss, settings, congestion } = tcb
  const segments = Math.max(settings.minBurst, Math.floor(share(tcb) / mss))
  // Two frames share a window, so that the ACKs of the one come while the other is on its way.
  const half = Math.max(1, Math.floor(congestion.cwnd / mss) >> 1)
  return mss * Math.max(1, Math.min(settings.maxBurst, segments, half))
}

/** The rate of a paced connection in octets per microsecond; undefined where ACKs alone let out what follows. */
export function pacingRate(tcb: Tcb): number | undefined {
  return tcb.congestion.pacingRate ?? (tcb.settings.pacing && tcb.rtt.srtt !== undefined ? windowRate(tcb) : undefined)
}

function share(tcb: Tcb): number {
  if (tcb.rtt.srtt === undefined) return MOST
  const rate = 1_000_000 * (tcb.congestion.pacingRate ?? windowRate(tcb))
  const distance = Math.floor(tcb.rtt.minRtt / NEAR)
  return rate / PER_SECOND + (distance < 31 ? MOST / (1 << distance) : 0)
}

function windowRate({ congestion, rtt, flightSize }: Tcb): number {
  const gain = congestion.cwnd < congestion.ssthresh / 2 ? SLOW_START_GAIN : AVOIDANCE_GAIN
  return (gain * Math.max(congestion.cwnd, flightSize)) / Math.max(1, rtt.srtt ?? 1)
}
