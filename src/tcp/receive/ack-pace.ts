import type { Micros } from '../../base/types.ts'

/** RFC 9293 MUST-15: until the peer shows a full-sized segment. */
const FIRST_SEGMENT = 536
/** An answer within this time of the question makes a conversation. */
const ANSWER_TIME = 40_000
const MIN_QUICK = 2
/** So many segments after the last that was missed, the path still counts as one that loses some. */
const WARY = 4096

/**
 * How soon data is acknowledged. RFC 9293 §3.8.6.3 and RFC 5681 §4.2 ask for an ACK at least to every second full-sized
 * segment, and let the others wait for data to ride on. While the peer's congestion window is likely small, as data
 * begins to flow and after a pause, waiting would only slow it down: then each segment has its ACK at once, unless the
 * two talk by turns and an answer will soon carry it.
 *
 * Of what arrives together a single ACK tells, as long as nothing is missing. Not RFC: where something was, every second
 * segment has its own, see docs/deviations.md#acks-out-of-order.
 */
export class AckPace {
  /** Octets of a full-sized segment of the peer, as far as it has shown one. */
  peerSegment = FIRST_SEGMENT
  /** Segments that are still acknowledged at once. */
  quick = 0
  /** What we send answers what we receive. */
  isConversation = false
  /** Segments that must come without a gap before a single ACK tells of many again. */
  #wary = 0
  #receivedAt: Micros | undefined
  #lastLength = 0
  /** A SYN,ACK has come, and the ACK for it has not gone. */
  #isGreeted = false

  /** Whether the next ACK goes at once. */
  get isQuick(): boolean {
    return this.quick > 0 && !this.isConversation
  }

  /** Whether every second segment has an ACK of its own. */
  get isWary(): boolean {
    return this.#wary > 0
  }

  /** A segment with `length` octets of data arrived; `isPushed` when it ended a write and need not be full-sized. */
  measure(length: number, isPushed: boolean): void {
    // Two alike without the end of a write are what the peer calls full.
    if (length >= this.peerSegment || (length === this.#lastLength && !isPushed)) this.peerSegment = length
    this.#lastLength = isPushed ? 0 : length
  }

  /** Data arrived: at first, and after a pause of more than `rto`, up to `most` ACKs go at once, for half of `window`. */
  received(window: number, most: number, rto: number, now: Micros): void {
    if (this.#receivedAt === undefined || now - this.#receivedAt > rto) {
      const segments = Math.floor(window / (2 * this.peerSegment))
      this.quick = Math.max(this.quick, Math.min(most, Math.max(MIN_QUICK, segments)))
    }
    this.#receivedAt = now
  }

  /** A segment was missing, or came twice because an ACK of ours was. */
  missed(): void {
    this.#wary = WARY
  }

  /** So many segments arrived in their place. */
  cameInOrder(count: number): void {
    if (this.#wary > 0) this.#wary -= count
  }

  /** The SYN,ACK has come; when new data carries the ACK for it, the two talk by turns. */
  greeted(): void {
    this.#isGreeted = true
  }

  /** An ACK that was owed has gone. */
  acknowledged(): void {
    this.#isGreeted = false
    if (this.quick > 0) this.quick--
  }

  /** Data was sent. */
  sent(now: Micros): void {
    if (this.#isGreeted) this.#receivedAt = now
    if (this.#receivedAt !== undefined && now - this.#receivedAt < ANSWER_TIME) this.isConversation = true
  }

  /** The answer did not come in time to carry the ACK. */
  delayed(): void {
    this.isConversation = false
  }
}
