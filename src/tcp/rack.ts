import { type Seq, seqDiff, seqGt, seqLt } from '../base/seq.ts'
import { addMicros, type Micros, micros, NEVER } from '../base/types.ts'
import type { Scoreboard, SentRange } from './scoreboard.ts'

/** RFC 5681 §3.2, RFC 6675 §2: this many segments beyond a hole make it a loss. */
export const DUP_THRESH = 3

/**
 * Loss detection by time of sending: RFC 8985 §6.2.
 *
 * A range is lost when one that was sent after it has been delivered and a
 * reordering window has passed. It judges retransmissions as it judges first
 * transmissions, so a lost retransmission does not wait for the timer.
 */
export class Rack {
  /** RACK.xmit_ts and RACK.end_seq: the most recently sent range that was delivered. */
  #sentAt = micros(-1)
  #end = 0 as Seq
  /** RACK.rtt of that range. */
  #rtt = micros(0)
  /** RACK.fack: the highest sequence number delivered. */
  #highest: Seq
  #reorderingSeen = false

  constructor(iss: Seq) {
    this.#highest = iss
  }

  get reorderingSeen(): boolean {
    return this.#reorderingSeen
  }

  /** §6.2 steps 2 and 3, for each range that an ACK delivers. `echoed` is when, by its timestamp, what it answers was sent. */
  delivered(range: SentRange, minRtt: Micros, echoedBefore: boolean, now: Micros): void {
    if (range.transmissions === 1 && seqLt(range.end, this.#highest)) this.#reorderingSeen = true
    if (seqGt(range.end, this.#highest)) this.#highest = range.end
    const rtt = micros(now - range.sentAt)
    // Step 2: the ACK may be of an earlier transmission of the same octets.
    if (range.transmissions > 1 && (rtt < minRtt || echoedBefore)) return
    if (range.sentAt > this.#sentAt || (range.sentAt === this.#sentAt && seqGt(range.end, this.#end))) {
      this.#sentAt = range.sentAt
      this.#end = range.end
      this.#rtt = rtt
    }
  }

  /**
   * §6.2 step 5: marks what is lost by `now`. Returns when the next range may
   * be called lost, or NEVER.
   */
  detect(board: Scoreboard, minRtt: Micros, inRecovery: boolean, mss: number, now: Micros): Micros {
    if (this.#sentAt < 0) return NEVER
    const window = this.#reorderingWindow(board, minRtt, inRecovery, mss)
    let next = NEVER
    for (const range of board.ranges) {
      // Ranges lie in sequence order, not in order of sending: none can be skipped before the end.
      if (range.sacked || range.lost) continue
      const sentBefore =
        range.sentAt < this.#sentAt || (range.sentAt === this.#sentAt && seqDiff(range.end, this.#end) < 0)
      if (!sentBefore) continue
      const lostAt = addMicros(range.sentAt, this.#rtt + window)
      if (lostAt <= now) board.markLost(range)
      else if (lostAt < next) next = lostAt
    }
    return next
  }

  /** §6.2 step 4. */
  #reorderingWindow(board: Scoreboard, minRtt: Micros, inRecovery: boolean, mss: number): number {
    if (!this.#reorderingSeen && (inRecovery || board.sackedBytes >= DUP_THRESH * mss)) return 0
    return minRtt / 4
  }
}
