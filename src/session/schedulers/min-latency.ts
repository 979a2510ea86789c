import type { Path } from '../paths/path.ts'
import { type Choice, hasRoom, type Scheduler } from './scheduler.ts'

/** Another path must be better by this much, and by this share, before it is taken instead: microseconds. */
const MARGIN = 5_000
const SHARE = 0.1

/** The path with the least round trip, and it alone while it keeps up: what follows in order arrives in order. */
export function minLatency(): Scheduler {
  let current: Path | undefined
  const pick = ({ paths, now }: Choice): Path | undefined => {
    let best = paths[0]!
    for (const path of paths) if (path.estimator.srtt < best.estimator.srtt) best = path
    const isGone = current === undefined || !paths.includes(current)
    const limit = isGone ? 0 : current!.estimator.srtt * (1 - SHARE) - MARGIN
    if (isGone || best.estimator.srtt < limit) current = best
    return hasRoom(current!, now) ? current : undefined
  }
  return { copies: 0, spreads: false, pick }
}
