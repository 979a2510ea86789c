import { type Micros, NEVER, type Pollable } from '../base/types.ts'
import { clock } from './clock.ts'

/** A later deadline is looked at again when this has passed: the limit of setTimeout is 2^31 ms. */
const LONGEST_SLEEP_MS = 86_400_000

/**
 * Drives a stack in real time: polls it at once when frames arrive, soon after
 * a user call, and at its deadlines. One reading of the clock per poll, one
 * timer for all deadlines.
 */
export class Loop {
  readonly #stack: Pollable
  #timer: NodeJS.Timeout | undefined
  #timerAt: Micros = NEVER
  #immediate: NodeJS.Immediate | undefined
  #isPolling = false
  #isStopped = false

  constructor(stack: Pollable) {
    this.#stack = stack
  }

  /** Frames are there: polls now, unless it is polling already. */
  wake(): void {
    if (this.#isPolling) this.soon()
    else this.#poll()
  }

  /** Something changed: polls once this turn of the event loop has gathered everything. */
  soon(): void {
    if (this.#immediate !== undefined || this.#isStopped) return
    this.#immediate = setImmediate(() => {
      this.#immediate = undefined
      this.#poll()
    })
  }

  /** Never polls again, and keeps no process alive. */
  stop(): void {
    this.#isStopped = true
    clearImmediate(this.#immediate)
    clearTimeout(this.#timer)
  }

  #poll(): void {
    if (this.#isStopped) return
    this.#isPolling = true
    const now = clock()
    try {
      this.#stack.poll(now)
    } finally {
      this.#isPolling = false
    }
    this.#sleepUntil(this.#stack.pollAt(), now)
  }

  #sleepUntil(at: Micros, now: Micros): void {
    if (at <= now) {
      this.soon()
      return
    }
    // A timer that fires too early costs one idle poll; moving it with every segment would cost more.
    if (at >= this.#timerAt) return
    clearTimeout(this.#timer)
    const sleep = Math.min(LONGEST_SLEEP_MS, Math.ceil((at - now) / 1000))
    this.#timerAt = at
    this.#timer = setTimeout(() => {
      this.#timerAt = NEVER
      this.#poll()
    }, sleep)
  }
}
