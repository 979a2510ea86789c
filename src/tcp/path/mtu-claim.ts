import { type Seq, seqGt, seqLe } from '../../base/seq.ts'

/**
 * The progress check of RFC 5927 §7.2. A router's word that only smaller packets pass is taken at once where nothing
 * that large has been acknowledged. Where it has, the word contradicts what was seen: it is kept until the segment it
 * speaks of is acknowledged, which refutes it, or the retransmission timer expires, which confirms it.
 */
export class MtuClaim {
  readonly mtu: number
  readonly #seq: Seq

  /** A router names `mtu` for the segment at `seq`. */
  constructor(mtu: number, seq: Seq) {
    this.mtu = mtu
    this.#seq = seq
  }

  /** Whether it speaks of an octet from `start` to `end`, which have arrived. */
  isRefutedBy(start: Seq, end: Seq): boolean {
    return seqLe(start, this.#seq) && seqGt(end, this.#seq)
  }
}
