import { BoundedMap } from '../base/bounded-map.ts'
import type { Micros } from '../base/types.ts'
import type { Log } from './log.ts'

/** What has been said is not said again for so long, in microseconds. */
const QUIET = 60_000_000
/** So many are known apart. */
const MOST = 256

/**
 * Warns of what goes wrong in services: of each kind once a minute, since a dead backend is met by every connection, and
 * users who may choose targets choose what messages say.
 */
export class ProblemLog {
  readonly #log: Log
  readonly #said = new BoundedMap<string, { readonly at: Micros; more: number }>(MOST)

  constructor(log: Log) {
    this.#log = log
  }

  /** Tells of it; or counts it, and says so when one of that kind is told the next time. */
  tell(service: string, error: NodeJS.ErrnoException, now: Micros): void {
    const key = `${service} ${error.code}`
    const last = this.#said.get(key)
    if (last !== undefined && now - last.at < QUIET) {
      last.more++
      return
    }
    const { more = 0 } = last ?? {}
    this.#log.warn(error.message, { service, ...(more > 0 && { more }) })
    this.#said.set(key, { at: now, more: 0 })
  }
}
