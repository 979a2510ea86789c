import { type Seq, seqAdd, seqDiff, seqGe, seqLe } from '../../base/seq.ts'
import { addMicros, type Micros, micros } from '../../base/types.ts'
import { TcpFlag } from '../../wire/tcp.ts'
import { initialWindow } from '../congestion/initial-window.ts'
import { windowUseOf } from '../congestion/window-use.ts'
import { isSynHeld, synDataRoom, synIsSent } from '../fast-open/client.ts'
import { probePayload } from '../path/path-mtu.ts'
import type { SentRange } from '../recovery/sent-range.ts'
import { armProbe } from '../recovery/tail-timer.ts'
import type { SegmentSender } from '../segment.ts'
import { AckOwed, type Tcb, UserEvent } from '../tcb.ts'
import { Timer } from '../timers.ts'
import { troubleOf } from '../trouble.ts'
import { burst, pacingRate } from './burst.ts'
import { judgeLimit } from './judge-limit.ts'
import { Pacer } from './pacer.ts'
import { pushMarksOf } from './push.ts'

/** RFC 9293 §3.8.6.2.1 (4): the override timeout for a segment held back by silly-window avoidance, 0.1 to 1 s. */
const MAX_SWS_OVERRIDE = micros(1_000_000)
/** rrthresh of RFC 7765 §4, in segments. */
const RESTART_THRESHOLD = 4
/** The retransmission timer never goes off at once. */
const MIN_WAIT = 1_000
const MAX_PERSIST = micros(60_000_000)
/** A paced connection makes up for a late event loop, but for no more than this part of a round trip. */
const LATE_SHARE = 4

/** Sends what may be sent now: what was lost first, then new data, then an ACK that is still owed. Arms the timers. */
export function output(tcb: Tcb, sender: SegmentSender, now: Micros): void {
  switch (tcb.state) {
    case 'CLOSED':
    case 'LISTEN':
    case 'TIME-WAIT':
      break
    case 'SYN-SENT':
    case 'SYN-RECEIVED':
      sendSyn(tcb, sender, now)
      // RFC 7413 §4.2.2: an answer need not wait for the end of the handshake.
      if (tcb.fastOpen?.isOpen) sendNew(tcb, sender, now)
      break
    default:
      if (tcb.board.isEmpty && tcb.unsent > 0 && tcb.snd.wnd > 0) restart(tcb, now)
      // Full segments have no room for SACK blocks: a peer that waits to learn what is missing is told first.
      if (tcb.ackOwed === AckOwed.NOW && tcb.sackPermitted && tcb.reassembly?.hasNews) sender.ack(tcb, now)
      if (!tcb.spuriousTimeout?.takesNewData()) retransmitLost(tcb, sender, now)
      sendAllNew(tcb, sender, now)
  }
  if (tcb.ackOwed === AckOwed.NOW) sender.ack(tcb, now)
  else if (tcb.ackOwed === AckOwed.SOON) {
    tcb.ackOwed = AckOwed.NOW
    tcb.owner.changed(tcb)
  } else if (tcb.ackOwed === AckOwed.DELAYED && !tcb.deadlines.isArmed(Timer.DELAYED_ACK)) {
    tcb.deadlines.arm(Timer.DELAYED_ACK, addMicros(now, tcb.settings.delayedAck))
  }
  if (tcb.ackOwed === AckOwed.NONE) tcb.deadlines.stop(Timer.DELAYED_ACK)
  armRetransmit(tcb, now)
  if (!tcb.deadlines.isArmed(Timer.TAIL_PROBE)) armProbe(tcb, now)
}

/** RFC 5681 §4.1: after an idle time the ACK clock is gone. */
function restart(tcb: Tcb, now: Micros): void {
  const { slowStartAfterIdle, initialWindow: wanted } = tcb.settings
  const window = slowStartAfterIdle ? initialWindow(tcb.mss, wanted) : Number.POSITIVE_INFINITY
  tcb.congestion.onRestart(windowUseOf(tcb).restart(tcb.lastDataSent, now), tcb.rtt.rto, window, now)
}

function sendAllNew(tcb: Tcb, sender: SegmentSender, now: Micros): void {
  const { snd } = tcb
  const before = snd.nxt
  sendPathProbe(tcb, sender, now)
  sendNew(tcb, sender, now)
  const isSent = snd.nxt !== before
  if (isSent) windowUseOf(tcb).sent(snd.una, snd.nxt, tcb.pipe, tcb.congestion.cwnd, tcb.mss)
  if (tcb.unsent === 0 && tcb.board.lostBytes === 0 && tcb.pipe < tcb.congestion.cwnd)
    tcb.rate?.limitedBySender(tcb.board)
  if (!tcb.deadlines.isArmed(Timer.PACE)) tcb.pacer?.rest()
  judgeLimit(tcb, isSent, now)
  if (tcb.writeBlocked && isSent && 2 * tcb.unsent <= tcb.unsentLimit) askForMore(tcb)
}

