import { type Seq, seqDiff, seqGe, seqGt, seqLe, seqLt } from '../base/seq.ts'
import { type Micros, micros } from '../base/types.ts'
import { TcpFlag } from '../wire/tcp.ts'
import { packetPassed } from './path-mtu.ts'
import { afterAck, reduceForMark } from './recovery.ts'
import type { SentRange } from './scoreboard.ts'
import { type Segment, timestampAt } from './segment.ts'
import { probeRepairedLoss } from './tail-probe.ts'
import { type Tcb, UserEvent } from './tcb.ts'
import { Timer } from './timers.ts'

/** The send limit follows twice the congestion window, but never falls below this. */
const MIN_SEND_LIMIT = 256 * 1024

/**
 * RFC 9293 §3.10.7.4 fifth, ESTABLISHED: SND.UNA =< SEG.ACK =< SND.NXT.
 * Takes the acknowledgment, the SACK blocks and the window of a segment.
 */
export function acknowledge(tcb: Tcb, seg: Segment, now: Micros): void {
  const { snd } = tcb
  tcb.lastAckReceived = now
  tcb.push.isMoreComing = false
  const flight = tcb.flightSize
  const acked = seqDiff(seg.ack, snd.una)
  const echoed = seg.options.timestamps ? seg.options.tsecr : undefined
  let newest = micros(-1)
  const deliveredBefore = tcb.board.delivered
  let repeated = micros(-1)
  const onDelivered = (range: SentRange): void => {
    tcb.stats.delivered += Math.ceil(seqDiff(range.end, range.start) / tcb.mss)
    packetPassed(tcb, range)
    if (range.transmissions > 1) repeated = micros(Math.max(repeated, range.sentAt))
    else newest = micros(Math.max(newest, range.sentAt))
    const before = echoed !== undefined && isBefore(echoed, timestampAt(tcb.tsOffset, range.sentAt))
    tcb.rack.delivered(range, tcb.rtt.minRtt, before, now)
    tcb.rate.delivered(range, now)
  }
  tcb.rate.begin()
  const isDuplicate = acked === 0 && isDuplicateAck(tcb, seg)
  if (acked > 0) advance(tcb, seg.ack, acked, now, onDelivered)
  if (tcb.sackPermitted && seg.options.sackCount > 0) takeSack(tcb, seg, onDelivered)
  // RFC 6298 §3, Karn's algorithm: an ACK of anything sent twice measures nothing, unless its timestamp shows
  // that it answers the last transmission (RFC 7323 §4.1).
  let rtt = micros(-1)
  if (repeated < 0 && newest >= 0) rtt = micros(now - newest)
  else if (echoed !== undefined && repeated >= 0 && !isBefore(echoed, timestampAt(tcb.tsOffset, repeated))) {
    rtt = micros(now - repeated)
  }
  if (rtt >= 0) tcb.rtt.sample(rtt, now)
  updateWindow(tcb, seg)
  if (probeRepairedLoss(tcb, seg, isDuplicate)) tcb.congestion.onCongestion(flight, tcb.mss)
  const delivered = tcb.board.delivered - deliveredBefore
  if (tcb.ecn.asksToReduce(seg.flags, snd.una) && tcb.recovery === 'none') reduceForMark(tcb, flight)
  if (delivered > 0 || isDuplicate) afterAck(tcb, { acked, isDuplicate, delivered, flight, rtt }, now)
}

/** SND.UNA moves: what was acknowledged leaves the buffer, and the retransmission timer starts anew (RFC 6298 §5.3). */
function advance(tcb: Tcb, ack: Seq, acked: number, now: Micros, onDelivered: (range: SentRange) => void): void {
  const { snd } = tcb
  tcb.board.acknowledge(ack, onDelivered)
  let octets = acked
  if (!tcb.synAcked) {
    tcb.synAcked = true
    octets--
  }
  if (tcb.finSent && ack === snd.nxt) octets--
  tcb.sendBuffer.release(octets)
  tcb.push.release(ack)
  tcb.urgent.acknowledged(ack)
  const proven = tcb.pathProbe.acknowledged(ack)
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
  tcb.sendBuffer.limit = Math.min(tcb.settings.sendBuffer, Math.max(MIN_SEND_LIMIT, 2 * tcb.congestion.cwnd))
  if (tcb.writeBlocked && (tcb.user?.hasRoom?.() ?? tcb.sendBuffer.free > tcb.sendBuffer.limit / 4)) {
    tcb.writeBlocked = false
    tcb.note(UserEvent.WRITABLE)
  }
}

/** RFC 2018 §3: blocks the peer holds. Those outside what was sent are nobody's (RFC 6675 §4). */
function takeSack(tcb: Tcb, seg: Segment, onDelivered: (range: SentRange) => void): void {
  for (let i = 0; i < seg.options.sackCount; i++) {
    const start = seg.options.sack[2 * i] as Seq
    const end = seg.options.sack[2 * i + 1] as Seq
    if (seqGe(start, end) || seqLt(start, tcb.snd.una) || seqGt(end, tcb.snd.nxt)) continue
    tcb.board.sack(start, end, tcb.mss, onDelivered)
  }
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

/** RFC 9293 §3.10.7.4 fifth: old segments may not move the window back. */
function updateWindow(tcb: Tcb, seg: Segment): void {
  const { snd } = tcb
  if (!(seqLt(snd.wl1, seg.seq) || (snd.wl1 === seg.seq && seqLe(snd.wl2, seg.ack)))) return
  const window = seg.wnd
  if (snd.wnd === 0 && window > 0) {
    // What was probed into a closed window goes again at once.
    if (tcb.persistBackoff > 0 || tcb.rtt.backoff > 0) {
      tcb.board.markFirstLost(tcb.mss)
      tcb.mustRetransmit = true
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

/** Whether timestamp `a` is older than `b` (RFC 7323 §5.3, modulo 2^32). */
const isBefore = (a: number, b: number): boolean => ((a - b) | 0) < 0
