import { seqGt } from '../../base/seq.ts'
import type { Micros } from '../../base/types.ts'
import { TCP_MAX_OPTIONS_LEN } from '../../wire/tcp-options.ts'
import { FIXED_HEADERS } from '../path/path-probe.ts'
import type { Segment } from '../segment.ts'
import type { Tcb } from '../tcb.ts'
import { FastOpen, type TcpFastOpen } from './fast-open.ts'
import { cookieOf } from './keys.ts'

const NO_COOKIE = new Uint8Array(0)

/**
 * RFC 7413 §4.2.1 and §4.2.2, before the SYN of an active OPEN: with a cookie for the server it waits for data to carry, without
 * one it asks for it.
 */
export function prepareFastOpen(tcb: Tcb, stack: TcpFastOpen, now: Micros): void {
  const plan = stack.client ? stack.cache.plan(tcb.remote, now) : undefined
  if (plan === undefined) return
  const { cookie } = plan
  const request = { bytes: NO_COOKIE, isExperimental: plan.asksExperimentally }
  const fastOpen = new FastOpen(stack, stack.clientWithoutCookie ? undefined : (cookie ?? request))
  fastOpen.mayCarryData = stack.clientWithoutCookie || cookie !== undefined
  fastOpen.isHeld = fastOpen.mayCarryData
  tcb.fastOpen = fastOpen
  tcb.peerMss = plan.mss ?? tcb.localMss
}

/** Whether the SYN still waits for something to carry. */
export const isSynHeld = (tcb: Tcb): boolean => tcb.fastOpen?.isHeld === true && tcb.sendBuffer.length === 0

/** Lets the SYN go with what has been written, be it nothing. */
export function releaseSyn(tcb: Tcb): void {
  if (tcb.fastOpen?.isHeld !== true) return
  tcb.fastOpen.isHeld = false
  tcb.owner.changed(tcb)
}

/**
 * The most data that the SYN of this connection can carry: the server's last known MSS, less all the room that options
 * could need (RFC 7413 §4.1.3); 0 when it may carry none.
 */
export function synDataRoom(tcb: Tcb): number {
  if (tcb.fastOpen?.mayCarryData !== true || tcb.state !== 'SYN-SENT' || !tcb.board.isEmpty) return 0
  return Math.max(0, Math.min(tcb.peerMss, tcb.pathMtu - FIXED_HEADERS, tcb.settings.maxSegment) - TCP_MAX_OPTIONS_LEN)
}

/** The first SYN goes out now, with `count` octets. */
export function synIsSent(tcb: Tcb, count: number): void {
  const { fastOpen } = tcb
  if (fastOpen === undefined) return
  fastOpen.isHeld = false
  fastOpen.synData = count
  if (fastOpen.option !== undefined) fastOpen.asked = fastOpen.option.isExperimental ? 'experimental' : 'standard'
}

/**
 * RFC 7413 §4.2.2, on a SYN,ACK, once its acknowledgment has been taken: keeps the cookie, and sends at once what of the
 * SYN's data was not taken.
 */
export function afterSynAck(tcb: Tcb, seg: Segment, now: Micros): void {
  const { fastOpen } = tcb
  if (fastOpen === undefined) return
  const { asked, stack } = fastOpen
  const isDataLeft = fastOpen.synData > 0 && seqGt(tcb.snd.nxt, tcb.snd.una)
  const answer = asked === 'no' ? undefined : cookieOf(seg)
  const wasIgnored = asked !== 'no' && answer === undefined && !fastOpen.wasRepeated && fastOpen.synData === 0
  const lesson = {
    mss: tcb.peerMss,
    cookie: answer !== undefined && answer.bytes.length > 0 ? answer : undefined,
    // The server may have seen only the SYN that was sent again.
    wasLost: asked !== 'no' && fastOpen.wasRepeated && answer === undefined && isDataLeft,
    ignored: !wasIgnored ? 0 : asked === 'experimental' ? 2 : 1,
  } as const
  stack.cache.learn(tcb.remote, lesson, now)
  if (isDataLeft) {
    stack.stats.activeFailed++
    tcb.board.markAllLost()
  } else if (fastOpen.synData > 0) {
    stack.stats.active++
    fastOpen.isDataAcked = true
    // The SYN and its data were one segment.
    tcb.stats.delivered = 1
  }
}

/** RFC 7413 §7.1: a middlebox may let the SYN's data pass and stop what follows, or stop all of it. */
export function afterFastOpenTimeout(tcb: Tcb, isEnd: boolean, now: Micros): void {
  const { fastOpen } = tcb
  if (fastOpen === undefined || tcb.passive || (fastOpen.asked === 'no' && fastOpen.synData === 0)) return
  const { backoff } = tcb.rtt
  if (backoff !== 2 && !(isEnd && backoff < 2)) return
  fastOpen.stack.cache.foundBlackhole(now)
  fastOpen.stack.stats.blackholes++
}
