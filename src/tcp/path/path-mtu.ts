import { type Seq, seqAdd, seqDiff, seqLe } from '../../base/seq.ts'
import type { Micros } from '../../base/types.ts'
import type { IpOutput } from '../../ip/output.ts'
import type { IcmpError } from '../../ip/transport.ts'
import { DUP_THRESH } from '../recovery/rack.ts'
import type { SentRange } from '../recovery/sent-range.ts'
import type { Tcb } from '../tcb.ts'
import { MtuClaim } from './mtu-claim.ts'
import { FIXED_HEADERS, PathProbe } from './path-probe.ts'

// Where a connection's search for the path's MTU (path-probe.ts) meets its sending and its losses.

/** Timeouts in a row after which large packets are suspected to vanish: Linux's R1. */
const SUSPICION = 3

/** The most the path could carry: what both links can say. */
const mostCarried = (tcb: Tcb): number =>
  Math.min(tcb.route.mtu, Math.min(tcb.peerMss, tcb.settings.maxSegment) + FIXED_HEADERS)

/** The handshake is complete: whoever wants to probe always begins with what is surely carried, or already known. */
export function startProbing(tcb: Tcb): void {
  if (tcb.settings.mtuProbing !== 'always') return
  const base = tcb.settings.baseMss + FIXED_HEADERS
  const known = tcb.pathMtu < tcb.route.mtu ? tcb.pathMtu : base
  tcb.pathProbe = new PathProbe()
  tcb.pathProbe.begin(base, known)
}

/** The payload of the probe that goes out now, before other new data; 0 for none. */
export function probePayload(tcb: Tcb, pathProbe: PathProbe, now: Micros): number {
  const { board, mss } = tcb
  if (!pathProbe.isActive || tcb.recovery !== 'none' || board.sackedBytes > 0 || board.lostBytes > 0) return 0
  const size = pathProbe.next(packetSize(tcb), mostCarried(tcb), now)
  if (size === 0) return 0
  const payload = size - FIXED_HEADERS - tcb.segmentOptions
  // RFC 4821 §7.4: as much behind it as shows its loss without a timeout, and a window that lets all of it out.
  const needed = payload + (DUP_THRESH + 1) * mss
  const offered = seqDiff(seqAdd(tcb.snd.una, tcb.snd.wnd), tcb.snd.nxt)
  if (tcb.unsent < needed || offered < needed || tcb.allowance < needed) return 0
  pathProbe.sent(size, tcb.snd.nxt, seqAdd(tcb.snd.nxt, payload))
  return payload
}

/** Loss was found: true when it is the probe alone. What it carried goes again, and the window stays as it is. */
export function probeWasLost({ pathProbe, board, snd }: Tcb): boolean {
  // Several ACKs may say so before its octets can go again.
  if (pathProbe?.foundLost === board.foundLost) return true
  const end = pathProbe?.lost(snd.una, board.lostBytes)
  if (pathProbe === undefined || end === undefined) return false
  for (const range of board.ranges) if (seqLe(range.end, end)) board.markLost(range)
  pathProbe.foundLost = board.foundLost
  return true
}

/** The retransmission timer expired: perhaps full segments are too large, and a router has said so, or nobody does. */
export function suspectPath(tcb: Tcb): void {
  const { settings, board, mtuClaim } = tcb
  tcb.pathProbe?.forget()
  const base = Math.min(settings.baseMss + FIXED_HEADERS, packetSize(tcb))
  tcb.mtuClaim = undefined
  if (mtuClaim !== undefined && mtuClaim.mtu > 0) {
    const { mtu } = mtuClaim
    tcb.largestPassed = 0
    const probe = probeOf(tcb)
    probe.begin(Math.min(base, mtu), mtu)
    probe.tooBig(mtu)
    return
  }
  // RFC 8899 §4.3: not the first timeout, and not of small segments.
  const first = board.first
  if (settings.mtuProbing === 'off' || !tcb.synAcked || first === undefined) return
  if ((tcb.rtt.backoff + 1) % SUSPICION !== 0) return
  const limit = tcb.pathProbe?.isActive ? tcb.pathProbe.limit / 2 : base
  if (seqDiff(first.end, first.start) + FIXED_HEADERS > limit) probeOf(tcb).shrink(base)
}

/** The connection's search, made with the first reason for one. */
function probeOf(tcb: Tcb): PathProbe {
  tcb.pathProbe ??= new PathProbe()
  return tcb.pathProbe
}

/** A packet of the stream, as it is at most now. */
const packetSize = (tcb: Tcb): number => tcb.mss + FIXED_HEADERS + tcb.segmentOptions

/** A run of octets arrived that went out together. */
export function packetPassed(tcb: Tcb, range: SentRange): void {
  const size = Math.min(seqDiff(range.end, range.start) + FIXED_HEADERS + tcb.segmentOptions, packetSize(tcb))
  if (size > tcb.largestPassed) tcb.largestPassed = size
  if (tcb.mtuClaim?.isRefutedBy(range.start, range.end)) tcb.mtuClaim = undefined
}

/**
 * RFC 1191 §6.3: what was too large goes again in smaller segments, and this is no sign of congestion. What a router
 * says must concern a segment in flight (RFC 5927 §4.1), be less than what we send, and not contradict what passes (§7.2).
 */
export function onPacketTooBig(tcb: Tcb, error: IcmpError, ip: IpOutput, now: Micros): void {
  const { mtu } = error
  if (mtu >= tcb.largestPacket) {
    // Only a probe was that large, and it was sent to learn this.
    if (!tcb.pathProbe?.isLarger(mtu)) return
    tcb.pathProbe.tooBig(mtu)
  } else {
    if (mtu < tcb.largestPassed) {
      tcb.mtuClaim = new MtuClaim(mtu, error.seq as Seq)
      return
    }
    tcb.largestPassed = 0
    probeOf(tcb).tooBig(mtu)
    ip.lowerPathMtu(tcb.remote, mtu, now)
    tcb.pathMtu = ip.mtuOf(tcb.route)
  }
  tcb.board.markAllLost()
  // As after a timeout everything goes again, but the congestion window is left as it is.
  tcb.recovery = 'timeout'
  tcb.recoveryPoint = tcb.snd.nxt
}
