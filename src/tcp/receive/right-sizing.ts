import { type Micros, micros } from '../../base/types.ts'

/** The segments that a sender may begin with (RFC 6928): what the first round trip brings is no growth yet. */
const FIRST_ROUND = 10
/** Room for what comes before the user has read. */
const SLACK = 16
const MICROS_PER_TICK = 1000

/**
 * Dynamic right-sizing (Fisk and Feng, 2001), with Linux's factors: how much the receive buffer must hold so that the
 * window is never what limits the sender. What the user reads in a round trip is the base; twice that bears a loss, and
 * as much again for each doubling keeps ahead of a slow start, whose next round is sent before we see it coming.
 */
export class RightSizing {
  /** The round trip as a receiver sees it: from an ACK until the data it let go; 0 while unknown. */
  #rtt = 0
  #lastEcho = 0
  #since = micros(0)
  #bytes = 0
  #base = 0

  /**
   * A full-sized segment echoes the timestamp of one of our ACKs (RFC 7323 §4.1), `ticks` milliseconds ago. Only the
   * first of those it let go measures the way.
   */
  measure(echo: number, ticks: number): void {
    if (echo === this.#lastEcho || ticks < 0) return
    this.#lastEcho = echo
    const sample = Math.max(1, ticks) * MICROS_PER_TICK
    this.#rtt += this.#rtt === 0 ? sample : (sample - this.#rtt) / 8
  }

  /** The user took `count` bytes: the buffer to have from now on, if larger than now. `handshake` is its round trip. */
  wanted(count: number, mss: number, handshake: number, now: Micros): number {
    this.#bytes += count
    const elapsed = now - this.#since
    if (this.#rtt > 0 ? elapsed < this.#rtt : elapsed < handshake) return 0
    const bytes = this.#bytes
    this.#bytes = 0
    this.#since = now
    const base = this.#base || FIRST_ROUND * mss
    if (bytes <= base) return 0
    this.#base = bytes
    const room = 2 * bytes + SLACK * mss
    return room + (2 * room * (bytes - base)) / base
  }
}

/** The right-sizing of a connection: it begins with the first data. */
export function sizingOf(tcb: { sizing: RightSizing | undefined }): RightSizing {
  tcb.sizing ??= new RightSizing()
  return tcb.sizing
}
