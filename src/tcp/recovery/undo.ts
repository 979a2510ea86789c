import { type Seq, seqGt } from '../../base/seq.ts'
import { type Micros, micros } from '../../base/types.ts'

/**
 * Whether a recovery was needed at all. If every retransmission turns out to
 * have been a duplicate (RFC 2883 §5), or the first ACK answers, by its
 * timestamp, what was sent before any of them (RFC 3522 §3.2), nothing was lost
 * and the reduction of the window is taken back.
 */
export class Undo {
  /** SND.UNA when the recovery began. */
  #marker: Seq | undefined
  /** When the first retransmission left; before one, -1. */
  #repeatedAt = micros(-1)
  /** Octets sent again that nobody has called duplicates. */
  #unexplained = 0

  /** Where the recovery began; undefined when there is nothing to take back. */
  get marker(): Seq | undefined {
    return this.#marker
  }

  /** A recovery begins. */
  begin(una: Seq): void {
    this.#marker = una
    this.#repeatedAt = micros(-1)
    this.#unexplained = 0
  }

  /** It was right, or has been taken back. */
  settle(): void {
    this.#marker = undefined
  }

  /** Octets went out again. */
  repeated(octets: number, now: Micros): void {
    if (this.#marker === undefined) return
    if (this.#repeatedAt < 0) this.#repeatedAt = now
    this.#unexplained += octets
  }

  /** The peer received octets up to `end` twice. */
  duplicated(end: Seq, octets: number): void {
    if (this.#marker !== undefined && seqGt(end, this.#marker)) {
      this.#unexplained = Math.max(0, this.#unexplained - octets)
    }
  }

  /** Everything sent again was a duplicate. */
  get isNeedless(): boolean {
    return this.#marker !== undefined && this.#repeatedAt >= 0 && this.#unexplained === 0
  }

  /** When the first retransmission left, to compare the timestamp of an ACK with; -1 while there was none. */
  get repeatedAt(): Micros | undefined {
    return this.#marker === undefined ? undefined : this.#repeatedAt
  }
}
