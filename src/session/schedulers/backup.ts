import type { Path } from '../paths/path.ts'
import { type Choice, hasRoom, type Scheduler } from './scheduler.ts'

/** One path at a time: the first in the order of their numbers that is alive. */
export const backup = (): Scheduler => ({ copies: 0, spreads: false, pick })

function pick({ paths, now }: Choice): Path | undefined {
  let first = paths[0]!
  for (const path of paths) if (path.id < first.id) first = path
  return hasRoom(first, now) ? first : undefined
}
