import { type Seq, seqGt } from '../../base/seq.ts'
import type { AckSample } from './control.ts'
import type { SlowStartExit } from './hystart.ts'

/** Windows below so many segments are no reason to stop. */
const LOW_WINDOW = 16
const MIN_SAMPLES = 8
const MIN_THRESH = 4_000
const MAX_THRESH = 16_000

/**
 * The delay rule of the first HyStart (Ha and Rhee, 2011), as Linux has it: slow start ends at once when all of the first
 * measurements of a round trip are an eighth longer than the shortest there has ever been.
 */
export class DelayIncrease implements SlowStartExit {
  #windowEnd: Seq | undefined
  #currentMin = Number.POSITIVE_INFINITY
  #samples = 0

  onAck({ rtt, minRtt, cwnd, mss, una, nxt }: AckSample): number {
    if (rtt < 0 || cwnd < LOW_WINDOW * mss) return 1
    if (this.#windowEnd === undefined || seqGt(una, this.#windowEnd)) {
      this.#windowEnd = nxt
      this.#currentMin = Number.POSITIVE_INFINITY
      this.#samples = 0
    }
    this.#currentMin = Math.min(this.#currentMin, rtt)
    if (this.#samples++ < MIN_SAMPLES) return 1
    return this.#currentMin > minRtt + Math.max(MIN_THRESH, Math.min(minRtt / 8, MAX_THRESH)) ? 0 : 1
  }
}
