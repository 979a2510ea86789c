import type { Micros } from '../base/types.ts'

/** Lets a window grow by up to so many octets, when so much has been done with: asks whoever has the memory. */
export type Allow = (octets: number, done: number) => number

/** Below this a window grows fourfold, above it twofold. */
const SLOW_ABOVE = 524_288

/**
 * How much the other side may send: a window that grows, up to its limit, while it is used up within two round trips of the
 * slowest path, or while the other side comes up against its end. New credit is told when half of it has been used.
 */
export class ReceiveWindow {
  /** The octet that the other side may not pass. */
  limit: number
  #size: number
  readonly #most: number
  readonly #allow: Allow
  #toldAt: Micros = 0 as Micros
  /** What the limit was before it was told last. */
  #before: number
  /** The other side has come up against a limit. */
  #isShort = false

  constructor(size: number, most: number, allow: Allow = (octets) => octets) {
    this.limit = size
    this.#before = size
    this.#size = size
    this.#most = Math.max(size, most)
    this.#allow = allow
  }

  get size(): number {
    return this.#size
  }

  /** Octets came up to `highest`: whoever ends just there waits to be let go on. */
  onHighest(highest: number): void {
    if (highest === this.limit || highest === this.#before) this.#isShort = true
  }

  /** So much has been done with; whether there is new credit to tell. */
  onDone(done: number, rtt: number, now: Micros): boolean {
    if (this.limit - done > this.#size / 2) return false
    const isFast = now - this.#toldAt < 2 * rtt
    if ((isFast || this.#isShort) && this.#size < this.#most) {
      const more = this.#size < SLOW_ABOVE ? 3 * this.#size : this.#size
      this.#size += this.#allow(Math.min(more, this.#most - this.#size), done)
    }
    this.#toldAt = now
    this.#isShort = false
    this.#before = this.limit
    this.limit = done + this.#size
    return true
  }
}
