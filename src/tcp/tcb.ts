import type { Ipv4Addr } from '../base/address.ts'
import { ByteRing } from '../base/byte-ring.ts'
import { DOUBLE_ZERO } from '../base/double-zero.ts'
import type { ErrorCode } from '../base/errors.ts'
import { type Seq, seqAdd, seqDiff } from '../base/seq.ts'
import type { TokenBucket } from '../base/token-bucket.ts'
import { addMicros, type Micros, micros } from '../base/types.ts'
import type { Route } from '../ip/output.ts'
import { congestionControl } from './congestion/choose.ts'
import type { CongestionControl } from './congestion/control.ts'
import { initialWindow } from './congestion/initial-window.ts'
import type { WindowUse } from './congestion/window-use.ts'
import { Ecn } from './ecn.ts'
import type { FastOpen } from './fast-open/fast-open.ts'
import { next, type TcpEvent, type TcpState } from './fsm.ts'
import type { MtuClaim } from './path/mtu-claim.ts'
import { FIXED_HEADERS, type PathProbe } from './path/path-probe.ts'
import { handshakeEnds, type ToldTimeouts, userTimeout } from './patience.ts'
import type { PortClaim } from './ports.ts'
import { AckPace } from './receive/ack-pace.ts'
import type { Reassembly } from './receive/reassembly.ts'
import type { ReceiveCall } from './receive/receive-call.ts'
import type { RightSizing } from './receive/right-sizing.ts'
import { DeliveryRate } from './recovery/delivery-rate.ts'
import type { ProportionalRateReduction } from './recovery/prr.ts'
import { Rack } from './recovery/rack.ts'
import type { RangePool } from './recovery/range-pool.ts'
import { RttEstimator } from './recovery/rtt.ts'
import { Scoreboard } from './recovery/scoreboard.ts'
import type { SpuriousTimeout } from './recovery/spurious-timeout.ts'
import type { Undo } from './recovery/undo.ts'
import type { Pacer } from './send/pacer.ts'
import type { PushMarks } from './send/push.ts'
import { SendBuffer } from './send/send-buffer.ts'
import type { SendLimits } from './send/send-limits.ts'
import type { Urgent } from './send/urgent.ts'
import type { TcpSettings } from './settings.ts'
import { Deadlines } from './timers.ts'
import { NO_TROUBLE, type Trouble } from './trouble.ts'

/** RFC 9293 MUST-15: what a peer that names no MSS can take. */
export const DEFAULT_MSS = 536
/** The smallest window a connection starts with. */
const FIRST_RECEIVE_WINDOW = 64 * 1024
/** RFC 7323 §2.2: the most that the window field can say. */
export const MAX_UNSCALED = 65_535
const TIMESTAMP_OPTION_LEN = 12

/** Why a connection ended, for its user. */
export interface TcpFailure {
  readonly code: ErrorCode
  readonly message: string
}

/**
 * What a connection tells its user. Called once per poll, after all input and
 * before any output, so that an answer written inside rides on the same ACK.
 */
export interface TcpUser {
  /** The handshake is complete. */
  onEstablished(): void
  /** Bytes are waiting, or the peer has ended its side (`Tcb.peerClosed`). */
  onReadable(): void
  /** The send buffer has room again. */
  onWritable(): void
  /** Whether it has, for a user who counts what it holds in a way of its own; by default a quarter of it must be free. */
  hasRoom?(): boolean
  /** The peer calls urgent what comes next (RFC 9293 §3.8.5); how much, `Tcb.urgentRemaining` says. */
  onUrgent?(): void
  /** The end: after both sides closed, or with the reason when it failed. Nothing follows. */
  onClosed(failure: TcpFailure | undefined): void
}

/** Events that wait for `TcpUser`. */
export const UserEvent = { ESTABLISHED: 1, READABLE: 2, WRITABLE: 4, CLOSED: 8, URGENT: 16 } as const

