import { seqAdd } from '../base/seq.ts'
import { addMicros, type Micros, micros } from '../base/types.ts'
import { TcpFlag } from '../wire/tcp.ts'
import { end, fail } from './ending.ts'
import { afterFastOpenTimeout } from './fast-open/client.ts'
import { suspectPath } from './path/path-mtu.ts'
import { userTimeout } from './patience.ts'
import { onDelayedAck } from './receive/receive.ts'
import { afterTimeout, onReorderTimer } from './recovery/recovery.ts'
import { sendProbe } from './recovery/tail-probe.ts'
import type { SegmentSender } from './segment.ts'
import { probeWindow, retransmit } from './send/output.ts'
import type { Tcb } from './tcb.ts'
import { Timer } from './timers.ts'
import { onLingerEnd } from './user.ts'

/** As Linux: how soon something that the link's queue refused is offered to it again. */
const RETRY_AFTER = 500_000

/** Does what the expired timer is there for; `output` follows and sends. */
export function onTimer(tcb: Tcb, timer: Timer, sender: SegmentSender, now: Micros): void {
  switch (timer) {
    case Timer.RETRANSMIT:
      onRetransmit(tcb, sender, now)
      break
    case Timer.PERSIST:
      onPersist(tcb, sender, now)
      break
    case Timer.REORDER:
      onReorderTimer(tcb, now)
      break
    case Timer.TAIL_PROBE:
      sendProbe(tcb, sender, now)
      break
    case Timer.DELAYED_ACK:
      onDelayedAck(tcb)
      break
    case Timer.KEEPALIVE:
      onKeepAlive(tcb, sender, now)
      break
    case Timer.LINGER:
      onLingerEnd(tcb, sender, now)
      break
    case Timer.FIN_WAIT_2:
      if (tcb.state === 'FIN-WAIT-2') end(tcb, 'timeout')
      break
    case Timer.PACE:
      break
  }
}

/** RFC 6298 §5.4 to 5.7; R2 of RFC 9293 §3.8.3 is a time here, and a count only when the user says so. */
function onRetransmit(tcb: Tcb, sender: SegmentSender, now: Micros): void {
  const isSpent = tcb.synAcked && tcb.snd.wnd > 0 && tcb.rtt.backoff >= tcb.settings.retries
  const isEnd = isSpent || now >= tcb.givesUpAt
  afterFastOpenTimeout(tcb, isEnd, now)
  if (isEnd) {
    endUnanswered(tcb, sender, now)
    return
  }
  if (offerAgain(tcb, now)) return
  const first = tcb.board.first
  if (tcb.synAcked && tcb.snd.wnd === 0 && first !== undefined) {
    tcb.rtt.backOff()
    retransmit(tcb, sender, first, 1, now)
    return
  }
  suspectPath(tcb)
  afterTimeout(tcb, now)
}

/**
 * RFC 9293 §3.8.6.1. A probe that carries an octet is unacknowledged data, with the retransmission timer for its end; one
 * without has only this timer.
 */
function onPersist(tcb: Tcb, sender: SegmentSender, now: Micros): void {
  if (tcb.persistBackoff++ === 0) tcb.waitingSince = now
  else if (now >= tcb.givesUpAt) {
    endUnanswered(tcb, sender, now)
    return
  }
  probeWindow(tcb, sender, now)
}

/** The patience with a silent peer, or with one that keeps its window closed, is over. */
function endUnanswered(tcb: Tcb, sender: SegmentSender, now: Micros): void {
  // A peer that still answers is told.
  if (tcb.synAcked && tcb.snd.wnd === 0 && tcb.lastReceived > tcb.waitingSince) sender.reset(tcb, now)
  giveUp(tcb, tcb.synAcked ? 'the peer stopped acknowledging' : 'the peer did not answer the SYN')
}

/** True when the link had refused what the retransmission timer waits for: nothing is known of the path, and it is tried once more. */
function offerAgain(tcb: Tcb, now: Micros): boolean {
  if (tcb.reoffers === undefined || !tcb.synAcked) return false
  // The user timeout counts from the first attempt, for the peer cannot answer what it was not asked.
  if (tcb.reoffers++ === 0) tcb.waitingSince = now
  tcb.board.markAllLost()
  tcb.deadlines.arm(Timer.RETRANSMIT, addMicros(now, RETRY_AFTER))
  return true
}

function giveUp(tcb: Tcb, why: string): void {
  if (tcb.passive && !tcb.isUsable) end(tcb, 'timeout')
  else fail(tcb, 'timeout', tcb.softError ?? 'ETIMEDOUT', why)
}

/** RFC 9293 §3.8.4: a segment the peer must answer, without data and just before what it expects. */
function onKeepAlive(tcb: Tcb, sender: SegmentSender, now: Micros): void {
  const { settings } = tcb
  if (settings.keepAlive === 0) return
  const isProbing = tcb.keepAliveProbes > 0
  const idleSince = Math.max(tcb.lastReceived, isProbing ? tcb.lastSent : 0)
  const wait = isProbing ? probeWait(tcb) : settings.keepAlive
  if (now - idleSince >= wait && tcb.board.isEmpty) {
    if (isProbing && isSilentTooLong(tcb, now)) {
      giveUp(tcb, 'the peer did not answer keep-alive probes')
      return
    }
    tcb.keepAliveProbes++
    sender.send(tcb, seqAdd(tcb.snd.nxt, -1), 0, TcpFlag.ACK, now)
    tcb.deadlines.arm(Timer.KEEPALIVE, addMicros(now, probeWait(tcb)))
    return
  }
  // Traffic came meanwhile: the timer is moved only now, not with every segment. Data on its way has a timer of its own.
  tcb.deadlines.arm(Timer.KEEPALIVE, addMicros(tcb.board.isEmpty ? micros(idleSince) : now, wait))
}

/** RFC 5482 §4.2: a connection with a user timeout of its own, or one agreed on, bears silence for so long. */
const bearsSilence = (tcb: Tcb): Micros | undefined =>
  tcb.settings.isUserTimeoutChosen || tcb.settings.userTimeoutOption ? userTimeout(tcb) : undefined

const probeWait = (tcb: Tcb): Micros =>
  micros(Math.min(tcb.settings.keepAliveInterval, bearsSilence(tcb) ?? tcb.settings.keepAliveInterval))

/** As in Linux it is the user timeout, where there is one, that ends a silent connection, else the number of probes. */
function isSilentTooLong(tcb: Tcb, now: Micros): boolean {
  const limit = bearsSilence(tcb)
  if (limit !== undefined) return now - tcb.lastReceived >= limit
  return tcb.keepAliveProbes >= tcb.settings.keepAliveProbes
}

/** Begins keep-alive, when the user asked for it. */
export function startKeepAlive(tcb: Tcb, now: Micros): void {
  if (tcb.settings.keepAlive > 0) tcb.deadlines.arm(Timer.KEEPALIVE, addMicros(now, tcb.settings.keepAlive))
}
