import { type Micros, micros } from '../../base/types.ts'

/**
 * Spreads what is sent over time, at a rate. The deadline of the next frame lies in the table of timers. What a frame
 * that waited for its turn missed because the event loop came late is made up for; time without anything to send is not,
 * but for half a frame.
 */
export class Pacer {
  /** When the next frame may go. */
  next = micros(0)
  #isWaiting = false

  /** Whether the next frame must wait. */
  waits(now: Micros): boolean {
    if (this.next <= now) return false
    this.#isWaiting = true
    return true
  }

  /** Nothing waits for its turn any more: there is nothing to send, or no window for it. */
  rest(): void {
    this.#isWaiting = false
  }

  /**
   * A frame of `octets` goes out at `rate` octets per microsecond; a late loop is made up for by `mostLate` at most.
   * True when it came later than that, so that less was sent than the rate allowed.
   */
  sent(octets: number, rate: number, mostLate: number, now: Micros): boolean {
    const length = octets / rate
    const late = this.#isWaiting ? Math.max(mostLate, length / 2) : length / 2
    const isLate = this.#isWaiting && this.next < now - late
    this.next = micros(Math.ceil(Math.max(this.next, now - late) + length))
    return isLate
  }
}
