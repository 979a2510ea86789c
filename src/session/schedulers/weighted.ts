import type { Path } from '../paths/path.ts'
import { type Choice, hasRoom, type Scheduler } from './scheduler.ts'

/** Octets of debt that are forgotten: a path that was full or away does not get all at once what it missed. */
const MEMORY = 1_048_576

/** Shares in the proportion of the paths' weights, as long as they have room. */
export const weighted = (): Scheduler => ({ copies: 0, spreads: true, pick })

function pick({ paths, now }: Choice): Path | undefined {
  let best: Path | undefined
  for (const path of paths) {
    if (path.weight > 0 && hasRoom(path, now) && (best === undefined || path.debt < best.debt)) best = path
  }
  if (best === undefined) return undefined
  best.debt += best.estimator.recordSize() / best.weight
  const least = best.debt - MEMORY
  for (const path of paths) path.debt = Math.max(path.debt, least)
  return best
}
