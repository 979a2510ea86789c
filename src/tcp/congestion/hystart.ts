import { type Seq, seqGe } from '../../base/seq.ts'
import type { AckSample } from './control.ts'

// RFC 9406 §4.3, in microseconds.
const MIN_RTT_THRESH = 4_000
const MAX_RTT_THRESH = 16_000
const MIN_RTT_DIVISOR = 8
const N_RTT_SAMPLE = 8
const CSS_GROWTH_DIVISOR = 4
const CSS_ROUNDS = 5
/** Instead of a round trip where none was measured: longer than any. */
const NONE = 0x7fff_ffff

/** When the first slow start ends. */
export interface SlowStartExit {
  /** For each ACK in slow start: the divisor of its growth; 0 ends slow start. */
  onAck(sample: AckSample): number
}

/**
 * HyStart++ (RFC 9406): leaves the first slow start when round trips grow longer, before a queue overflows. In doubt it
 * goes on at a quarter of the pace for some rounds (Conservative Slow Start), and takes its suspicion back when they
 * grow shorter again.
 */
export class HyStart implements SlowStartExit {
  #windowEnd: Seq | undefined
  #lastMin = NONE
  #currentMin = NONE
  #samples = 0
  /** While in Conservative Slow Start: the round trip that led there. */
  #baseline = NONE
  #rounds = 0

  /** §4.2. */
  onAck(sample: AckSample): number {
    const { rtt } = sample
    this.#windowEnd ??= sample.nxt
    if (rtt >= 0) {
      this.#currentMin = Math.min(this.#currentMin, rtt)
      this.#samples++
    }
    if (this.#samples >= N_RTT_SAMPLE) this.#judge()
    if (seqGe(sample.una, this.#windowEnd) && this.#endRound(sample.nxt)) return 0
    return this.#isConservative ? CSS_GROWTH_DIVISOR : 1
  }

  get #isConservative(): boolean {
    return this.#baseline < NONE
  }

  #judge(): void {
    if (this.#isConservative) {
      if (this.#currentMin < this.#baseline) this.#baseline = NONE
      return
    }
    if (this.#lastMin === NONE) return
    const threshold = Math.max(MIN_RTT_THRESH, Math.min(this.#lastMin / MIN_RTT_DIVISOR, MAX_RTT_THRESH))
    if (this.#currentMin < this.#lastMin + threshold) return
    this.#baseline = this.#currentMin
    this.#rounds = 0
  }

  /** A round trip is over; true when it was the last of Conservative Slow Start. */
  #endRound(nxt: Seq): boolean {
    this.#windowEnd = nxt
    this.#lastMin = this.#currentMin
    this.#currentMin = NONE
    this.#samples = 0
    return this.#isConservative && ++this.#rounds >= CSS_ROUNDS
  }
}
