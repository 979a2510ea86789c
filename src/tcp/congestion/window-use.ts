import { type Seq, seqLt } from '../../base/seq.ts'
import { type Micros, micros } from '../../base/types.ts'

/**
 * Whether the congestion window is what limits the sender: a window that is not used is not shown to be right, and does
 * not grow (RFC 7661 §4.1). In slow start half of it suffices, as Linux has it, for what the ACKs of one round trip let
 * out is used in the next.
 */
export class WindowUse {
  /** The window was the limit of late. */
  isLimited = false
  /** The most that was in flight in the window of data that ends at `#until`. */
  #most = 0
  #until: Seq
  #restartedAt = micros(0)

  constructor(iss: Seq) {
    this.#until = iss
  }

  /** New data went out; `pipe` octets are in flight now. */
  sent(una: Seq, nxt: Seq, pipe: number, cwnd: number, mss: number): void {
    const isLimited = pipe + mss > cwnd
    if (!isLimited && seqLt(una, this.#until) && (this.isLimited || pipe <= this.#most)) return
    this.isLimited = isLimited
    this.#most = pipe
    this.#until = nxt
  }

  /** Whether an ACK may let the window grow. */
  isFull(cwnd: number, ssthresh: number): boolean {
    return this.isLimited || (cwnd < ssthresh && cwnd < 2 * this.#most)
  }

  /** Data follows a time in which nothing was in flight; how long that was, not counting what was asked for before. */
  restart(lastSent: Micros, now: Micros): Micros {
    const since = Math.max(lastSent, this.#restartedAt)
    this.#restartedAt = now
    return micros(now - since)
  }
}

/** How a connection that sends uses its window. */
export function windowUseOf(tcb: { readonly snd: { readonly iss: Seq }; windowUse: WindowUse | undefined }): WindowUse {
  tcb.windowUse ??= new WindowUse(tcb.snd.iss)
  return tcb.windowUse
}
