import { seqAdd, seqGe, seqGt, seqInWindow, seqLe, seqLt } from '../base/seq.ts'
import { TokenBucket } from '../base/token-bucket.ts'
import type { Micros } from '../base/types.ts'
import { TcpFlag } from '../wire/tcp.ts'
import { acknowledge, takeOldAck } from './ack.ts'
import { end, fail, mayReceive } from './ending.ts'
import { afterSynAck } from './fast-open/client.ts'
import { isSynchronized } from './fsm.ts'
import { acceptSynOptions, afterHandshake } from './handshake.ts'
import { hearUserTimeout } from './patience.ts'
import { reassemblyOf } from './receive/reassembly.ts'
import { ackNow, cameTwice, receiveFin, receiveText } from './receive/receive.ts'
import { type Segment, type SegmentSender, timestampAt } from './segment.ts'
import { urgentOf } from './send/urgent.ts'
import { AckOwed, type Tcb, UserEvent } from './tcb.ts'

/** Why a segment was not processed further. Also the name of the counter. */
export type TcpInputDrop =
  | 'tcp-bad-ack'
  | 'tcp-out-of-window'
  | 'tcp-paws'
  | 'tcp-bad-timestamp'
  | 'tcp-no-timestamp'
  | 'tcp-challenge'
  | 'tcp-no-ack'
  | 'tcp-closed'

/** RFC 5961 §7: challenge ACKs that a connection may send in a second. */
const CHALLENGES_PER_SECOND = 10
/** RFC 7323 §5.5: TS.Recent is not believed beyond 24 days. */
const TS_RECENT_VALID = 24 * 86_400_000_000

/**
 * SEGMENT ARRIVES for a connection, RFC 9293 §3.10.7.3 and §3.10.7.4, in the
 * RFC's order. A segment for no connection and for LISTEN is the listener's.
 */
export function segmentArrives(tcb: Tcb, seg: Segment, sender: SegmentSender, now: Micros): TcpInputDrop | undefined {
  tcb.stats.segmentsIn += seg.count
  // The window of a SYN is never scaled (RFC 7323 §2.2).
  seg.wnd = seg.has(TcpFlag.SYN) ? seg.header.window : seg.header.window << tcb.sndScale
  tcb.owner.changed(tcb)
  return tcb.state === 'SYN-SENT' ? inSynSent(tcb, seg, sender, now) : inOtherStates(tcb, seg, sender, now)
}

/** §3.10.7.3. */
function inSynSent(tcb: Tcb, seg: Segment, sender: SegmentSender, now: Micros): TcpInputDrop | undefined {
  const { snd, rcv } = tcb
  // First, check the ACK bit.
  const hasAck = seg.has(TcpFlag.ACK)
  if (hasAck && (seqLe(seg.ack, snd.iss) || seqGt(seg.ack, snd.nxt))) {
    if (!seg.has(TcpFlag.RST)) sendReset(tcb, seg, sender, now)
    return 'tcp-bad-ack'
  }
  if (hasAck && !echoesOurSyn(tcb, seg, now)) {
    if (!seg.has(TcpFlag.RST)) sendReset(tcb, seg, sender, now)
    return 'tcp-bad-timestamp'
  }
  // Second, check the RST bit.
  if (seg.has(TcpFlag.RST)) {
    if (!hasAck) return 'tcp-bad-ack'
    fail(tcb, 'rcv RST', 'ECONNREFUSED', 'the peer refused the connection')
    return undefined
  }
  // Third, the security: none. Fourth, check the SYN bit.
  if (!seg.has(TcpFlag.SYN)) return 'tcp-closed'
  rcv.irs = seg.seq
  rcv.nxt = seqAdd(seg.seq, 1)
  rcv.adv = rcv.nxt
  acceptSynOptions(tcb, seg, now)
  tcb.lastReceived = now
  const userWaits = tcb.writeBlocked
  if (!hasAck) {
    // Simultaneous open (§3.5, MUST-10): our SYN,ACK answers their SYN.
    tcb.become('rcv SYN')
    setWindow(tcb, seg)
    tcb.board.markAllLost()
    return undefined
  }
  acknowledge(tcb, seg, now)
  setWindow(tcb, seg)
  afterHandshake(tcb, now)
  afterSynAck(tcb, seg, now)
  if (tcb.board.isEmpty) tcb.ackPace.greeted()
  tcb.become('rcv SYN,ACK')
  // A CLOSE that was queued in SYN-SENT (§3.10.4).
  if (tcb.finQueued) tcb.become('close')
  tcb.note(UserEvent.ESTABLISHED)
  // As in Linux, a user who waits to write more will do so at once, and the ACK rides on that. Any other may have
  // something to say when he hears that it is open.
  tcb.ackOwed = userWaits ? AckOwed.DELAYED : AckOwed.SOON
  // Data and FIN on a SYN,ACK are processed from the sixth step on.
  seg.seq = rcv.nxt
  seg.flags &= ~TcpFlag.SYN
  if (seg.length > 0) sixthAndLater(tcb, seg, sender, now)
  return undefined
}

