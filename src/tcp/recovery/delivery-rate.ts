import { type Micros, micros } from '../../base/types.ts'
import type { AckSample } from '../congestion/control.ts'
import type { Scoreboard } from './scoreboard.ts'
import type { SentRange } from './sent-range.ts'

/**
 * Measures how fast the path delivers (draft-ietf-ccwg-bbr §4.1): each range remembers how much had been delivered when
 * it was sent, and its ACK tells how much more has been since, over the longer of the times of sending and acknowledging.
 */
export class DeliveryRate {
  /** C.delivered_time, C.first_sent_time. */
  #deliveredAt = micros(0)
  #firstSentAt = micros(0)
  /** What `board` had found lost when the last sample was filled. */
  #lostSeen = 0
  /** C.app_limited: until so much has been delivered, the sender had too little to send. */
  #appLimited = 0
  /** The newest range that the present ACK delivered: its stamps. */
  #prior = -1
  #priorAt = micros(0)
  #sendElapsed = 0
  #isAppLimited = false
  #sentInFlight = 0
  #lostBefore = 0

  /** §4.1.2.2: a range goes out, new or again; it counts in `board` already. */
  sent(range: SentRange, board: Scoreboard, octets: number, now: Micros): void {
    if (board.pipe <= octets) {
      this.#firstSentAt = now
      this.#deliveredAt = now
    }
    range.firstSentAt = this.#firstSentAt
    range.deliveredAt = this.#deliveredAt
    range.delivered = board.delivered
    range.isAppLimited = this.#appLimited > 0
    range.inFlight = board.pipe
    range.lostBefore = board.foundLost
  }

  /** §4.1.2.1: less was sent than the path might take, for there was no more, or not in time. */
  limitedBySender(board: Scoreboard): void {
    this.#appLimited = Math.max(1, board.delivered + board.pipe)
  }

  /** An ACK begins to be read. */
  begin(): void {
    this.#prior = -1
  }

  /** §4.1.2.3, for each range that it delivers. */
  delivered(range: SentRange, now: Micros): void {
    this.#deliveredAt = now
    if (range.delivered < this.#prior) return
    this.#prior = range.delivered
    this.#priorAt = range.deliveredAt
    this.#sendElapsed = range.sentAt - range.firstSentAt
    this.#isAppLimited = range.isAppLimited
    this.#sentInFlight = range.inFlight
    this.#lostBefore = range.lostBefore
    this.#firstSentAt = range.sentAt
  }

  /** §4.1.2.3: what the whole ACK says. */
  fill(sample: AckSample, board: Scoreboard): void {
    const totalDelivered = board.delivered
    sample.totalDelivered = totalDelivered
    sample.lost = board.foundLost - this.#lostSeen
    this.#lostSeen = board.foundLost
    if (this.#appLimited > 0 && totalDelivered > this.#appLimited) this.#appLimited = 0
    sample.rate = 0
    sample.rateDelivered = 0
    sample.priorDelivered = this.#prior
    sample.isAppLimited = this.#isAppLimited
    sample.sentInFlight = this.#sentInFlight
    sample.lostSince = board.foundLost - this.#lostBefore
    if (this.#prior < 0) return
    const interval = Math.max(this.#sendElapsed, this.#deliveredAt - this.#priorAt)
    // Shorter than any round trip: ACKs that were gathered, not a rate.
    if (interval <= 0 || interval < sample.minRtt) return
    sample.rateDelivered = totalDelivered - this.#prior
    sample.rate = sample.rateDelivered / interval
  }
}
