import type { Path } from '../paths/path.ts'
import { type Choice, hasRoom, type Scheduler } from './scheduler.ts'

/** This share of the window may be filled by what overtakes a record on a slower path. */
const WINDOW_SHARE = 0.8

/**
 * Earliest arrival: the path on which the record would arrive first. When that one is full, a slower one is taken only
 * if the receiver's window lasts until its record arrives, else the window would close and the fast path stand still
 * for the slow one (the idea of BLEST, Ferlin et al., Networking 2016).
 */
export const aggregate = (): Scheduler => ({ copies: 0, spreads: true, pick })

function pick({ paths, window, now }: Choice): Path | undefined {
  let best: Path | undefined
  let bestAt = Number.POSITIVE_INFINITY
  let open: Path | undefined
  let openAt = Number.POSITIVE_INFINITY
  for (const path of paths) {
    const at = path.estimator.arrival(path.inFlight, path.estimator.recordSize())
    if (at < bestAt) {
      best = path
      bestAt = at
    }
    if (at < openAt && hasRoom(path, now)) {
      open = path
      openAt = at
    }
  }
  if (open === undefined || open === best) return open
  return overtaking(paths, openAt) <= WINDOW_SHARE * window ? open : undefined
}

/** Octets that faster paths bring until a record that needs `arrival` is there and its acknowledgement back. */
function overtaking(paths: readonly Path[], arrival: number): number {
  let octets = 0
  let back = Number.POSITIVE_INFINITY
  for (const { estimator } of paths) back = Math.min(back, estimator.minRtt / 2)
  for (const path of paths) {
    if (path.estimator.arrival(path.inFlight, 0) < arrival) octets += path.within(arrival + back)
  }
  return octets
}
