import type { Seq } from '../../base/seq.ts'
import { TokenBucket } from '../../base/token-bucket.ts'
import { TcpFlag } from '../../wire/tcp.ts'
import type { SegmentSender } from '../segment.ts'
import type { Arrival } from './listen.ts'

/** Answers to segments that belong to no live connection, in one second. */
const PER_SECOND = 1000

/** Answers segments for which there is no connection: RFC 9293 §3.10.7.1, the state is CLOSED. */
export class Refusal {
  readonly #sender: SegmentSender
  /** Shared with the ACKs of TIME-WAIT: both can be asked for by strangers (RFC 5961 §7). */
  readonly limit = new TokenBucket(PER_SECOND, PER_SECOND)

  constructor(sender: SegmentSender) {
    this.#sender = sender
  }

  /** Sends a reset that the sender of the segment will believe; never for a reset, and not without limit. */
  send({ seg, ends, route, now }: Arrival): void {
    if (seg.has(TcpFlag.RST)) return
    if (!this.limit.take(now)) return
    const none = 0 as Seq
    const fields = seg.has(TcpFlag.ACK)
      ? { seq: seg.ack, ack: none, flags: TcpFlag.RST }
      : { seq: none, ack: seg.end, flags: TcpFlag.RST | TcpFlag.ACK }
    this.#sender.bare(route, ends, fields, now)
  }
}
