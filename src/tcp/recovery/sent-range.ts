import { type Seq, seqDiff, seqGt } from '../../base/seq.ts'
import { type Micros, micros } from '../../base/types.ts'

/** A run of sequence space that went out together: one segment, or one super-segment. SYN and FIN count one each. */
export interface SentRange {
  start: Seq
  end: Seq
  /** When it last went out. */
  sentAt: Micros
  /** How often it went out. */
  transmissions: number
  /** The peer holds it (RFC 2018); it is not in flight. */
  sacked: boolean
  /** It is thought lost. */
  lost: boolean
  /** It is thought lost and went out again since, so that it is in flight. */
  resent: boolean
  /** Its place is in the queue of what waits for retransmission. */
  isQueued: boolean
  /** Its neighbours among what is in flight, by time of sending. */
  older: SentRange | undefined
  newer: SentRange | undefined
  // What DeliveryRate noted when it last went out.
  delivered: number
  deliveredAt: Micros
  firstSentAt: Micros
  inFlight: number
  lostBefore: number
  isAppLimited: boolean
}

/** A range of nothing. */
export const emptyRange = (): SentRange => ({
  start: 0 as Seq,
  end: 0 as Seq,
  sentAt: micros(0),
  transmissions: 1,
  sacked: false,
  lost: false,
  resent: false,
  isQueued: false,
  older: undefined,
  newer: undefined,
  delivered: 0,
  deliveredAt: micros(0),
  firstSentAt: micros(0),
  inFlight: 0,
  lostBefore: 0,
  isAppLimited: false,
})

/** Makes `range` what has just gone out for the first time. */
export function beginRange(range: SentRange, start: Seq, end: Seq, now: Micros): void {
  range.start = start
  range.end = end
  range.sentAt = now
  range.transmissions = 1
  range.sacked = false
  range.lost = false
  range.resent = false
}

/** Gives `copy` all that is known of `range` but its places in queues. */
export function copyRange(copy: SentRange, range: SentRange): void {
  beginRange(copy, range.start, range.end, range.sentAt)
  copy.transmissions = range.transmissions
  copy.sacked = range.sacked
  copy.lost = range.lost
  copy.resent = range.resent
  copy.delivered = range.delivered
  copy.deliveredAt = range.deliveredAt
  copy.firstSentAt = range.firstSentAt
  copy.inFlight = range.inFlight
  copy.lostBefore = range.lostBefore
  copy.isAppLimited = range.isAppLimited
}

export const sizeOf = (range: SentRange): number => seqDiff(range.end, range.start)

/** It is thought lost and has not gone out again. */
export const isWaiting = (range: SentRange): boolean => range.lost && !range.resent

/** RFC 8985 §6.2, RACK_sent_after: what went out at one time went out in order. */
export const sentAfter = (at: Micros, end: Seq, otherAt: Micros, otherEnd: Seq): boolean =>
  at > otherAt || (at === otherAt && seqGt(end, otherEnd))
