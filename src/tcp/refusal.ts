import type { Seq } from '../base/seq.ts'
import { TcpFlag } from '../wire/tcp.ts'
import type { Arrival } from './listen.ts'
import type { SegmentSender } from './segment.ts'

/** Resets for segments that belong nowhere, in one second. */
const RESETS_PER_SECOND = 1000

/** Answers segments for which there is no connection: RFC 9293 §3.10.7.1, the state is CLOSED. */
export class Refusal {
  readonly #sender: SegmentSender
  #second = -1
  #sent = 0

  constructor(sender: SegmentSender) {
    this.#sender = sender
  }

  /** Sends a reset that the sender of the segment will believe; never for a reset, and not without limit. */
  send({ seg, ends, route, now }: Arrival): void {
    if (seg.has(TcpFlag.RST)) return
    const second = Math.floor(now / 1_000_000)
    if (this.#second !== second) {
      this.#second = second
      this.#sent = 0
    }
    if (this.#sent++ >= RESETS_PER_SECOND) return
    const none = 0 as Seq
    const fields = seg.has(TcpFlag.ACK)
      ? { seq: seg.ack, ack: none, flags: TcpFlag.RST }
      : { seq: none, ack: seg.end, flags: TcpFlag.RST | TcpFlag.ACK }
    this.#sender.bare(route, ends, fields, now)
  }
}