/** Whether a paced connection must wait with its next frame; a timer then goes on with it. */
function waitsItsTurn(tcb: Tcb, now: Micros): boolean {
  if (!tcb.pacer?.waits(now)) return false
  tcb.deadlines.arm(Timer.PACE, tcb.pacer.next)
  return true
}

/** What went out, new or again, is noted for the delivery rate and for pacing. */
function hasSent(tcb: Tcb, range: SentRange, octets: number, now: Micros): void {
  tcb.rate?.sent(range, tcb.board, octets, now)
  const rate = pacingRate(tcb)
  // The initial window goes out at once: no rate is known of the path yet.
  const isOpening = tcb.stats.bytesSent + octets < initialWindow(tcb.mss, tcb.settings.initialWindow)
  if (rate === undefined || isOpening) return
  // What this machine was too slow to send says as little about the path as what the user did not give.
  tcb.pacer ??= new Pacer()
  if (tcb.pacer.sent(octets, rate, tcb.rtt.minRtt / LATE_SHARE, now)) tcb.rate?.limitedBySender(tcb.board)
}

/** What waited has left: the user may say what comes next, where it was the unsent that held him back. */
function askForMore(tcb: Tcb): void {
  if (tcb.settings.notSentLowat === Number.POSITIVE_INFINITY || tcb.sendBuffer.free === 0) return
  tcb.writeBlocked = false
  tcb.note(UserEvent.WRITABLE)
  tcb.owner.changed(tcb)
}

/** The SYN, or in SYN-RECEIVED the SYN,ACK: for the first time, or again when it was marked lost. */
function sendSyn(tcb: Tcb, sender: SegmentSender, now: Micros): void {
  const flags = tcb.state === 'SYN-RECEIVED' ? TcpFlag.SYN | TcpFlag.ACK : TcpFlag.SYN
  const first = tcb.board.first
  if (first === undefined) {
    sendFirstSyn(tcb, flags, sender, now)
    return
  }
  if (!first.lost && tcb.ackOwed !== AckOwed.NOW) return
  tcb.board.retransmitted(first, 1, now)
  tcb.rate?.sent(first, tcb.board, 1, now)
  if (tcb.fastOpen !== undefined) tcb.fastOpen.wasRepeated = true
  sender.send(tcb, tcb.snd.iss, 0, flags, now)
}

/** The first SYN, or SYN,ACK. Data rides only on the SYN of Fast Open, and if that is lost, on none (RFC 7413 §4.1.3.1). */
function sendFirstSyn(tcb: Tcb, flags: number, sender: SegmentSender, now: Micros): void {
  if (isSynHeld(tcb)) return
  const { snd, board } = tcb
  const count = Math.min(tcb.sendBuffer.length, synDataRoom(tcb))
  snd.nxt = seqAdd(snd.iss, 1)
  const syn = board.sent(snd.iss, snd.nxt, now)
  tcb.rate?.sent(syn, board, 1, now)
  if (count > 0) {
    snd.nxt = seqAdd(snd.nxt, count)
    const data = board.sent(seqAdd(snd.iss, 1), snd.nxt, now)
    tcb.rate?.sent(data, board, count, now)
    pushMarksOf(tcb).force(snd.nxt)
    tcb.stats.bytesSent += count
  }
  tcb.openedAt = now
  tcb.waitingSince = now
  synIsSent(tcb, count)
  sender.send(tcb, snd.iss, count, flags, now)
}

/** RFC 6675 §5 (C): retransmits while the window has room for it. */
function retransmitLost(tcb: Tcb, sender: SegmentSender, now: Micros): void {
  for (;;) {
    const range = tcb.board.firstLost()
    if (range === undefined || waitsItsTurn(tcb, now)) break
    const size = seqDiff(range.end, range.start)
    const mss = tcb.mss
    let room = tcb.allowance
    if (tcb.pipe <= 0) room = Math.max(room, mss)
    if (room < Math.min(mss, size)) break
    const most = Math.min(size, sender.maxPayload(tcb), burst(tcb), Math.max(mss, room - (room % mss)))
    const octets = most < size && most % mss !== 0 ? Math.max(mss, most - (most % mss)) : most
    retransmit(tcb, sender, range, Math.min(octets, size), now)
    if (tcb.reoffers !== undefined) break
  }
}

