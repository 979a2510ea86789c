import type { CongestionControl } from './control.ts'

/** RFC 6928 §2: min(10·MSS, max(2·MSS, 14600)). */
export const initialWindow = (mss: number): number => Math.min(10 * mss, Math.max(2 * mss, 14600))

/** RFC 5681 with the recovery of RFC 6582. */
export class NewReno implements CongestionControl {
  readonly name = 'newreno'
  cwnd: number
  ssthresh = Number.POSITIVE_INFINITY
  #acked = 0

  constructor(mss: number) {
    this.cwnd = initialWindow(mss)
  }

  onAck(octets: number, mss: number): void {
    if (this.cwnd < this.ssthresh) {
      // Not RFC: one ACK may stand for a whole super-segment, and counts for all of it; see docs/deviations.md#slow-start.
      this.cwnd = Math.min(this.cwnd + octets, Math.max(this.ssthresh, this.cwnd + mss))
      return
    }
    // RFC 5681 §3.1: one segment for each window acknowledged, counted in octets.
    this.#acked += octets
    if (this.#acked >= this.cwnd) {
      this.#acked -= this.cwnd
      this.cwnd += mss
    }
  }

  onLoss(flight: number, mss: number): void {
    // RFC 5681 (4).
    this.ssthresh = Math.max(flight / 2, 2 * mss)
    this.cwnd = this.ssthresh
    this.#acked = 0
  }

  onRecovered(flight: number, mss: number): void {
    // RFC 6582 §3.2 step 3, option 1: no burst when little is left in flight.
    this.cwnd = Math.min(this.ssthresh, Math.max(flight, mss) + mss)
  }

  onTimeout(flight: number, mss: number, first: boolean): void {
    // RFC 5681 §3.1: ssthresh is not lowered again for the same segment.
    if (first) this.ssthresh = Math.max(flight / 2, 2 * mss)
    this.cwnd = mss
    this.#acked = 0
  }

  onIdle(mss: number): void {
    this.cwnd = Math.min(this.cwnd, initialWindow(mss))
  }
}