/** Whether an ACK is owed, and how soon: after a while, at the next poll, which the user may come before, or at this one. */
export const AckOwed = { NONE: 0, DELAYED: 1, SOON: 2, NOW: 3 } as const
export type AckOwed = (typeof AckOwed)[keyof typeof AckOwed]

/** What the machine asks of the one that owns it. */
export interface TcpOwner {
  /** Input, a timer or a user call changed the connection: it wants its events told, its output sent, its timers filed. */
  changed(tcb: Tcb): void
  /** The connection is in TIME-WAIT or CLOSED and its block is no longer needed. */
  ended(tcb: Tcb): void
  /** A packet of `mtu` octets has reached the peer. */
  provenMtu(tcb: Tcb, mtu: number): void
  /** A change of state, for whoever watches. */
  moved(tcb: Tcb, from: TcpState, event: TcpEvent): void
}

/**
 * The Transmission Control Block of one connection: RFC 9293 §3.3.1, with its
 * variables grouped and named as there.
 */
export class Tcb {
  // The names both ends know it by.
  readonly local: Ipv4Addr
  readonly localPort: number
  readonly remote: Ipv4Addr
  readonly remotePort: number

  readonly owner: TcpOwner
  /** What its user chose; another takes its place when the user changes something. */
  settings: TcpSettings
  user: TcpUser | undefined
  route: Route
  /** Its hold on the local port. */
  claim: PortClaim | undefined = undefined
  /** True when it came from a listener: a reset in SYN-RECEIVED then concerns nobody (§3.10.7.4). */
  readonly passive: boolean

  state: TcpState = 'CLOSED'
  /** It has ended, in CLOSED or in a TIME-WAIT that no longer needs this block. */
  isOver = false
  failure: TcpFailure | undefined
  /** What the network last reported about the path; it explains a timeout, and alone ends nothing (RFC 5927 §5.2). */
  softError: ErrorCode | undefined

  /**
   * Send Sequence Variables. `maxWnd` is the largest window seen, for the sender's silly-window rule and RFC 5961 §5.2;
   * `smallEnd` the end of the last segment that was sent and not full, for Nagle's.
   */
  readonly snd: { una: Seq; nxt: Seq; wnd: number; wl1: Seq; wl2: Seq; iss: Seq; maxWnd: number; smallEnd: Seq }
  /**
   * Receive Sequence Variables. `adv` is the right edge of the window last announced, which never moves left; `lastAck`
   * is Last.ACK.sent (RFC 7323 §4.3).
   */
  readonly rcv: { nxt: Seq; adv: Seq; irs: Seq; lastAck: Seq }

  // What both SYNs agreed on.
  /** The largest packet known to reach the peer whole. */
  pathMtu: number
  /** Its own search for that, and the word of a router that waits to be confirmed. */
  pathProbe: PathProbe | undefined = undefined
  mtuClaim: MtuClaim | undefined = undefined
  /** The largest packet of ours that was acknowledged since the path was last believed to be narrower. */
  largestPassed = 0
  /** The peer's MSS option, or the default. */
  peerMss = DEFAULT_MSS
  /** Shifts of the windows we receive and send (RFC 7323 §2.2); 0 unless both offered. */
  sndScale = 0
  rcvScale: number
  sackPermitted: boolean
  timestamps: boolean
  /** Both sides offered a window scale. */
  scaling = false
  /** TS.Recent and when it was taken (RFC 7323 §4.3); it and our offset are signed words, as sequence numbers are. */
  tsRecent = 0
  tsRecentAt = micros(0)
  readonly tsOffset: number