/** Sends the first `octets` of `range` again, its FIN with them when they reach it. */
export function retransmit(tcb: Tcb, sender: SegmentSender, range: SentRange, octets: number, now: Micros): void {
  const { start } = range
  const finSeq = seqAdd(tcb.bufferSeq, tcb.sendBuffer.length)
  const withFin = tcb.finSent && seqGe(start, seqAdd(finSeq, 1 - octets))
  const data = withFin ? octets - 1 : octets
  let flags: number = TcpFlag.ACK
  if (withFin) flags |= TcpFlag.FIN
  if (data > 0 && isPushed(tcb, start, data)) flags |= TcpFlag.PSH
  const trouble = troubleOf(tcb)
  trouble.retransmissions++
  trouble.bytesRetransmitted += data
  sender.send(tcb, start, data, flags, now)
  if (tcb.reoffers !== undefined) {
    // What our own link refused is as lost as before; a timer tries again.
    trouble.retransmissions--
    trouble.bytesRetransmitted -= data
    return
  }
  tcb.board.retransmitted(range, octets, now)
  hasSent(tcb, range, octets, now)
  tcb.prr?.onSent(octets)
  tcb.undo?.repeated(octets, now)
}

/** One segment larger than the others, where it can tell what the path carries. */
function sendPathProbe(tcb: Tcb, sender: SegmentSender, now: Micros): void {
  const { pathProbe } = tcb
  if (pathProbe === undefined) return
  const payload = probePayload(tcb, pathProbe, now)
  if (payload === 0) return
  pathProbe.isSending = true
  transmitNew(tcb, sender, payload, false, now)
  pathProbe.isSending = false
}

/** New data and the FIN behind it, as far as the windows, Nagle and silly-window avoidance allow. */
function sendNew(tcb: Tcb, sender: SegmentSender, now: Micros): void {
  for (;;) {
    const unsent = tcb.unsent
    const finWaits = tcb.finQueued && !tcb.finSent
    if ((unsent === 0 && !finWaits) || waitsItsTurn(tcb, now)) break
    const mss = tcb.mss
    const left = Math.min(unsent, tcb.push?.recordLeft(tcb.snd.nxt) ?? unsent)
    const offered = seqDiff(seqAdd(tcb.bufferSeq, tcb.snd.wnd), tcb.snd.nxt)
    const allowed = tcb.allowance
    if (allowed < Math.min(mss, left)) return
    let count = Math.min(left, offered, allowed, sender.maxPayload(tcb), burst(tcb))
    // The end of the queue goes in the same frame where it may go at all.
    const partial = count % mss
    const takesAll = count === left && maySendSmall(tcb, partial, partial, offered)
    if (count > mss && partial > 0 && !takesAll) count -= partial
    if (count < mss && !maySendSmall(tcb, count, left, offered)) {
      waitForWindow(tcb, now)
      return
    }
    transmitNew(tcb, sender, count, finWaits && count === unsent && offered > count, now)
  }
}

/** Sends `count` bytes that were never sent, and with `withFin` the FIN behind them. */
function transmitNew(tcb: Tcb, sender: SegmentSender, count: number, withFin: boolean, now: Micros): void {
  let flags: number = TcpFlag.ACK
  const start = tcb.snd.nxt
  if (count > 0 && isPushed(tcb, start, count)) flags |= TcpFlag.PSH
  if (withFin) flags |= TcpFlag.FIN
  if (tcb.board.isEmpty) tcb.waitingSince = now
  tcb.snd.nxt = seqAdd(start, count + (withFin ? 1 : 0))
  hasSent(tcb, tcb.board.sent(start, tcb.snd.nxt, now), seqDiff(tcb.snd.nxt, start), now)
  if (count % tcb.mss !== 0 && !tcb.sendsProbe) tcb.snd.smallEnd = tcb.snd.nxt
  tcb.stats.bytesSent += count
  tcb.prr?.onSent(count)
  tcb.deadlines.stop(Timer.PERSIST)
  tcb.deadlines.stop(Timer.TAIL_PROBE)
  sender.send(tcb, start, count, flags, now)
  if (withFin) tcb.finSent = true
}

/**
 * RFC 9293 §3.9.1.2: whether a write ends here, or the user's last, on whose rest nobody waits. A super-segment has the
 * bit as well, so that the peer's link hands up at once what it joins.
 */
const isPushed = (tcb: Tcb, start: Seq, count: number): boolean =>
  (count > tcb.mss && !tcb.sendsProbe) || tcb.push?.within(start, seqAdd(start, count)) === true

