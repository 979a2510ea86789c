import { type Seq, seqAdd, seqDiff, seqGt } from '../../base/seq.ts'
import type { Micros } from '../../base/types.ts'
import { TcpFlag } from '../../wire/tcp.ts'
import { end } from '../ending.ts'
import { isSynchronized } from '../fsm.ts'
import { type Segment, type SegmentSender, timestampAt } from '../segment.ts'
import { AckOwed, type Tcb, UserEvent } from '../tcb.ts'
import { Timer } from '../timers.ts'
import { troubleOf } from '../trouble.ts'
import { reassemblyOf } from './reassembly.ts'
import { sizingOf } from './right-sizing.ts'

/** RFC 9293 §3.10.7.4 seventh, process the segment text; what lies outside the window is cut off. */
export function receiveText(tcb: Tcb, seg: Segment, sender: SegmentSender, now: Micros): void {
  if (seg.dataLength === 0) return
  const { rcv } = tcb
  tcb.lastDataReceived = now
  const each = Math.ceil(seg.dataLength / seg.count)
  tcb.ackPace.measure(Math.min(each, tcb.localMss), seg.has(TcpFlag.PSH))
  if (tcb.timestamps && each >= tcb.ackPace.peerSegment) {
    const echo = seg.options.tsecr
    sizingOf(tcb).measure(echo, (timestampAt(tcb.tsOffset, now) - echo) | 0)
  }
  const behind = Math.max(0, seqDiff(rcv.nxt, seg.seq))
  const at = seg.dataAt + behind
  let length = seg.dataLength - behind
  const offset = Math.max(0, seqDiff(seg.seq, rcv.nxt))
  const room = (tcb.finAt === undefined ? tcb.receiveWindow : seqDiff(tcb.finAt, rcv.nxt)) - offset
  if (length > room) {
    length = room
    seg.flags &= ~TcpFlag.FIN
    tcb.ackOwed = AckOwed.NOW
  }
  if (behind > 0) cameTwice(tcb, seg.seq, seqAdd(seg.seq, Math.min(behind, seg.dataLength)))
  if (length <= 0) {
    tcb.ackOwed = AckOwed.NOW
    // Each duplicate is told of (RFC 2883 §4), and an ACK has room for one.
    if (tcb.reassembly?.hasDuplicate && tcb.sackPermitted) ackNow(tcb, sender, now)
    return
  }
  const isEnding = tcb.finAt !== undefined || seg.has(TcpFlag.FIN)
  if (offset > 0) {
    troubleOf(tcb).outOfOrder++
    tcb.ackPace.missed()
    const start = seqAdd(rcv.nxt, offset)
    const reassembly = reassemblyOf(tcb)
    if (reassembly.add(start, seqAdd(start, length))) tcb.receiveRing.store(offset, seg.bytes, at, at + length)
    else seg.flags &= ~TcpFlag.FIN
    // RFC 5681 §4.2: at once, and each its own: they are counted, carry the SACK blocks, and clock what goes out again. Of
    // many, those that arrive together share one, unless the sender must count them. A FIN that is known has one anyway.
    if (isEnding || (tcb.sackPermitted && !reassembly.mustTell)) tcb.ackOwed = AckOwed.NOW
    else ackNow(tcb, sender, now)
    return
  }
  // What the user waits for goes to him; the ring's places count from the first byte that he has not got.
  const isNext = tcb.receiveRing.length === 0 && !tcb.hasHoles
  const taken = isNext ? (tcb.receiveCall?.take(seg.bytes, at, at + length) ?? 0) : 0
  if (taken < length) tcb.receiveRing.store(0, seg.bytes, at + taken, at + length)
  const before = rcv.nxt
  rcv.nxt = seqAdd(rcv.nxt, length)
  const filled = tcb.hasHoles
  if (filled) rcv.nxt = reassemblyOf(tcb).advance(rcv.nxt)
  const received = seqDiff(rcv.nxt, before)
  tcb.receiveRing.extend(received - taken)
  tcb.stats.bytesReceived += received
  if (taken > 0) hasTaken(tcb, taken, now)
  tcb.note(UserEvent.READABLE)
  const { ackPace } = tcb
  ackPace.received(tcb.receiveWindow, tcb.settings.quickAcks, tcb.rtt.rto, now)
  // RFC 9293 §3.8.6.3 (SHLD-19): an ACK for at least every second full-sized segment.
  const isSecond = seqDiff(rcv.nxt, rcv.lastAck) > ackPace.peerSegment
  if (filled || isSecond || ackPace.isQuick) tcb.ackOwed = AckOwed.NOW
  else if (tcb.ackOwed === AckOwed.NONE) tcb.ackOwed = AckOwed.DELAYED
  // A window that waits for its reader is better told of once, when he has read.
  if (isSecond && ackPace.isWary && !isEnding && 2 * tcb.receiveWindow >= tcb.receiveLimit) ackNow(tcb, sender, now)
  ackPace.cameInOrder(seg.count)
}

