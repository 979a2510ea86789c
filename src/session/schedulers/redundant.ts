import type { Path } from '../paths/path.ts'
import { type Choice, hasRoom, type Scheduler } from './scheduler.ts'

/** Everything on every path, so that the first copy counts: as fast as the fastest at any moment, and no faster. */
export const redundant = (): Scheduler => ({ copies: Number.POSITIVE_INFINITY, spreads: false, pick })

function pick({ paths, now }: Choice): Path | undefined {
  let best: Path | undefined
  let bestAt = Number.POSITIVE_INFINITY
  for (const path of paths) {
    if (!hasRoom(path, now)) continue
    const at = path.estimator.arrival(path.inFlight, path.estimator.recordSize())
    if (at >= bestAt) continue
    best = path
    bestAt = at
  }
  return best
}
