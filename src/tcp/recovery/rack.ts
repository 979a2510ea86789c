import { type Seq, seqDiff, seqGe, seqGt, seqLt } from '../../base/seq.ts'
import { addMicros, type Micros, micros, NEVER } from '../../base/types.ts'
import type { Scoreboard } from './scoreboard.ts'
import { type SentRange, sentAfter } from './sent-range.ts'

/** RFC 5681 §3.2, RFC 6675 §2: this many segments beyond a hole make it a loss. */
export const DUP_THRESH = 3
/** RFC 8985 §6.2 step 4: recoveries without a duplicate after which the reordering window is small again. */
const RECOVERIES_TO_FORGET = 16
/** No path reorders more than this, in segments. */
const MAX_REORDERING = 300

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
  /** RACK.rtt, of the range delivered last. */
  #rtt = micros(0)
  /** RACK.fack: the highest sequence number delivered. */
  #highest: Seq
  /** Of the ranges that the present ACK delivers: the highest, and the lowest that was sent once. */
  #newHighest: Seq
  #lowestOriginal: Seq | undefined
  /** RACK.reo_wnd_mult, RACK.reo_wnd_persist, and RACK.dsack_round. */
  #multiplier = 1
  #persist = 0
  #duplicateRound: Seq | undefined
  /** How often segments were delivered out of order, and by how many of them at most, at least `DUP_THRESH`. */
  reorderings = 0
  reordering: number

  constructor(iss: Seq, reordering: number) {
    this.#highest = iss
    this.#newHighest = iss
    this.reordering = reordering
  }

  /** §6.2 step 2, for each range that an ACK delivers; `echoedBefore`: its timestamp says that it answers an earlier one. */
  delivered(range: SentRange, minRtt: Micros, echoedBefore: boolean, now: Micros): void {
    if (range.transmissions === 1 && (this.#lowestOriginal === undefined || seqLt(range.start, this.#lowestOriginal))) {
      this.#lowestOriginal = range.start
    }
    if (seqGt(range.end, this.#newHighest)) this.#newHighest = range.end
    const rtt = micros(now - range.sentAt)
    // The ACK may be of an earlier transmission of the same octets.
    if (range.transmissions > 1 && (rtt < minRtt || echoedBefore)) return
    this.#rtt = rtt
    if (sentAfter(range.sentAt, range.end, this.#sentAt, this.#end)) {
      this.#sentAt = range.sentAt
      this.#end = range.end
    }
  }

  /** RFC 8985 §6.2 step 3, after all that an ACK delivers: what was sent once and arrived after later octets was reordered. */
  noteReordering(mss: number): void {
    if (this.#lowestOriginal !== undefined) this.overtaken(this.#lowestOriginal, mss)
    this.#lowestOriginal = undefined
    this.#highest = this.#newHighest
  }

  /**
   * What begins at `start` was delivered as it was first sent, so whatever was delivered beyond it had overtaken it. What
   * went out again before it arrived shows that only later: by a duplicate (RFC 2883 §5) or a timestamp (RFC 3522 §3.2).
   */
  overtaken(start: Seq, mss: number): void {
    if (seqGe(start, this.#highest)) return
    this.reorderings++
    const segments = Math.ceil(seqDiff(this.#highest, start) / mss)
    this.reordering = Math.min(MAX_REORDERING, Math.max(this.reordering, segments))
  }

  /** RFC 8985 §6.2 step 4: a duplicate says that a retransmission came too early; the window grows once for each round trip. */
  onDuplicate(una: Seq, nxt: Seq): void {
    if (this.#duplicateRound !== undefined && seqGe(una, this.#duplicateRound)) this.#duplicateRound = undefined
    if (this.#duplicateRound !== undefined) return
    this.#duplicateRound = nxt
    this.#multiplier++
    this.#persist = RECOVERIES_TO_FORGET
  }

  /** The same step: a recovery ended. */
  onRecovered(): void {
    if (--this.#persist <= 0) this.#multiplier = 1
  }

  /**
   * RFC 8985 §6.2 step 5: marks what is lost by `now`. Returns when the next range may
   * be called lost, or NEVER.
   */
  detect(board: Scoreboard, window: number, now: Micros): Micros {
    if (this.#sentAt < 0) return NEVER
    for (let range = board.oldestInFlight; range !== undefined; ) {
      const { newer, sentAt } = range
      if (!sentAfter(this.#sentAt, this.#end, sentAt, range.end)) break
      const lostAt = addMicros(sentAt, this.#rtt + window)
      if (lostAt > now) return lostAt
      board.markLost(range)
      range = newer
    }
    return NEVER
  }

  /** RFC 8985 §6.3: the retransmission timer expired. The first range is lost, and whatever was sent as long ago. */
  markTimedOut(board: Scoreboard, window: number, now: Micros): void {
    const first = board.first
    if (first !== undefined) board.markLost(first)
    for (let range = board.oldestInFlight; range !== undefined; ) {
      const { newer } = range
      if (addMicros(range.sentAt, this.#rtt + window) > now) break
      board.markLost(range)
      range = newer
    }
  }

  /** RFC 8985 §6.2 step 4: how long what was sent later may overtake. */
  window(
    rtt: { readonly minRtt: Micros; readonly srtt: Micros | undefined },
    sacked: number,
    inRecovery: boolean,
  ): number {
    if (this.reorderings === 0 && (inRecovery || sacked >= this.reordering)) return 0
    return Math.min((this.#multiplier * rtt.minRtt) / 4, rtt.srtt ?? 0)
  }
}