/** An ACK before all that has arrived together was looked at. Where it cannot go now, it is owed until that has been. */
export function ackNow(tcb: Tcb, sender: SegmentSender, now: Micros): void {
  tcb.ackOwed = AckOwed.NOW
  // A poll finds another way.
  if (!tcb.route.valid) return
  const { reoffers } = tcb
  sender.ack(tcb, now)
  if (tcb.reoffers === undefined) {
    tcb.deadlines.stop(Timer.DELAYED_ACK)
    return
  }
  // The link had no room, which says nothing of the data in flight.
  tcb.reoffers = reoffers
  tcb.ackOwed = AckOwed.NOW
}

/** The peer has sent [start, end) again, because it came late or its ACK was lost. */
export function cameTwice(tcb: Tcb, start: Seq, end: Seq): void {
  troubleOf(tcb).duplicateBytes += seqDiff(end, start)
  reassemblyOf(tcb).duplicate(start, end)
  tcb.ackPace.missed()
}

/** Eighth, check the FIN bit: the FIN counts once everything before it has arrived. */
export function receiveFin(tcb: Tcb, seg: Segment, sender: SegmentSender, now: Micros): void {
  // A FIN before data that the peer has sent is no end of its stream.
  const isEnd = seg.has(TcpFlag.FIN) && (!tcb.hasHoles || reassemblyOf(tcb).endsBy(seqAdd(seg.end, -1)))
  if (isEnd) tcb.finAt ??= seqAdd(seg.end, -1)
  if (tcb.finAt === undefined || tcb.peerClosed) return
  if (tcb.rcv.nxt !== tcb.finAt) {
    if (seqGt(tcb.finAt, tcb.rcv.nxt)) tcb.ackOwed = AckOwed.NOW
    return
  }
  tcb.rcv.nxt = seqAdd(tcb.finAt, 1)
  tcb.peerClosed = true
  tcb.ackOwed = AckOwed.NOW
  tcb.note(UserEvent.READABLE)
  if (tcb.state === 'FIN-WAIT-2') {
    sender.ack(tcb, now)
    end(tcb, 'rcv FIN')
  } else tcb.become('rcv FIN')
}

/** RECEIVE, RFC 9293 §3.10.3: the user has taken `count` bytes. Opens the window again, and lets it grow. */
export function consumed(tcb: Tcb, count: number, now: Micros): void {
  tcb.receiveRing.consume(count)
  if (tcb.receiveRing.length === 0 && !tcb.hasHoles) {
    if (tcb.peerClosed) tcb.receiveRing.clear()
    else tcb.receiveRing.rest()
  }
  hasTaken(tcb, count, now)
}

function hasTaken(tcb: Tcb, count: number, now: Micros): void {
  const wanted = sizingOf(tcb).wanted(count, tcb.localMss, tcb.rtt.srtt ?? 0, now)
  if (wanted > tcb.receiveLimit) tcb.receiveLimit = Math.min(mostWindow(tcb), Math.round(wanted))
  // Before the handshake is complete, any ACK of ours would be another SYN,ACK.
  if (!isSynchronized(tcb.state)) return
  const promised = seqDiff(tcb.rcv.adv, tcb.rcv.nxt)
  const open = tcb.receiveWindow
  // Linux's rule, within RFC 9293 §3.8.6.2.2: an update is worth a segment when it doubles what the peer may send.
  if (!tcb.peerClosed && open > promised && open >= 2 * promised) {
    tcb.ackOwed = AckOwed.NOW
    tcb.owner.changed(tcb)
  }
}

/** More would only be dropped by a link that has no room for it. */
function mostWindow({ settings, route, receiveLimit }: Tcb): number {
  const { room } = route.iface.link
  return room === undefined ? settings.receiveBuffer : Math.max(receiveLimit, Math.min(settings.receiveBuffer, room))
}

/** The delayed ACK's time has come. */
export function onDelayedAck(tcb: Tcb): void {
  tcb.ackPace.delayed()
  if (tcb.ackOwed !== AckOwed.NONE) tcb.ackOwed = AckOwed.NOW
}

/** Whether the peer's FIN has been reached by the reader. */
export const atEnd = (tcb: Tcb): boolean => tcb.peerClosed && tcb.receiveRing.length === 0
