import { type Seq, seqGt, seqLe } from '../../base/seq.ts'

/**
 * The progress check of RFC 5927 §7.2. A router's word that only smaller packets pass is taken at once where nothing
 * that large has been acknowledged. Where it has, the word contradicts what was seen: it waits until the segment it
 * speaks of is acknowledged, which refutes it, or the retransmission timer expires, which confirms it.
 */
export class MtuClaim {
  /** The largest packet of ours that was acknowledged since the path was last believed to be narrower. */
  #acknowledged = 0
  #mtu = 0
  #seq = 0 as Seq

  /** The octets from `start` to `end` arrived, in packets of `size`. */
  passed(size: number, start: Seq, end: Seq): void {
    if (size > this.#acknowledged) this.#acknowledged = size
    if (this.#mtu > 0 && seqLe(start, this.#seq) && seqGt(end, this.#seq)) this.#mtu = 0
  }

  /** A router names `mtu` for the segment at `seq`: true when it is to be believed now. */
  isPlausible(mtu: number, seq: Seq): boolean {
    if (mtu >= this.#acknowledged) {
      this.#acknowledged = 0
      return true
    }
    this.#mtu = mtu
    this.#seq = seq
    return false
  }

  /** The retransmission timer expired: the MTU that this confirms, or 0. */
  confirmed(): number {
    const mtu = this.#mtu
    this.#mtu = 0
    if (mtu > 0) this.#acknowledged = 0
    return mtu
  }
}