/** Sends one segment of new data whatever the congestion window says, for a tail loss probe; false when there is none. */
export function sendOneNew(tcb: Tcb, sender: SegmentSender, now: Micros): boolean {
  const count = Math.min(tcb.unsent, tcb.mss)
  const offered = seqDiff(seqAdd(tcb.snd.una, tcb.snd.wnd), tcb.snd.nxt)
  if (count === 0 || count > offered) return false
  transmitNew(tcb, sender, count, false, now)
  return true
}

/** RFC 9293 §3.8.6.2.1, the sender's silly-window avoidance with Nagle's rule (§3.7.4), for less than a full segment. */
function maySendSmall(tcb: Tcb, count: number, unsent: number, offered: number): boolean {
  if (count === unsent && offered > 0) {
    // Nothing more will come to fill the segment.
    if (tcb.finQueued) return offered > count || count > 0
    if (isHeld(tcb)) return false
    if (tcb.noDelay) return true
    // Not RFC: only a small segment in flight holds the next one back, see docs/deviations.md#nagle.
    return seqLe(tcb.snd.smallEnd, tcb.snd.una)
  }
  // (3): at least half of the largest window the peer has offered.
  return count > 0 && count < unsent && count >= tcb.snd.maxWnd / 2
}

/** The user holds back what does not fill a segment. */
const isHeld = ({ cork, push }: Tcb): boolean => (cork && !push?.isReleased) || push?.isMoreComing === true

/** It is the cork, not the window, that holds back what is left. */
const isCorked = (tcb: Tcb): boolean => tcb.cork && tcb.unsent < Math.min(tcb.mss, tcb.snd.wnd)

/** The peer's window, or the user's promise of more, holds back what is queued, and nothing in flight will bring an ACK: probe for one. */
function waitForWindow(tcb: Tcb, now: Micros): void {
  if (!tcb.board.isEmpty || tcb.deadlines.isArmed(Timer.PERSIST) || isCorked(tcb)) return
  const delay =
    tcb.snd.wnd > 0
      ? Math.min(MAX_SWS_OVERRIDE, tcb.rtt.rto)
      : micros(Math.min(MAX_PERSIST, tcb.rtt.rto * 2 ** tcb.persistBackoff))
  const at = addMicros(now, delay)
  tcb.deadlines.arm(Timer.PERSIST, tcb.persistBackoff > 0 ? noLaterThanEnd(tcb, at, now) : at)
}

/** `at`, or the end of the patience with the peer, where that is still to come and comes first. */
function noLaterThanEnd(tcb: Tcb, at: Micros, now: Micros): Micros {
  const limit = tcb.givesUpAt
  return at > limit && limit > now ? limit : at
}

/** RFC 9293 §3.8.6.1 and (4) of §3.8.6.2.1: sends what the window holds back, or one octet beyond a closed one. */
export function probeWindow(tcb: Tcb, sender: SegmentSender, now: Micros): void {
  if (!tcb.board.isEmpty || (tcb.unsent === 0 && !(tcb.finQueued && !tcb.finSent))) return
  if (tcb.snd.wnd === 0 && tcb.settings.emptyProbes) {
    // Not RFC: it asks for an octet; the ACK that an old segment calls for tells the window as well.
    sender.send(tcb, seqAdd(tcb.snd.una, -1), 0, TcpFlag.ACK, now)
    return
  }
  const count = Math.min(tcb.unsent, Math.max(1, tcb.snd.wnd), tcb.mss)
  tcb.waitingSince = now
  pushMarksOf(tcb).force(seqAdd(tcb.snd.nxt, count))
  transmitNew(tcb, sender, count, count === 0, now)
}

/** RFC 6298 (5.1), (5.2): the timer runs exactly while something is unacknowledged. */
function armRetransmit(tcb: Tcb, now: Micros): void {
  if (tcb.board.isEmpty) tcb.deadlines.stop(Timer.RETRANSMIT)
  else if (!tcb.deadlines.isArmed(Timer.RETRANSMIT)) {
    const at = addMicros(now, tcb.rtt.rto - waited(tcb, now))
    tcb.deadlines.arm(Timer.RETRANSMIT, noLaterThanEnd(tcb, at, now))
  }
}

/**
 * RFC 7765 §4, RTO restart: when so little is outstanding that no fast retransmission can come of it, the timer counts from
 * when the first of it was sent, not from the ACK that came last.
 */
function waited(tcb: Tcb, now: Micros): number {
  const { first } = tcb.board
  if (first === undefined || !tcb.synAcked || tcb.flightSize + tcb.unsent >= RESTART_THRESHOLD * tcb.mss) return 0
  return Math.min(now - first.sentAt, tcb.rtt.rto - MIN_WAIT)
}