/** §3.10.7.4. */
function inOtherStates(tcb: Tcb, seg: Segment, sender: SegmentSender, now: Micros): TcpInputDrop | undefined {
  const { snd, rcv } = tcb
  if (tcb.state === 'SYN-RECEIVED' && seg.has(TcpFlag.SYN) && seg.has(TcpFlag.ACK) && seg.seq === rcv.irs) {
    // Simultaneous open: the SYN has been taken already, and is a duplicate (RFC 2883 §4); the ACK has not (§3.5, Figure 8).
    reassemblyOf(tcb).duplicate(rcv.irs, rcv.nxt)
    tcb.ecn?.agree(seg.flags, seg.codepoint)
    seg.flags &= ~TcpFlag.SYN
    seg.seq = rcv.nxt
  }
  // First, check the sequence number; before it, protection against wrapped ones (RFC 7323 §5.3 R1).
  const stale = checkTimestamp(tcb, seg, now)
  if (stale !== undefined) {
    // A segment without the timestamp that was agreed is dropped in silence (RFC 7323 §3.2).
    if (stale === 'tcp-paws' && seg.length > 0) tcb.ackOwed = AckOwed.NOW
    else if (stale === 'tcp-paws') challenge(tcb, sender, now)
    return stale
  }
  // A SYN that repeats the one we answer: our SYN,ACK was lost. Its data, if it has any, is not asked for.
  if (tcb.state === 'SYN-RECEIVED' && seg.has(TcpFlag.SYN) && seg.seq === rcv.irs && !seg.has(TcpFlag.RST)) {
    tcb.ackOwed = AckOwed.NOW
    takeTimestamp(tcb, seg, now)
    return 'tcp-out-of-window'
  }
  if (!isAcceptable(tcb, seg)) {
    if (seg.has(TcpFlag.RST)) return 'tcp-out-of-window'
    acknowledgeUnacceptable(tcb, seg, sender, now)
    return 'tcp-out-of-window'
  }
  tcb.lastReceived = now
  tcb.keepAliveProbes = 0

  // Second, check the RST bit (RFC 5961 §3.2).
  if (seg.has(TcpFlag.RST)) {
    if (seg.seq !== rcv.nxt) return challenge(tcb, sender, now)
    if (tcb.state === 'SYN-RECEIVED' && tcb.passive && !tcb.isUsable) end(tcb, 'rcv RST')
    else if (tcb.state === 'SYN-RECEIVED' && !tcb.passive)
      fail(tcb, 'rcv RST', 'ECONNREFUSED', 'the peer refused the connection')
    else if (tcb.state === 'CLOSING' || tcb.state === 'LAST-ACK') end(tcb, 'rcv RST')
    else fail(tcb, 'rcv RST', 'ECONNRESET', 'the peer reset the connection')
    return undefined
  }
  // Third, the security: none. Fourth, check the SYN bit (RFC 5961 §4.2).
  if (seg.has(TcpFlag.SYN)) {
    if (tcb.state !== 'SYN-RECEIVED' || !tcb.passive || tcb.isUsable) return challenge(tcb, sender, now)
    end(tcb, 'rcv SYN')
    return undefined
  }

  // Fifth, check the ACK field.
  if (!seg.has(TcpFlag.ACK)) return 'tcp-no-ack'
  if (tcb.state === 'SYN-RECEIVED') {
    if (seqLe(seg.ack, snd.una) || seqGt(seg.ack, snd.nxt)) {
      sendReset(tcb, seg, sender, now)
      return 'tcp-bad-ack'
    }
    tcb.become('rcv ACK of SYN')
    if (tcb.reassembly?.hasDuplicate) tcb.ackOwed = AckOwed.NOW
    if (!tcb.isUsable) tcb.note(UserEvent.ESTABLISHED)
    tcb.fastOpen?.confirmed(now)
    setWindow(tcb, seg)
    acknowledge(tcb, seg, now)
    afterHandshake(tcb, now)
    // A CLOSE that was queued in SYN-RECEIVED (§3.10.4).
    if (tcb.finQueued) tcb.become('close')
  } else {
    // RFC 5961 §5.2: an ACK far in the past or of the future is challenged.
    if (seqGt(seg.ack, snd.nxt) || seqLt(seg.ack, seqAdd(snd.una, -Math.max(snd.maxWnd, 1)))) {
      return challenge(tcb, sender, now)
    }
    if (seqGe(seg.ack, snd.una)) acknowledge(tcb, seg, now)
    else takeOldAck(tcb, seg, now)
  }
  takeTimestamp(tcb, seg, now)
  if (seg.options.userTimeout >= 0) hearUserTimeout(tcb, seg.options.userTimeout)
  if (tcb.finSent && snd.una === snd.nxt) finAcknowledged(tcb)
  if (!tcb.isOver) sixthAndLater(tcb, seg, sender, now)
  return undefined
}

