import { type Seq, seqDiff, seqGe, seqGt, seqLe, seqLt } from '../base/seq.ts'
import type { Micros } from '../base/types.ts'
import { TcpFlag } from '../wire/tcp.ts'
import { AckNews } from './recovery/ack-news.ts'
import { afterAck, reduceForMark } from './recovery/recovery.ts'
import { probeRepairedLoss } from './recovery/tail-probe.ts'
import type { Segment } from './segment.ts'
import { type Tcb, UserEvent } from './tcb.ts'
import { Timer } from './timers.ts'

/** The send limit follows twice the congestion window, but never falls below the second. */
const BUFFERED_WINDOWS = 2
const MIN_SEND_LIMIT = 256 * 1024

const news = new AckNews()

/**
 * RFC 9293 §3.10.7.4 fifth, ESTABLISHED: SND.UNA =< SEG.ACK =< SND.NXT.
 * Takes the acknowledgment, the SACK blocks and the window of a segment.
 */
export function acknowledge(tcb: Tcb, seg: Segment, now: Micros): void {
  const { snd } = tcb
  tcb.lastAckReceived = now
  if (tcb.push !== undefined) tcb.push.isMoreComing = false
  tcb.rate?.begin()
  news.begin(tcb, seg, now)
  news.isDuplicate = news.acked === 0 && isDuplicateAck(tcb, seg)
  if (tcb.sackPermitted && seg.options.sackCount > 0) takeSack(tcb, seg)
  if (news.acked > 0) advance(tcb, seg.ack, news.acked, now)
  news.measure()
  if (news.rtt >= 0) tcb.rtt.sample(news.rtt, now)
  updateWindow(tcb, seg, news.acked > 0)
  if (probeRepairedLoss(tcb, seg, news)) tcb.congestion.onCongestion(news.flight, tcb.mss)
  if (tcb.ecn?.asksToReduce(seg.flags, snd.una) && tcb.recovery === 'none') reduceForMark(tcb, news.flight)
  if (news.delivered > 0 || news.isDuplicate || news.duplicate > 0) afterAck(tcb, news, now)
  if (news.delivered > 0) widenBuffer(tcb)
}

/** An ACK from the past moves nothing, but what it says the peer holds is still true (RFC 2018 §3). */
export function takeOldAck(tcb: Tcb, seg: Segment, now: Micros): void {
  if (!tcb.sackPermitted || seg.options.sackCount === 0) return
  news.begin(tcb, seg, now)
  takeSack(tcb, seg)
  if (news.delivered > 0) afterAck(tcb, news, now)
}

/** SND.UNA moves: what was acknowledged leaves the buffer, and the retransmission timer starts anew (RFC 6298 §5.3). */
function advance(tcb: Tcb, ack: Seq, acked: number, now: Micros): void {
  const { snd } = tcb
  tcb.board.acknowledge(ack, news)
  let octets = acked
  if (!tcb.synAcked) {
    tcb.synAcked = true
    octets--
  }
  if (tcb.finSent && ack === snd.nxt) octets--
  tcb.sendBuffer.release(octets)
  tcb.push?.release(ack)
  tcb.urgent?.acknowledged(ack)
  const proven = tcb.pathProbe?.acknowledged(ack) ?? 0
  if (proven > 0) tcb.owner.provenMtu(tcb, proven)
  tcb.stats.bytesAcked += octets
  snd.una = ack
  if (seqLt(snd.smallEnd, ack)) snd.smallEnd = ack
  // Not RFC: not only a measurement ends the back-off, see docs/deviations.md#back-off.
  tcb.rtt.forgetBackoff()
  tcb.softError = undefined
  tcb.waitingSince = now
  tcb.persistBackoff = 0
  tcb.deadlines.stop(Timer.RETRANSMIT)
  tcb.deadlines.stop(Timer.TAIL_PROBE)
}

