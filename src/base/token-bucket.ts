import type { Micros } from './types.ts'

const SECOND = 1_000_000

/** At most `rate` events a second, `burst` of them at once. */
export class TokenBucket {
  readonly #rate: number
  readonly #burst: number
  #tokens: number
  #filledAt = 0

  constructor(rate: number, burst: number) {
    this.#rate = rate
    this.#burst = burst
    this.#tokens = burst
  }

  /** Whether one more may happen now. */
  take(now: Micros): boolean {
    const gained = ((now - this.#filledAt) * this.#rate) / SECOND
    this.#tokens = Math.min(this.#burst, this.#tokens + Math.max(0, gained))
    this.#filledAt = now
    if (this.#tokens < 1) return false
    this.#tokens--
    return true
  }
}