  // Sending.
  readonly sendBuffer: SendBuffer
  readonly board: Scoreboard
  readonly rtt = new RttEstimator()
  readonly rack: Rack
  readonly congestion: CongestionControl
  /** From the first data on. */
  windowUse: WindowUse | undefined = undefined
  /** Measured where the congestion control asks for it. */
  readonly rate: DeliveryRate | undefined
  /** Where something sets a pace. */
  pacer: Pacer | undefined = undefined
  /** Until the SYNs have agreed not to use it. */
  ecn: Ecn | undefined
  /** The user closed; the FIN stands behind the last byte of the send buffer. */
  finQueued = false
  finSent = false
  /** Our SYN has been acknowledged; until then data is sent only by Fast Open. */
  synAcked = false
  cork = false
  /** From the first write on. */
  push: PushMarks | undefined = undefined
  noDelay: boolean
  /** What may be in flight while the window is being reduced; of the last reduction, if there was any. */
  prr: ProportionalRateReduction | undefined = undefined
  /** In loss recovery, or reducing the window after a mark (`cwr`), until SND.UNA passes `recoveryPoint`. */
  recovery: 'none' | 'cwr' | 'fast' | 'timeout' = 'none'
  recoveryPoint: Seq
  /** Of a recovery that may have been for nothing. */
  undo: Undo | undefined = undefined
  /** Of the last timeout, where it is judged. */
  spuriousTimeout: SpuriousTimeout | undefined = undefined
  /** SND.NXT when a tail loss probe went out and is unanswered (RFC 8985 §7.3), and whether it repeated old data. */
  probeEnd: Seq | undefined
  probeIsRepeat = false
  /** Segments that duplicate ACKs say have left the network, when the peer has no SACK (RFC 5681 §3.2). */
  dupAcks = 0
  urgent: Urgent | undefined = undefined
  /** Set once the user wrote less than was offered. */
  writeBlocked = false

  /** Where TCP Fast Open has a part in it (RFC 7413). */
  fastOpen: FastOpen | undefined = undefined

  // Receiving.
  readonly receiveRing = new ByteRing()
  /** Where the user waits for what comes next, if he does. */
  receiveCall: ReceiveCall | undefined = undefined
  reassembly: Reassembly | undefined = undefined
  /** The most that may be buffered now; grows towards the setting as the user keeps up. */
  receiveLimit: number
  /** Where the peer's FIN stands, once it has been seen. */
  finAt: Seq | undefined
  /** The peer's FIN has been received in order. */
  peerClosed = false
  /** The user closed both ways: data that still comes is answered with a reset (RFC 9293 §3.6.1, half-duplex close). */
  readClosed = false
  ackOwed: AckOwed = AckOwed.NONE
  readonly ackPace = new AckPace()
  sizing: RightSizing | undefined = undefined

  // Time.
  readonly deadlines = new Deadlines()
  /** When anything was last sent and received, and when the oldest unacknowledged octet began to wait. */
  lastSent = micros(0)
  lastDataSent = micros(0)
  lastReceived = micros(0)
  lastDataReceived = micros(0)
  lastAckReceived = micros(0)
  waitingSince = micros(0)
  timeouts: ToldTimeouts | undefined = undefined
  /**
   * How often the retransmission timer has offered again what the link's full queue had refused; undefined while the link
   * took the latest segment. What never left this machine tells nothing of the path: no timeout, no window answers for it.
   */
  reoffers: number | undefined = undefined
  keepAliveProbes = 0
  /** Rounds in which the neighbour on the way did not answer the SYN's question for it. */
  unresolved = 0
  persistBackoff = 0
  /** From the first data on. */
  limits: SendLimits | undefined = undefined
  /** Bounds the challenge ACKs (RFC 5961 §7). */
  challenges: TokenBucket | undefined = undefined

  /** Bits of UserEvent that the user has not been told of. */
  events = 0
  readonly stats = {
    bytesSent: DOUBLE_ZERO,
    bytesAcked: DOUBLE_ZERO,
    /** Segments that are known to have reached the peer, the SYN among them. */
    delivered: 0,
    bytesReceived: DOUBLE_ZERO,
    segmentsOut: 0,
    segmentsIn: 0,
  }
  trouble: Readonly<Trouble> = NO_TROUBLE
  openedAt: Micros

