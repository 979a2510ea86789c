import type { Micros } from '../base/types.ts'
import type { LiveSession } from './live-session.ts'

/** A path that is silent for so long, in milliseconds, is as good as gone. */
export const SILENCE = 15_000
const MICROS = 1000

/** Tells when a session has waited for a path for long enough. */
export class FreezeWatch {
  #live: LiveSession | undefined = undefined
  #since: Micros | undefined = undefined

  /** Whether nothing has carried the session for `freeze` milliseconds; to be asked again and again. */
  isOver(live: LiveSession | undefined, now: Micros, freeze: number): boolean {
    if (live !== this.#live) this.#since = undefined
    this.#live = live
    const isCarried = live?.session.paths.some(
      ({ state, stalledAt }) => state === 'open' || now - stalledAt < SILENCE * MICROS,
    )
    if (live === undefined || isCarried) this.#since = undefined
    else this.#since ??= now
    return this.#since !== undefined && now - this.#since >= freeze * MICROS
  }
}