/** Fifth, the states in which the ACK of our FIN was missing. */
function finAcknowledged(tcb: Tcb): void {
  if (tcb.state === 'FIN-WAIT-1') tcb.become('rcv ACK of FIN')
  else if (tcb.state === 'CLOSING' || tcb.state === 'LAST-ACK') end(tcb, 'rcv ACK of FIN')
}

/** Sixth, the URG bit: data is delivered in its order all the same, as RFC 6093 §6 advises. Seventh and eighth, text and FIN. */
function sixthAndLater(tcb: Tcb, seg: Segment, sender: SegmentSender, now: Micros): void {
  const isUrgent = mayReceive(tcb) && seg.has(TcpFlag.URG)
  if (isUrgent && urgentOf(tcb).received(seg.seq, seg.header.urgent, tcb.readSeq)) tcb.note(UserEvent.URGENT)
  if (seg.length === 0) return
  if (tcb.readClosed && seg.dataLength > 0 && mayReceive(tcb) && seqGt(seqAdd(seg.seq, seg.dataLength), tcb.rcv.nxt)) {
    // §3.6.1, RFC 2525 §2.17: nobody will read it, and the peer must not believe that somebody did.
    sendReset(tcb, seg, sender, now)
    fail(tcb, 'abort', 'ECONNABORTED', 'data arrived after the connection was closed for reading')
    return
  }
  if (mayReceive(tcb)) {
    if (seg.dataLength > 0 && tcb.ecn?.received(seg.flags, seg.codepoint)) tcb.ackOwed = AckOwed.NOW
    receiveText(tcb, seg, sender, now)
    receiveFin(tcb, seg, sender, now)
  } else tcb.ackOwed = AckOwed.NOW
}

/** §3.4, the four cases of acceptability, for a window that may reach back to what was promised. */
function isAcceptable(tcb: Tcb, seg: Segment): boolean {
  const { nxt } = tcb.rcv
  const window = tcb.receiveWindow
  const { length } = seg
  if (length === 0) return window === 0 ? seg.seq === nxt : seqInWindow(seg.seq, nxt, window)
  if (window === 0) return false
  // The third asks nothing new of a single segment; a super-segment may begin before the window and end beyond it.
  return (
    seqInWindow(seg.seq, nxt, window) ||
    seqInWindow(seqAdd(seg.end, -1), nxt, window) ||
    seqInWindow(nxt, seg.seq, length)
  )
}

