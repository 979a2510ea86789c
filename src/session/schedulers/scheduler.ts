import type { Micros } from '../../base/types.ts'
import type { Path } from '../paths/path.ts'

/** What a scheduler is asked: where the next record should go. */
export interface Choice {
  /** Paths that may carry it, by their roles and state; some may have no room. At least one. */
  readonly paths: readonly Path[]
  /** Octets that the receiver lets be under way in all; those that wait for a late one fill it. */
  readonly window: number
  readonly now: Micros
}

/** Decides which path carries the next record. It keeps little state, and is asked for every record. */
export interface Scheduler {
  /** On how many other paths the same frames go as well. */
  readonly copies: number
  /** It has several paths carry at once what belongs together: the end of that may wait for the slowest of them. */
  readonly spreads: boolean
  /** A path with room, or undefined to wait: for room, or because waiting is faster than the path that has some. */
  pick(choice: Choice): Path | undefined
}

/** Whether a record fits on it now. */
export const hasRoom = (path: Path, now: Micros): boolean => path.room(now) > 0
