import type { Path } from '../paths/path.ts'
import { type Choice, hasRoom, type Scheduler } from './scheduler.ts'

/** Whichever path has room, in turn: what is slow takes less by itself. Gota's way; good for paths that are alike. */
export function firstReady(): Scheduler {
  let last = -1
  const pick = ({ paths, now }: Choice): Path | undefined => {
    const next = paths.find((path) => path.id > last && hasRoom(path, now)) ?? paths.find((path) => hasRoom(path, now))
    if (next !== undefined) last = next.id
    return next
  }
  return { copies: 0, spreads: true, pick }
}
