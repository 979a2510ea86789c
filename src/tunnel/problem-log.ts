import { BoundedMap } from '../base/bounded-map.ts'
import type { Micros } from '../base/types.ts'
import type { Log } from './log.ts'

/** What has been said is not said again for so long, in microseconds. */
const QUIET = 60_000_000
/** So many are known apart: users choose targets, and messages name them. */
const MOST = 256

/** Warns of what goes wrong in services: once a minute each, since a dead backend is met by every connection. */
export class ProblemLog {
  readonly #log: Log
  readonly #said = new BoundedMap<string, { readonly at: Micros; more: number }>(MOST)

  constructor(log: Log) {
    this.#log = log
  }

  /** Tells of it; or counts it, and says so when it is told the next time. */
  tell(service: string, { message }: Error, now: Micros): void {
    const key = `${service} ${message}`
    const last = this.#said.get(key)
    if (last !== undefined && now - last.at < QUIET) {
      last.more++
      return
    }
    const { more = 0 } = last ?? {}
    this.#log.warn(message, { service, ...(more > 0 && { more }) })
    this.#said.set(key, { at: now, more: 0 })
  }
}
