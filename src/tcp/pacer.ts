import { type Micros, micros } from '../base/types.ts'

/**
 * Spreads what is sent over time, at a rate. The deadline of the next frame lies in the table of timers; what a timer
 * that came late missed is made up for, but for no more than half a frame.
 */
export class Pacer {
  /** When the next frame may go. */
  next = micros(0)

  isDue(now: Micros): boolean {
    return this.next <= now
  }

  /** A frame of `octets` goes out at `rate` octets per microsecond. */
  sent(octets: number, rate: number, now: Micros): void {
    const length = octets / rate
    this.next = micros(Math.ceil(Math.max(this.next, now - length / 2) + length))
  }
}
