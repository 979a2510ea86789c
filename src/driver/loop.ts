import type { Micros, Pollable } from '../base/types.ts'
import { Alarm } from './alarm.ts'
import { clock } from './clock.ts'

/**
 * Drives a stack in real time: polls it at once when frames arrive, soon after
 * a user call, and at its deadlines. One reading of the clock per poll, one
 * timer for all deadlines.
 */
export class Loop {
  readonly #stack: Pollable
  readonly #alarm = new Alarm(() => this.#poll())
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
    this.#alarm.close()
  }

  #poll(): void {
    if (this.#isStopped) return
    this.#isPolling = true
    const now = clock()
    try {
      this.#stack.poll(now)
    } finally {
      this.#isPolling = false
      this.#sleepUntil(this.#stack.pollAt(), now)
    }
  }

  #sleepUntil(at: Micros, now: Micros): void {
    if (at <= now) this.soon()
    else this.#alarm.setBy(at, now)
  }
}
