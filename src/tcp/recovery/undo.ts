import { type Seq, seqGt } from '../../base/seq.ts'
import { type Micros, micros } from '../../base/types.ts'

/**
 * Whether a recovery was needed at all. If every retransmission turns out to
 * have been a duplicate (RFC 2883 §5), or the first ACK answers, by its
 * timestamp, what was sent before any of them (RFC 3522 §3.2), nothing was lost
 * and the reduction of the window is taken back. There is one of these from
 * the beginning of a recovery until it turns out to have been right, or not.
 */
export class Undo {
  /** SND.UNA when the recovery began. */
  readonly marker: Seq
  /** When the first retransmission left, to compare the timestamp of an ACK with; before one, -1. */
  repeatedAt = micros(-1)
  /** Octets sent again that nobody has called duplicates. */
  #unexplained = 0

  constructor(una: Seq) {
    this.marker = una
  }

  /** Octets went out again. */
  repeated(octets: number, now: Micros): void {
    if (this.repeatedAt < 0) this.repeatedAt = now
    this.#unexplained += octets
  }

  /** The peer received octets up to `end` twice. */
  duplicated(end: Seq, octets: number): void {
    if (seqGt(end, this.marker)) this.#unexplained = Math.max(0, this.#unexplained - octets)
  }

  /** Everything sent again was a duplicate. */
  get isNeedless(): boolean {
    return this.repeatedAt >= 0 && this.#unexplained === 0
  }
}
