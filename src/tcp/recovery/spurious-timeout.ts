import { type Seq, seqGt, seqLt } from '../../base/seq.ts'

/** What an ACK tells about a timeout before it. */
export interface TimeoutEvidence {
  readonly acked: number
  readonly isDuplicate: boolean
  /** It names octets beyond SND.UNA that were not known to have arrived. */
  readonly hasSacked: boolean
  /** Octets that were sent before the timeout, and only then, have arrived. */
  readonly hasOriginal: boolean
}

/**
 * Forward RTO-recovery, RFC 5682, of one timeout: only the first segment goes
 * again, and then new data. If the ACKs that follow are for what was sent
 * before the timeout, nothing was lost and the timer was too short.
 */
export class SpuriousTimeout {
  #isInDoubt = true
  #sendsNew = false

  /** Whether new data takes the turn of what is thought lost; true once for each time that it was decided. */
  takesNewData(): boolean {
    const takes = this.#sendsNew
    this.#sendsNew = false
    return takes
  }

  /**
   * An ACK arrives after the timeout (RFC 5682 §3.1): what it means for a recovery up to `recoveryPoint`. With `ask` new
   * data goes out, where there is any to send, to learn more, and the recovery lasts until that is acknowledged.
   */
  judge(
    news: TimeoutEvidence,
    snd: { readonly una: Seq; readonly nxt: Seq },
    recoveryPoint: Seq,
    hasNewData: boolean,
  ): 'spurious' | 'ask' | 'open' {
    if (!this.#isInDoubt) return 'open'
    // Step 3b: what was sent before the timeout, and only then, has arrived.
    if (news.hasOriginal) return 'spurious'
    if (seqGt(snd.nxt, recoveryPoint)) {
      // Step 3a: new data went out, and something is still missing.
      if (news.hasSacked || news.isDuplicate) this.#isInDoubt = false
      return 'open'
    }
    if (news.acked === 0 || !seqLt(snd.una, recoveryPoint)) return 'open'
    // Step 2b; without anything new to send, recovery goes on as usual.
    this.#sendsNew = hasNewData
    this.#isInDoubt = hasNewData
    return 'ask'
  }
}