/** Room for what the next round trip will send; what the peer holds behind a hole does not count, nor what is lost. */
function widenBuffer(tcb: Tcb): void {
  const beyondHole = tcb.flightSize - tcb.board.pipe
  const wanted = Math.max(MIN_SEND_LIMIT, BUFFERED_WINDOWS * tcb.congestion.cwnd + beyondHole)
  tcb.sendBuffer.limit = Math.min(tcb.settings.sendBuffer, wanted)
  if (
    tcb.writeBlocked &&
    tcb.unsent < tcb.unsentLimit &&
    (tcb.user?.hasRoom?.() ?? tcb.sendBuffer.free > tcb.sendBuffer.limit / 4)
  ) {
    tcb.writeBlocked = false
    tcb.note(UserEvent.WRITABLE)
  }
}

/** RFC 2018 §3: blocks the peer holds. Those outside what was sent are nobody's (RFC 6675 §4). */
function takeSack(tcb: Tcb, seg: Segment): void {
  const { sack, sackCount } = seg.options
  const before = news.delivered
  const isDuplicate = reportsDuplicate(seg)
  if (isDuplicate) takeDuplicate(tcb, sack[0] as Seq, sack[1] as Seq)
  for (let i = isDuplicate ? 1 : 0; i < sackCount; i++) {
    const start = sack[2 * i] as Seq
    const end = sack[2 * i + 1] as Seq
    if (seqGe(start, end) || seqLt(start, tcb.snd.una) || seqGt(end, tcb.snd.nxt)) continue
    tcb.board.sack(start, end, tcb.mss, news)
  }
  news.hasSacked = news.delivered > before
}

/** RFC 2883 §4: the first block reports a duplicate when it lies below the acknowledgment, or within the second. */
function reportsDuplicate(seg: Segment): boolean {
  const { sack, sackCount } = seg.options
  if (seqLe(sack[1] as Seq, seg.ack)) return true
  return sackCount > 1 && seqGe(sack[0] as Seq, sack[2] as Seq) && seqLe(sack[1] as Seq, sack[3] as Seq)
}

/** RFC 2883 §5: octets that arrived twice, if we sent them at all (Linux's bound is a window back). */
function takeDuplicate(tcb: Tcb, start: Seq, end: Seq): void {
  const { snd } = tcb
  const octets = seqDiff(end, start)
  if (octets <= 0 || seqGt(end, snd.nxt) || seqDiff(snd.una, start) > Math.max(snd.maxWnd, tcb.mss)) return
  news.duplicate = octets
  news.duplicateEnd = end
}

/**
 * RFC 5681 §2: data is outstanding, the segment carries none and no SYN or FIN, and the window is the same; a closed
 * one makes it the answer to a probe.
 */
function isDuplicateAck(tcb: Tcb, seg: Segment): boolean {
  return (
    !tcb.board.isEmpty &&
    tcb.snd.wnd > 0 &&
    seg.dataLength === 0 &&
    !seg.has(TcpFlag.SYN) &&
    !seg.has(TcpFlag.FIN) &&
    seg.wnd === tcb.snd.wnd
  )
}

/**
 * RFC 9293 §3.10.7.4 fifth: old segments may not move the window back.
 * Not RFC: one that acknowledges more than any before is not old, whatever its SEG.SEQ; see docs/deviations.md#window-update.
 */
function updateWindow(tcb: Tcb, seg: Segment, isNewAck: boolean): void {
  const { snd } = tcb
  const isLater = seqLt(snd.wl1, seg.seq) || (snd.wl1 === seg.seq && seqLe(snd.wl2, seg.ack))
  if (!isLater && !isNewAck) return
  const window = seg.wnd
  if (snd.wnd === 0 && window > 0) {
    // What was probed into a closed window goes again at once.
    if (tcb.persistBackoff > 0 || tcb.rtt.backoff > 0) {
      tcb.board.markFirstLost(tcb.mss)
    }
    tcb.persistBackoff = 0
    tcb.rtt.forgetBackoff()
    tcb.deadlines.stop(Timer.RETRANSMIT)
  }
  if (window > snd.wnd) tcb.deadlines.stop(Timer.PERSIST)
  snd.wnd = window
  snd.wl1 = seg.seq
  snd.wl2 = seg.ack
  if (window > snd.maxWnd) snd.maxWnd = window
}