/** An unacceptable segment is answered with an ACK, which also serves keep-alive and zero-window probes. */
function acknowledgeUnacceptable(tcb: Tcb, seg: Segment, sender: SegmentSender, now: Micros): void {
  const dataEnd = seqAdd(seg.seq, seg.dataLength)
  if (seg.dataLength > 0 && seqLe(dataEnd, tcb.rcv.nxt)) cameTwice(tcb, seg.seq, dataEnd)
  // Two ends that disagree would answer each other's bare ACKs for ever.
  if (seg.length > 0 && tcb.reassembly?.hasDuplicate && tcb.sackPermitted) ackNow(tcb, sender, now)
  else if (seg.length > 0) tcb.ackOwed = AckOwed.NOW
  else challenge(tcb, sender, now)
  // §3.10.7.4 first: a closed window still takes valid ACKs. The peer's SND.NXT may lie behind a probe of its own.
  const { una, nxt } = tcb.snd
  if (
    isSynchronized(tcb.state) &&
    seg.has(TcpFlag.ACK) &&
    seqGe(seg.ack, una) &&
    seqLe(seg.ack, nxt) &&
    tcb.receiveWindow === 0 &&
    seqLe(seg.seq, seqAdd(tcb.rcv.nxt, tcb.mss))
  ) {
    acknowledge(tcb, seg, now)
    if (tcb.finSent && tcb.snd.una === tcb.snd.nxt) finAcknowledged(tcb)
  }
}

/** RFC 7323 §3.2 and §5.3 R1. */
function checkTimestamp(tcb: Tcb, seg: Segment, now: Micros): TcpInputDrop | undefined {
  if (!tcb.timestamps || seg.has(TcpFlag.RST)) return undefined
  if (!seg.options.timestamps) return isSynchronized(tcb.state) ? 'tcp-no-timestamp' : undefined
  const older = ((seg.options.tsval - tcb.tsRecent) | 0) < 0
  return older && now - tcb.tsRecentAt < TS_RECENT_VALID ? 'tcp-paws' : undefined
}

/** RFC 7323 §3.2: a timestamp in the answer to a SYN is the echo of one that we sent with it, or of a repetition of it. */
function echoesOurSyn(tcb: Tcb, seg: Segment, now: Micros): boolean {
  const { timestamps, tsecr } = seg.options
  if (!tcb.timestamps || !timestamps || tsecr === 0) return true
  const first = timestampAt(tcb.tsOffset, tcb.openedAt)
  return ((tsecr - first) | 0) >= 0 && ((timestampAt(tcb.tsOffset, now) - tsecr) | 0) >= 0
}

/** RFC 7323 §4.3 (2): only a segment at the left edge of what was acknowledged moves TS.Recent, and only one that is taken. */
function takeTimestamp(tcb: Tcb, seg: Segment, now: Micros): void {
  // A reset was not asked for its timestamp, so it has none to give.
  if (!tcb.timestamps || !seg.options.timestamps || seg.has(TcpFlag.RST) || seqGt(seg.seq, tcb.rcv.lastAck)) return
  tcb.tsRecent = seg.options.tsval | 0
  tcb.tsRecentAt = now
}

/** RFC 5961 §7: a bounded number of ACKs for segments that a blind attacker could have sent. */
function challenge(tcb: Tcb, sender: SegmentSender, now: Micros): TcpInputDrop {
  tcb.challenges ??= new TokenBucket(CHALLENGES_PER_SECOND, CHALLENGES_PER_SECOND)
  if (tcb.challenges.take(now)) sender.ack(tcb, now)
  return 'tcp-challenge'
}

/** <SEQ=SEG.ACK><CTL=RST>. */
function sendReset(tcb: Tcb, seg: Segment, sender: SegmentSender, now: Micros): void {
  sender.bare(tcb.route, tcb, { seq: seg.ack, ack: 0 as typeof seg.ack, flags: TcpFlag.RST }, now)
}

/** The first window, which no earlier one can contradict. */
function setWindow(tcb: Tcb, seg: Segment): void {
  tcb.snd.wnd = seg.wnd
  tcb.snd.wl1 = seg.seq
  tcb.snd.wl2 = seg.ack
  if (seg.wnd > tcb.snd.maxWnd) tcb.snd.maxWnd = seg.wnd
}
