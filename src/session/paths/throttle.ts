import { addMicros, type Micros } from '../../base/types.ts'

/** So long may be saved up, in seconds, and so many octets at least: what a rate means over a moment. */
const SAVED = 0.02
const LEAST_SAVED = 65_536
const MEGA = 1_000_000

/** Octets that may go at a rate: what is saved up may go at once, and what went beyond it is owed. */
export class Throttle {
  readonly #rate: number
  readonly #most: number
  #saved: number
  #at: Micros

  /** `rate` in octets per second. */
  constructor(rate: number, now: Micros) {
    this.#rate = rate
    this.#most = Math.max(LEAST_SAVED, rate * SAVED)
    this.#saved = this.#most
    this.#at = now
  }

  /** Octets that may go now; not more than 0 while some are owed. */
  available(now: Micros): number {
    this.#saved = Math.min(this.#most, this.#saved + ((now - this.#at) * this.#rate) / MEGA)
    this.#at = now
    return this.#saved
  }

  /** Octets that may go in the next `micros`, at most. */
  within(micros: number): number {
    return this.#most + (micros * this.#rate) / MEGA
  }

  take(octets: number): void {
    this.#saved -= octets
  }

  /** When some may go again. */
  at(now: Micros): Micros {
    const owed = 1 - this.available(now)
    return owed <= 0 ? now : addMicros(now, Math.ceil((owed * MEGA) / this.#rate))
  }
}
