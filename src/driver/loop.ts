import type { Micros, Pollable } from '../base/types.ts'
import { Alarm } from './alarm.ts'
import { clock } from './clock.ts'

export interface LoopOptions {
  /**
   * Microseconds for which the event loop does not go to sleep after frames came or a user called: what comes next is
   * met awake, and the processor is busy for so long. Default 0.
   */
  readonly spin?: number | undefined
}

/**
 * Drives a stack in real time: polls it at once when frames arrive, soon after
 * a user call, and at its deadlines. One reading of the clock per poll, one
 * timer for all deadlines.
 */
export class Loop {
  readonly #stack: Pollable
  readonly #spin: number
  #awakeUntil = 0
  #isAwake = false
  readonly #alarm = new Alarm(() => this.#poll())
  #immediate: NodeJS.Immediate | undefined
  #isPolling = false
  #isStopped = false
  /** One function for all turns: `soon` is called for each frame, and a function of its own would cost each call. */
  readonly #turn = (): void => {
    this.#immediate = undefined
    this.#poll()
    this.#stayAwake()
  }

  constructor(stack: Pollable, options: LoopOptions = {}) {
    this.#stack = stack
    this.#spin = options.spin ?? 0
  }

  /** Frames are there: polls now, unless it is polling already. */
  wake(): void {
    if (this.#isPolling) this.soon()
    else {
      this.#poll()
      this.#stayAwake()
    }
  }

  /** Something changed: polls once this turn of the event loop has gathered everything. */
  soon(): void {
    if (this.#immediate !== undefined || this.#isStopped) return
    this.#immediate = setImmediate(this.#turn)
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

  #stayAwake(): void {
    if (this.#spin === 0) return
    this.#awakeUntil = clock() + this.#spin
    if (!this.#isAwake) this.#spinOn()
  }

  /** While something waits to be done at once, the event loop looks for news and does not wait for them. */
  #spinOn(): void {
    this.#isAwake = !this.#isStopped && clock() < this.#awakeUntil
    if (this.#isAwake) setImmediate(() => this.#spinOn())
  }

  #sleepUntil(at: Micros, now: Micros): void {
    if (at <= now) this.soon()
    else this.#alarm.setBy(at, now)
  }
}
