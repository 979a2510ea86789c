import { type Seq, seqDiff, seqLe } from '../../base/seq.ts'
import { type Micros, micros } from '../../base/types.ts'
import { packetPassed } from '../path/path-mtu.ts'
import { type Segment, timestampAt } from '../segment.ts'
import type { Tcb } from '../tcb.ts'
import type { DeliveryWatcher } from './scoreboard.ts'
import type { SentRange } from './sent-range.ts'

/** What one ACK tells. One object is filled again for each. */
export class AckNews implements DeliveryWatcher {
  /** New octets below SND.UNA. */
  acked = 0
  /** It acknowledges nothing new and may mean that a segment arrived out of order (RFC 5681 §2). */
  isDuplicate = false
  /** Octets newly known to have left the network: acknowledged or sacked. */
  delivered = 0
  /** Among them were some beyond SND.UNA. */
  hasSacked = false
  /** Among them were some that were sent before the recovery began, and only once. */
  hasOriginal = false
  /** Octets that the peer received twice (RFC 2883 §4), up to `duplicateEnd`. */
  duplicate = 0
  duplicateEnd = 0 as Seq
  /** FlightSize before the ACK, and the octets ever thought lost. */
  flight = 0
  foundLost = 0
  /** The round trip it measures; -1 for none. */
  rtt = micros(-1)
  /** The timestamp it echoes; -1 without the option. */
  echoed = -1
  #tcb: Tcb | undefined
  #now = micros(0)
  /** When the latest of what was delivered was sent, of ranges sent once and of ranges sent again. */
  #newest = micros(-1)
  #repeated = micros(-1)

  begin(tcb: Tcb, seg: Segment, now: Micros): void {
    this.#tcb = tcb
    this.#now = now
    this.acked = Math.max(0, seqDiff(seg.ack, tcb.snd.una))
    this.isDuplicate = false
    this.delivered = 0
    this.hasSacked = false
    this.hasOriginal = false
    this.duplicate = 0
    this.flight = tcb.flightSize
    this.foundLost = tcb.board.foundLost
    this.rtt = micros(-1)
    this.echoed = seg.options.timestamps ? seg.options.tsecr : -1
    this.#newest = micros(-1)
    this.#repeated = micros(-1)
  }

  onDelivered(range: SentRange): void {
    const tcb = this.#tcb as Tcb
    const { sentAt, transmissions } = range
    const octets = seqDiff(range.end, range.start)
    this.delivered += octets
    tcb.stats.delivered += Math.ceil(octets / tcb.mss)
    packetPassed(tcb, range)
    tcb.rate?.delivered(range, this.#now)
    if (transmissions > 1) this.#repeated = micros(Math.max(this.#repeated, sentAt))
    else {
      this.#newest = micros(Math.max(this.#newest, sentAt))
      if (seqLe(range.end, tcb.recoveryPoint)) this.hasOriginal = true
    }
    tcb.rack.delivered(range, tcb.rtt.minRtt, this.answersBefore(sentAt), this.#now)
  }

  /**
   * RFC 6298 §3, Karn's algorithm: an ACK of anything sent twice measures nothing, unless its timestamp shows that it
   * answers the last transmission (RFC 7323 §4.1).
   */
  measure(): void {
    if (this.#repeated < 0) {
      if (this.#newest >= 0) this.rtt = micros(this.#now - this.#newest)
    } else if (this.echoed >= 0 && !this.answersBefore(this.#repeated)) {
      this.rtt = micros(this.#now - this.#repeated)
    }
  }

  /** Whether the ACK answers, by its timestamp, what was sent before `at` (RFC 7323 §5.3, modulo 2^32). */
  answersBefore(at: Micros): boolean {
    if (this.echoed < 0 || this.#tcb === undefined) return false
    return ((this.echoed - timestampAt(this.#tcb.tsOffset, at)) | 0) < 0
  }
}
