/** Milliseconds. */
const FIRST = 100
const LAST = 5000

/** How long to wait before the next attempt: at random up to a bound that doubles, so that many do not come at once. */
export class Backoff {
  readonly #random: () => number
  #bound = FIRST

  /** `random` gives numbers in [0, 1). */
  constructor(random: () => number = Math.random) {
    this.#random = random
  }

  /** The next pause in milliseconds, never less than half of its bound. */
  next(): number {
    const bound = this.#bound
    this.#bound = Math.min(LAST, 2 * bound)
    return bound / 2 + (this.#random() * bound) / 2
  }

  reset(): void {
    this.#bound = FIRST
  }
}
