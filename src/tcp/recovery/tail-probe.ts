import { seqGe, seqGt } from '../../base/seq.ts'
import { addMicros, type Micros } from '../../base/types.ts'
import type { Segment, SegmentSender } from '../segment.ts'
import { retransmit, sendOneNew } from '../send/output.ts'
import type { Tcb } from '../tcb.ts'
import { Timer } from '../timers.ts'
import type { AckNews } from './ack-news.ts'
import { sizeOf } from './sent-range.ts'

// Tail loss probe, RFC 8985 §7. The last segments of a flight, or the only ACK for it, may be lost, and then no later
// segment tells of it. Long before the retransmission timer one segment goes out again, and its ACK shows what is missing.

/** §7.3, TLP_send_probe: a segment of new data where there is one, else the last segment again. */
export function sendProbe(tcb: Tcb, sender: SegmentSender, now: Micros): void {
  const { board, mss } = tcb
  if (board.isEmpty) return
  tcb.probeIsRepeat = !sendOneNew(tcb, sender, now)
  if (tcb.probeIsRepeat) {
    // Within a recovery what has been in flight for longest is what is missing, not the end.
    const last = (tcb.recovery === 'fast' && board.oldestInFlight) || board.lastSegment(mss)
    // It has arrived meanwhile, and what is missing before it is judged by that.
    if (last.sacked) return
    retransmit(tcb, sender, last, Math.min(sizeOf(last), mss), now)
  }
  tcb.probeEnd = tcb.snd.nxt
  // §7.3: the retransmission timer starts anew.
  tcb.deadlines.arm(Timer.RETRANSMIT, addMicros(now, tcb.rtt.rto))
}

/**
 * RFC 8985 §7.4.2, TLP_process_ack. True when the probe repaired a loss that nothing else
 * will report: the congestion window has to answer for it.
 */
export function probeRepairedLoss(tcb: Tcb, seg: Segment, news: AckNews): boolean {
  const end = tcb.probeEnd
  // A recovery has its own reckoning of losses.
  if (end === undefined || tcb.recovery === 'fast' || !seqGe(seg.ack, end)) return false
  // New data needs no judgement; a duplicate, reported (RFC 2883 §4) or implied, means that the original arrived too.
  const bothArrived = news.duplicate > 0 || (news.isDuplicate && seg.options.sackCount === 0)
  const wasNeeded = tcb.probeIsRepeat && !bothArrived && seqGt(seg.ack, end)
  if (!tcb.probeIsRepeat || bothArrived || wasNeeded) tcb.probeEnd = undefined
  // The duplicate is the probe's own, and says nothing of the reordering window.
  if (bothArrived) news.duplicate = 0
  return wasNeeded
}