  // Places kept for the tables and queues that hold it.
  hashNext: unknown = undefined
  isDirty = false
  heapIndex = -1

  constructor(init: {
    ends: { local: Ipv4Addr; localPort: number; remote: Ipv4Addr; remotePort: number }
    owner: TcpOwner
    settings: TcpSettings
    ranges: RangePool
    route: Route
    pathMtu: number
    iss: Seq
    tsOffset: number
    passive: boolean
    now: Micros
  }) {
    this.local = init.ends.local
    this.localPort = init.ends.localPort
    this.remote = init.ends.remote
    this.remotePort = init.ends.remotePort
    this.owner = init.owner
    this.settings = init.settings
    this.user = undefined
    this.route = init.route
    this.pathMtu = init.pathMtu
    this.passive = init.passive
    this.tsOffset = init.tsOffset
    const { iss } = init
    const none = 0 as Seq
    this.snd = { una: iss, nxt: iss, wnd: 0, wl1: none, wl2: none, iss, maxWnd: 0, smallEnd: iss }
    this.rcv = { nxt: none, adv: none, irs: none, lastAck: none }
    this.recoveryPoint = iss
    this.board = new Scoreboard(iss, init.ranges)
    this.rack = new Rack(iss, init.settings.reordering)
    this.sendBuffer = new SendBuffer(init.settings.sendBuffer)
    this.congestion = congestionControl(init.settings, initialWindow(this.mss, init.settings.initialWindow))
    this.rate = this.congestion.wantsRate ? new DeliveryRate() : undefined
    this.ecn = new Ecn(init.settings.ecn, iss)
    this.noDelay = init.settings.noDelay
    this.receiveLimit = Math.min(init.settings.receiveBuffer, FIRST_RECEIVE_WINDOW)
    this.sackPermitted = init.settings.sack
    this.timestamps = init.settings.timestamps
    this.rcvScale = init.settings.windowScale ? windowScaleFor(init.settings.receiveBuffer) : 0
    this.openedAt = init.now
    this.lastSent = init.now
    this.lastReceived = init.now
    this.waitingSince = init.now
  }

  /** The only writer of `state`. */
  become(event: TcpEvent): void {
    const from = this.state
    const to = next(from, event)
    if (to === undefined) return
    this.state = to
    this.owner.moved(this, from, event)
  }

  /** The MSS we announce: what the link can carry (RFC 9293 §3.7.1, MUST-67). */
  get localMss(): number {
    return Math.min(this.route.iface.mtu - FIXED_HEADERS, this.settings.maxSegment)
  }

  /** Eff.snd.MSS: the most payload one segment may carry now, options taken off (RFC 9293 §3.7.1, MUST-16). */
  get mss(): number {
    return Math.min(this.peerMss, this.largestPacket - FIXED_HEADERS, this.settings.maxSegment) - this.segmentOptions
  }

  /** The largest packet that goes out now, but for probes: the path carries it, or is believed to. */
  get largestPacket(): number {
    return this.pathProbe === undefined ? this.pathMtu : Math.min(this.pathMtu, this.pathProbe.limit)
  }

  /** The segment that goes out now is a probe of the path. */
  get sendsProbe(): boolean {
    return this.pathProbe?.isSending === true
  }

  /** The options that every segment with data has, in octets. */
  get segmentOptions(): number {
    return this.timestamps ? TIMESTAMP_OPTION_LEN : 0
  }

  /** When silence ends the connection: R2 of RFC 9293 §3.8.3, as a time. */
  get givesUpAt(): Micros {
    if (this.synAcked) return addMicros(this.unansweredSince, userTimeout(this))
    return handshakeEnds(this.settings, this.openedAt, this.passive)
  }

  /** FlightSize (RFC 5681 §2). */
  get flightSize(): number {
    return seqDiff(this.snd.nxt, this.snd.una)
  }

  /** Octets that may be in the network and are not known to be elsewhere; without SACK, duplicate ACKs stand for it. */
  get pipe(): number {
    return this.sackPermitted ? this.board.pipe : Math.max(0, this.board.pipe - this.dupAcks * this.mss)
  }

