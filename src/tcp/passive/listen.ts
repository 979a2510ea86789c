import { type Seq, seqAdd } from '../../base/seq.ts'
import type { SipKey } from '../../base/siphash.ts'
import type { Micros } from '../../base/types.ts'
import type { Route } from '../../ip/output.ts'
import { EcnCodepoint } from '../../wire/ipv4.ts'
import { TcpFlag } from '../../wire/tcp.ts'
import { isEcnSetup } from '../ecn.ts'
import type { TcpFastOpen } from '../fast-open/fast-open.ts'
import { judgeSyn, openBySyn } from '../fast-open/server.ts'
import { acceptSynOptions } from '../handshake.ts'
import { type FourTuple, timestampOffset } from '../iss.ts'
import { FIXED_HEADERS } from '../path/path-probe.ts'
import { type Segment, type SegmentSender, timestampAt } from '../segment.ts'
import type { TcpSettings } from '../settings.ts'
import { DEFAULT_MSS, MAX_UNSCALED, type Tcb, windowScaleFor } from '../tcb.ts'
import type { TimeWait } from '../time-wait.ts'
import { type CookieOffer, makeCookie, NO_OFFER, readCookie, readOffer, stampOffer } from './cookies.ts'
import type { Listener } from './listener.ts'

/** Why a segment for a listener made no connection. Also the name of the counter. */
export type TcpListenDrop = 'tcp-listen-overflow' | 'tcp-bad-cookie' | 'tcp-closed'

/** What a listener needs of the one that owns all connections. */
export interface ListenContext {
  readonly key: SipKey
  readonly sender: SegmentSender
  readonly fastOpen: TcpFastOpen
  /** Makes a block for these ends and files it; its ISN is the cookie's, where one was sent. */
  create(listener: Listener, arrival: Arrival, cookie?: Seq): Tcb
  /** Answers with a reset, as for a port where nobody listens. */
  refuse(arrival: Arrival): void
}

/** A segment that belongs to no connection. */
export interface Arrival {
  readonly seg: Segment
  readonly ends: EndsV4
  /** The way back. */
  readonly route: Route
  /** The connection in TIME-WAIT that it takes the place of (RFC 6191). */
  readonly replaces: TimeWait | undefined
  readonly now: Micros
}

/** The ends of a segment, over IPv4. */
export type EndsV4 = Pick<Tcb, 'local' | 'localPort' | 'remote' | 'remotePort'> & FourTuple

/** SEGMENT ARRIVES in LISTEN: RFC 9293 §3.10.7.2. */
export function arrivesAtListener(
  context: ListenContext,
  listener: Listener,
  arrival: Arrival,
): TcpListenDrop | undefined {
  const { seg, now } = arrival
  // First, check for a RST. Second, for an ACK: it can only be the answer to a cookie.
  if (seg.has(TcpFlag.RST)) return 'tcp-closed'
  if (seg.has(TcpFlag.ACK)) return finishCookie(context, listener, arrival)
  // Third, check for a SYN. Fourth, anything else is dropped.
  if (!seg.has(TcpFlag.SYN)) return 'tcp-closed'
  if (listener.isFull || (listener.isFlooded && listener.synCookies === 'never')) {
    listener.stats.overflows++
    return 'tcp-listen-overflow'
  }
  if (listener.remembersNothing) {
    answerWithCookie(context, listener, arrival)
    return undefined
  }
  const fastOpen = judgeSyn(context.fastOpen, listener.fastOpen, arrival)
  const tcb = context.create(listener, arrival)
  tcb.fastOpen = fastOpen
  takeSyn(tcb, seg, now)
  if (fastOpen?.isOpen) {
    listener.completes(tcb)
    openBySyn(tcb, arrival, context.sender)
  } else listener.begins(tcb)
  tcb.owner.changed(tcb)
  return undefined
}

