import type { Counters } from '../../base/counters.ts'
import { clock } from '../../driver/clock.ts'
import { Throttle } from '../../session/paths/throttle.ts'

const BITS = 8
const MICROS_PER_MS = 1000

/**
 * How many octets all streams and flows of a service may carry one way. What is saved up goes at once, and what one took too
 * much all wait for: then one after the other has its turn.
 */
export class RateLimit {
  readonly #throttle: Throttle
  /** Who waits, the first to come first. */
  readonly #waiting = new Set<() => void>()
  #timer: NodeJS.Timeout | undefined = undefined

  /** @param rate bits per second */
  constructor(rate: number) {
    this.#throttle = new Throttle(rate / BITS, clock())
  }

  /** Whether some may go now; whoever waits goes first. */
  get isOpen(): boolean {
    return this.#waiting.size === 0 && this.#throttle.available(clock()) >= 1
  }

  take(octets: number): void {
    this.#throttle.take(octets)
  }

  /** Calls back once, when it is the caller's turn: he may take what he has in hand. Harmless when he waits already. */
  wait(onTurn: () => void): void {
    this.#waiting.add(onTurn)
    this.#arm()
  }

  /** He waits no more. */
  forget(onTurn: () => void): void {
    this.#waiting.delete(onTurn)
    if (this.#waiting.size > 0) return
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #arm(): void {
    if (this.#timer !== undefined || this.#waiting.size === 0) return
    const now = clock()
    const pause = Math.max(1, Math.ceil((this.#throttle.at(now) - now) / MICROS_PER_MS))
    this.#timer = setTimeout(() => this.#onTime(), pause)
  }

  #onTime(): void {
    this.#timer = undefined
    for (const onTurn of this.#waiting) {
      if (this.#throttle.available(clock()) < 1) break
      this.#waiting.delete(onTurn)
      onTurn()
    }
    this.#arm()
  }
}

/** The limits of a service, from whoever asks (`in`) and back (`out`), as its tally counts them. */
export interface RateLimits {
  readonly in: RateLimit
  readonly out: RateLimit
}

/** Whether a datagram may go now; one that may not is lost, and counted. */
export function passes(limit: RateLimit | undefined, octets: number, dropped: Counters): boolean {
  if (limit === undefined) return true
  const { isOpen } = limit
  if (isOpen) limit.take(octets)
  else dropped.count('rate')
  return isOpen
}

/** Each way that rate, in bits per second; undefined without one. */
export const rateLimits = (rate: number | undefined): RateLimits | undefined =>
  rate === undefined ? undefined : { in: new RateLimit(rate), out: new RateLimit(rate) }
