import { seqAdd } from '../base/seq.ts'
import { addMicros, type Micros } from '../base/types.ts'
import { TcpFlag } from '../wire/tcp.ts'
import { fail } from './ending.ts'
import { isSynHeld, releaseSyn } from './fast-open/client.ts'
import { lingersInVain } from './linger.ts'
import type { SegmentSender } from './segment.ts'
import { output } from './send/output.ts'
import { pushMarksOf } from './send/push.ts'
import { urgentOf } from './send/urgent.ts'
import type { Tcb } from './tcb.ts'
import { Timer } from './timers.ts'

/** As long as Linux's. */
const FIN_WAIT_2_TIMEOUT = 60_000_000

/**
 * SEND, RFC 9293 §3.10.2: copies what fits of `bytes[from, …)` and returns how much that is; 0 once closed for writing.
 * With `more` the user promises that the rest of a segment follows, and the end is not pushed.
 */
export function send(tcb: Tcb, bytes: Uint8Array, from: number, more = false): number {
  if (tcb.finQueued || tcb.state === 'CLOSED' || tcb.state === 'TIME-WAIT') return 0
  const firstUnsent = seqAdd(tcb.bufferSeq, tcb.sendBuffer.length - tcb.unsent)
  const room = tcb.unsentLimit - tcb.unsent
  const count = tcb.sendBuffer.write(
    room < bytes.length - from ? bytes.subarray(0, from + Math.max(0, room)) : bytes,
    from,
  )
  if (count > 0) pushMarksOf(tcb).wrote(seqAdd(tcb.bufferSeq, tcb.sendBuffer.length), firstUnsent, more)
  if (count < bytes.length - from) tcb.writeBlocked = true
  if (count > 0) tcb.owner.changed(tcb)
  return count
}

/**
 * The URGENT flag of SEND (RFC 9293 §3.10.2, MUST-30): all that was sent so far, and the `count` bytes that come next, are
 * urgent; the peer is told with the next segment.
 */
export function urge(tcb: Tcb, count: number): void {
  urgentOf(tcb).write(seqAdd(tcb.bufferSeq, tcb.sendBuffer.length + count))
}

/** What was written so far is a record: later data is not gathered with it in one frame. It may be pushed as well. */
export function endRecord(tcb: Tcb, isPushed: boolean): void {
  const end = seqAdd(tcb.bufferSeq, tcb.sendBuffer.length)
  const push = pushMarksOf(tcb)
  push.endRecord(end)
  if (isPushed) push.force(end)
}

/** Sends now what a cork or the promise of more has held back. */
export function release(tcb: Tcb): void {
  const push = pushMarksOf(tcb)
  push.isMoreComing = false
  push.isReleased = true
  tcb.owner.changed(tcb)
}

/** CLOSE, RFC 9293 §3.10.4: no more will be sent; what was written still goes, then the FIN. Receiving goes on. */
export function close(tcb: Tcb): void {
  if (tcb.finQueued || tcb.state === 'CLOSED' || tcb.state === 'TIME-WAIT') return
  tcb.finQueued = true
  tcb.cork = false
  releaseSyn(tcb)
  // In SYN-SENT and SYN-RECEIVED the CLOSE is queued until the connection is established.
  tcb.become('close')
  tcb.owner.changed(tcb)
}

/**
 * Whether closing both ways is an abort: what was received and not read is lost, what is not to linger is dropped, and a
 * SYN that still waits for data opens nothing.
 */
export const losesAtClose = (tcb: Tcb): boolean =>
  tcb.receiveRing.length > 0 || isSynHeld(tcb) || tcb.settings.linger === 0

/** Closes both ways: nothing more will be read, either. Unread data means that data was lost, and the peer is told (RFC 2525 §2.17). */
export function closeBoth(tcb: Tcb, sender: SegmentSender, now: Micros): void {
  if (tcb.readClosed || tcb.state === 'CLOSED' || tcb.state === 'TIME-WAIT') return
  if (losesAtClose(tcb)) {
    abort(tcb, sender, now)
    return
  }
  tcb.readClosed = true
  close(tcb)
  limitFinWait2(tcb, now)
  tcb.owner.changed(tcb)
}

/** ABORT, RFC 9293 §3.10.5: everything queued is dropped and the peer gets a reset. */
export function abort(tcb: Tcb, sender: SegmentSender, now: Micros): void {
  switch (tcb.state) {
    case 'CLOSED':
    case 'TIME-WAIT':
      return
    case 'SYN-SENT':
      break
    case 'CLOSING':
    case 'LAST-ACK':
      // The RFC enters these states with the FIN; while ours still waits to be sent, the peer knows of no end.
      if (!tcb.finSent) sender.reset(tcb, now)
      break
    case 'SYN-RECEIVED':
      sender.send(tcb, tcb.snd.nxt, 0, TcpFlag.RST | TcpFlag.ACK, now)
      break
    default:
      sender.reset(tcb, now)
  }
  tcb.receiveRing.clear()
  fail(tcb, 'abort', 'ECONNABORTED', 'the connection was aborted on this side')
}

/** As ABORT, but what was written and may go now goes before the reset, as from an operating system, which had sent it by then. */
export function sendAndAbort(tcb: Tcb, sender: SegmentSender, now: Micros): void {
  if (tcb.synAcked) output(tcb, sender, now)
  abort(tcb, sender, now)
}

/** The time to deliver is over: what is not acknowledged by now is dropped, and the peer told. */
export function onLingerEnd(tcb: Tcb, sender: SegmentSender, now: Micros): void {
  if (lingersInVain(tcb)) abort(tcb, sender, now)
}

/** Not RFC: nobody reads any more, and a peer that never sends its FIN may not hold the connection; see docs/deviations.md#fin-wait-2. */
export function limitFinWait2(tcb: Tcb, now: Micros): void {
  if (tcb.readClosed && tcb.state === 'FIN-WAIT-2' && !tcb.deadlines.isArmed(Timer.FIN_WAIT_2)) {
    tcb.deadlines.arm(Timer.FIN_WAIT_2, addMicros(now, FIN_WAIT_2_TIMEOUT))
  }
}