/** RFC 9293 §3.10.7.2 third: what the SYN tells us; the next poll answers it. */
export function takeSyn(tcb: Tcb, seg: Segment, now: Micros): void {
  tcb.rcv.irs = seg.seq
  tcb.rcv.nxt = seqAdd(seg.seq, 1)
  tcb.rcv.adv = tcb.rcv.nxt
  tcb.snd.wnd = seg.header.window
  tcb.snd.maxWnd = seg.header.window
  tcb.snd.wl1 = seg.seq
  acceptSynOptions(tcb, seg, now)
  tcb.become('rcv SYN')
}

/** RFC 4987 §3.6: answers the SYN and remembers nothing. */
function answerWithCookie(context: ListenContext, listener: Listener, arrival: Arrival): void {
  const { seg, ends, route, now } = arrival
  const { options } = seg
  const { settings } = listener
  listener.sendsCookie(now)
  const peerMss = options.mss === 0 ? DEFAULT_MSS : options.mss
  const mss = Math.min(peerMss, route.mtu - FIXED_HEADERS)
  const seq = makeCookie(context.key, ends, seg.seq, mss, now)
  const tsval = timestampAt(timestampOffset(context.key, ends), now)
  const window = Math.min(MAX_UNSCALED, settings.receiveBuffer)
  const peerTsval = options.tsval
  const offer = settings.timestamps && options.timestamps ? offerOf(arrival, settings) : undefined
  context.sender.bare(
    route,
    ends,
    { seq, ack: seqAdd(seg.seq, 1), flags: TcpFlag.SYN | TcpFlag.ACK | (offer?.ecn ? TcpFlag.ECE : 0), window },
    now,
    (answer) => {
      answer.mss = Math.min(route.mtu - FIXED_HEADERS, settings.maxSegment)
      if (offer === undefined) return
      answer.timestamps = true
      answer.tsval = stampOffer(tsval, offer)
      answer.tsecr = peerTsval
      answer.sackPermitted = offer.sackPermitted
      if (offer.windowScale >= 0) answer.windowScale = windowScaleFor(settings.receiveBuffer)
    },
  )
}

/** What of the peer's offer we take up. */
const offerOf = ({ seg }: Arrival, settings: TcpSettings): CookieOffer => ({
  windowScale: settings.windowScale ? seg.options.windowScale : -1,
  sackPermitted: settings.sack && seg.options.sackPermitted,
  ecn: settings.ecn !== 'off' && isEcnSetup(seg.flags, seg.codepoint),
})

/** The third segment of a handshake that we do not remember: the cookie in its ACK tells what was agreed. */
function finishCookie(context: ListenContext, listener: Listener, arrival: Arrival): TcpListenDrop | undefined {
  const { seg, ends, now } = arrival
  const iss = seqAdd(seg.ack, -1)
  const contents = listener.mayKnow(now) ? readCookie(context.key, ends, seqAdd(seg.seq, -1), iss, now) : undefined
  if (contents === undefined || seg.has(TcpFlag.SYN)) {
    context.refuse(arrival)
    return 'tcp-bad-cookie'
  }
  if (listener.isFull) {
    listener.stats.overflows++
    return 'tcp-listen-overflow'
  }
  listener.stats.cookiesAccepted++
  const tcb = context.create(listener, arrival, iss)
  const { options } = seg
  const offer = options.timestamps ? readOffer(options.tsecr) : NO_OFFER
  // The SYN,ACK is not in flight any more, and when it went out is not known: there is nothing to measure.
  tcb.snd.nxt = seg.ack
  tcb.rcv.irs = seqAdd(seg.seq, -1)
  tcb.rcv.nxt = seg.seq
  tcb.rcv.adv = seqAdd(seg.seq, Math.min(MAX_UNSCALED, listener.settings.receiveBuffer))
  tcb.rcv.lastAck = seg.seq
  options.mss = contents.mss
  options.windowScale = offer.windowScale
  options.sackPermitted = offer.sackPermitted
  acceptSynOptions(tcb, seg, now)
  if (offer.ecn) tcb.ecn?.agree(TcpFlag.SYN | TcpFlag.ECE | TcpFlag.CWR, EcnCodepoint.NOT_ECT)
  tcb.become('rcv SYN')
  listener.completes(tcb)
  return undefined
}
