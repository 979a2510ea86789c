import { type Seq, seqAdd, seqDiff, seqGt, seqLe } from '../../base/seq.ts'

/** The largest distance that the urgent pointer can say. */
const MAX_POINTER = 0xffff

/**
 * Urgent data (RFC 9293 §3.8.5), as RFC 6093 leaves it: it stays in its place in the stream, of any length (MUST-31),
 * and both ends only know where it ends. The pointer stands at the octet behind the last urgent one (MUST-62).
 */
export class Urgent {
  /** SND.UP: the end of what our user called urgent, until it is acknowledged. */
  #send: Seq | undefined
  /** RCV.UP: the end of what the peer called urgent, until our user has read up to there. */
  #receive: Seq | undefined

  /** Everything the user has written, up to `end`, is urgent. */
  write(end: Seq): void {
    this.#send = end
  }

  /** Something urgent is not acknowledged yet. */
  get isSending(): boolean {
    return this.#send !== undefined
  }

  /** What the urgent pointer of a segment at `seq` says; 0 when there is nothing urgent from there on. */
  pointer(seq: Seq): number {
    if (this.#send === undefined || !seqGt(this.#send, seq)) return 0
    return Math.min(MAX_POINTER, seqDiff(this.#send, seq))
  }

  acknowledged(una: Seq): void {
    if (this.#send !== undefined && seqLe(this.#send, una)) this.#send = undefined
  }

  /**
   * §3.10.7.4 sixth, check the URG bit. True when the user must be told: nothing was urgent before, or more is now
   * (MUST-32). `read` is the first octet that the user has not taken.
   */
  received(seq: Seq, pointer: number, read: Seq): boolean {
    const end = seqAdd(seq, pointer)
    if (!seqGt(end, this.#receive ?? read)) return false
    this.#receive = end
    return true
  }

  /** Octets from `read`, the first that the user has not taken, to the end of what is urgent (MUST-33). */
  remaining(read: Seq): number {
    if (this.#receive === undefined) return 0
    if (seqGt(this.#receive, read)) return seqDiff(this.#receive, read)
    this.#receive = undefined
    return 0
  }
}

/** What is urgent of a connection; few ever have any. */
export function urgentOf(tcb: { urgent: Urgent | undefined }): Urgent {
  tcb.urgent ??= new Urgent()
  return tcb.urgent
}