  /**
   * What may be in flight: the congestion window, or while it is being reduced what its even reduction allows. A segment
   * always may, even where segments have grown since the window became one of them (RFC 5681 §3.1, the loss window).
   */
  get window(): number {
    const reduction = this.recovery === 'fast' || this.recovery === 'cwr' ? this.prr : undefined
    if (reduction !== undefined && !this.congestion.ownsRecovery) return reduction.window
    return Math.max(this.congestion.cwnd, this.mss)
  }

  /** Octets that may go out now. */
  get allowance(): number {
    // A SYN is no data, though it may still be in flight when data follows it (RFC 7413 §4.2.2).
    return this.window - this.pipe + (this.synAcked ? 0 : 1)
  }

  /** The sequence number of the first byte in the send buffer. */
  get bufferSeq(): Seq {
    return this.synAcked ? this.snd.una : seqAdd(this.snd.iss, 1)
  }

  /** The user may read and write: the handshake is complete, or Fast Open does without it. */
  get isUsable(): boolean {
    return this.synAcked || this.fastOpen?.isOpen === true
  }

  /** Bytes of a write that may wait unsent: a segment at least, or every write would make a small one. */
  get unsentLimit(): number {
    return Math.max(this.settings.notSentLowat, this.mss)
  }

  /** Bytes written and never sent. */
  get unsent(): number {
    return this.finSent ? 0 : this.sendBuffer.length - Math.max(0, seqDiff(this.snd.nxt, this.bufferSeq))
  }

  /**
   * RCV.WND: what was promised, which does not shrink, or what is free, once that is worth a segment or half the buffer
   * more (RFC 9293 §3.8.6.2.2, MUST-39).
   */
  get receiveWindow(): number {
    const promised = Math.max(0, seqDiff(this.rcv.adv, this.rcv.nxt))
    const open = Math.min(this.receiveFree, MAX_UNSCALED << this.rcvScale)
    return open - promised >= Math.min(this.receiveLimit / 2, this.mss) ? open : promised
  }

  /** Octets that the receive buffer has room for; below zero by no more than what the window scale cannot say. */
  get receiveFree(): number {
    return this.receiveLimit - this.receiveRing.length
  }

  /**
   * Since when the peer owes an ACK; an answer that keeps the window closed is one too (RFC 9293 §3.8.6.1, MUST-37),
   * unless the user has said how long to bear that, or has left (docs/deviations.md#closed-window).
   */
  get unansweredSince(): Micros {
    return this.snd.wnd === 0 && !this.settings.isUserTimeoutChosen && !this.readClosed
      ? micros(Math.max(this.waitingSince, this.lastReceived))
      : this.waitingSince
  }

  /** Octets that the user has not read and that are urgent, or lie before what is. */
  get urgentRemaining(): number {
    return this.urgent?.remaining(this.readSeq) ?? 0
  }

  /** The sequence number of the next octet that the user will read. */
  get readSeq(): Seq {
    return seqAdd(this.rcv.nxt, -this.receiveRing.length - (this.peerClosed ? 1 : 0))
  }

  /** Something lies beyond what has not arrived. */
  get hasHoles(): boolean {
    return this.reassembly !== undefined && !this.reassembly.isEmpty
  }

  /** When the connection next wants its timers run. */
  pollAt(): Micros {
    return this.deadlines.pollAt()
  }

  note(event: number): void {
    this.events |= event
  }

  /** Whether the event is to be told of; it is not any more. */
  takeEvent(event: number): boolean {
    if ((this.events & event) === 0) return false
    this.events &= ~event
    return true
  }
}

/** The smallest shift with which a window of `bytes` can be announced (RFC 7323 §2.3). */
export function windowScaleFor(bytes: number): number {
  let shift = 0
  while (shift < 14 && bytes >> shift > MAX_UNSCALED) shift++
  return shift
}
