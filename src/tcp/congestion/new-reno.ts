import type { AckSample } from './control.ts'
import { LossBased } from './loss-based.ts'

/** RFC 5681 with the recovery of RFC 6582. */
export class NewReno extends LossBased {
  #acked = 0

  override get name(): 'newreno' {
    return 'newreno'
  }

  override onRecovered(flight: number, mss: number): void {
    // RFC 6582 §3.2 step 3, option 1: no burst when little is left in flight.
    this.cwnd = Math.min(this.ssthresh, Math.max(flight, mss) + mss)
  }

  protected override avoid(octets: number, { mss }: AckSample): void {
    // RFC 5681 §3.1: one segment for each window acknowledged, counted in octets.
    this.#acked += octets
    if (this.#acked >= this.cwnd) {
      this.#acked -= this.cwnd
      this.cwnd += mss
    }
  }

  protected override reduced(flight: number): number {
    this.#acked = 0
    // RFC 5681 (4).
    return flight / 2
  }
}
