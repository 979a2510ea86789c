import type { Ipv4Addr } from '../base/address.ts'
import { foldSum, pseudoSum } from '../base/checksum.ts'
import { type Seq, seqAdd, seqDiff, seqGt, seqMax } from '../base/seq.ts'
import type { Micros } from '../base/types.ts'
import type { IpOutput, Route } from '../ip/output.ts'
import type { IpPacket } from '../ip/transport.ts'
import { HEADROOM, OutFrame } from '../link/link.ts'
import { ECN_MASK, EcnCodepoint, IPV4_MAX_LEN, IpProtocol } from '../wire/ipv4.ts'
import { TCP_CHECKSUM_OFFSET, TCP_HEADER_LEN, TcpFlag, TcpHeader } from '../wire/tcp.ts'
import { TCP_MAX_OPTIONS_LEN, TcpOptions } from '../wire/tcp-options.ts'
import { FIXED_HEADERS } from './path/path-probe.ts'
import { userTimeoutOption } from './patience.ts'
import { AckOwed, MAX_UNSCALED, type Tcb } from './tcb.ts'

/** A SACK option without its blocks, padded. */
const SACK_OPTION_BASE = 4

/** One segment that has arrived: the variables of RFC 9293 §3.3.1 and where its bytes lie. Reused for each. */
export class Segment {
  readonly header = new TcpHeader()
  readonly options = new TcpOptions()
  bytes: Uint8Array = new Uint8Array(0)
  /** SEG.SEQ; moves right when the front is cut off. */
  seq = 0 as Seq
  ack = 0 as Seq
  flags = 0
  /** SEG.WND in octets, scaled by whoever knows the connection. */
  wnd = 0
  dataAt = 0
  dataLength = 0
  /** The congestion mark of its packet (RFC 3168 §5). */
  codepoint = 0
  /** How many segments the sender made of it: more than one when the link joined them. */
  count = 1

  /** SEG.LEN: SYN and FIN count. */
  get length(): number {
    return this.dataLength + (this.flags & TcpFlag.SYN ? 1 : 0) + (this.flags & TcpFlag.FIN ? 1 : 0)
  }

  get end(): Seq {
    return seqAdd(this.seq, this.length)
  }

  /** Takes the rest from the packet whose TCP header has been read. */
  fill({ frame, header: ip }: IpPacket): void {
    const { header } = this
    // RFC 9293 MUST-7: what is malformed among the options is passed over, and the segment counts.
    this.options.parse(frame.view, header.optionsAt, header.payloadAt)
    this.bytes = frame.bytes
    this.seq = header.seq
    this.ack = header.ack
    this.flags = header.flags
    this.codepoint = ip.tos & ECN_MASK
    this.dataAt = header.payloadAt
    this.dataLength = header.payloadLen
    this.count = frame.segmentSize > 0 ? Math.max(1, Math.ceil(header.payloadLen / frame.segmentSize)) : 1
  }

  has(flag: number): boolean {
    return (this.flags & flag) !== 0
  }
}

/** The timestamp clock of a connection: milliseconds (RFC 7323 §5.4), from an offset of its own. */
export const timestampAt = (offset: number, now: Micros): number => (Math.floor(now / 1000) + offset) >>> 0

/** Makes segments and gives them to IP. It owns the one frame that all of them pass through. */
export class SegmentSender {
  readonly #ip: IpOutput
  readonly #frame = new OutFrame()
  readonly #header = new TcpHeader()
  readonly #options = new TcpOptions()
  /** Called for each segment that leaves, while its header can be read. */
  onSegment: ((tcb: Tcb, header: TcpHeader, dataLength: number, now: Micros) => void) | undefined = undefined

  constructor(ip: IpOutput) {
    this.#ip = ip
  }

  /** The most payload for one frame: as many whole segments as IPv4 and the interface can say. */
  maxPayload(tcb: Tcb): number {
    const mss = tcb.mss
    // Whoever cuts a super-segment gives all its segments the same urgent pointer.
    if (tcb.urgent?.isSending) return mss
    const room = IPV4_MAX_LEN - FIXED_HEADERS - TCP_MAX_OPTIONS_LEN
    return room < mss ? mss : room - (room % mss)
  }

  /**
   * Sends `length` bytes of the send buffer from `seq` on, or a segment without data.
   * It is an ACK too, so none is owed afterwards.
   */
  send(tcb: Tcb, seq: Seq, length: number, flags: number, now: Micros): void {
    const frame = this.#frame
    const options = this.#options
    frame.reset()
    options.reset()
    const isSyn = (flags & TcpFlag.SYN) !== 0
    if (isSyn) this.#offer(tcb, flags)
    if (tcb.timestamps) {
      options.timestamps = true
      options.tsval = timestampAt(tcb.tsOffset, now)
      options.tsecr = flags & TcpFlag.ACK ? tcb.tsRecent >>> 0 : 0
    }
    const { reassembly } = tcb
    if (tcb.sackPermitted && !isSyn && reassembly?.hasNews) {
      options.sackCount = reassembly.sackBlocks(options.sack, this.#sackRoom(tcb, length), tcb.settings.dsack)
    }
    if (length === 0 && options.cookie === undefined) options.userTimeout = userTimeoutOption(tcb, isSyn)
    const header = this.#header
    header.srcPort = tcb.localPort
    header.dstPort = tcb.remotePort
    header.seq = seq
    header.ack = flags & TcpFlag.ACK ? tcb.rcv.nxt : (0 as Seq)
    header.flags = flags | (tcb.ecn?.outgoing(seq, length, flags, tcb.snd.wnd === 0) ?? 0)
    header.window = this.#announce(tcb, isSyn)
    header.urgent = flags & (TcpFlag.SYN | TcpFlag.RST) ? 0 : (tcb.urgent?.pointer(seq) ?? 0)
    if (header.urgent > 0) header.flags |= TcpFlag.URG
    header.headerLen = TCP_HEADER_LEN + options.length()
    if (length > 0) {
      tcb.sendBuffer.lend(frame, seqDiff(isSyn ? seqAdd(seq, 1) : seq, tcb.bufferSeq), length)
      const mss = tcb.mss
      frame.isProbe = tcb.sendsProbe
      if (length > mss && !frame.isProbe) frame.segmentSize = mss
    }
    const drop = this.#finish(
      tcb.route,
      tcb.local,
      tcb.remote,
      length,
      tcb.settings.ttl,
      tcb.settings.tos | (tcb.ecn?.codepoint ?? EcnCodepoint.NOT_ECT),
      now,
    )
    if (drop === 'link-refused') tcb.reoffers ??= 0
    else tcb.reoffers = undefined
    tcb.lastSent = now
    if (length > 0) {
      tcb.lastDataSent = now
      tcb.ackPace.sent(now)
    }
    tcb.stats.segmentsOut += length > tcb.mss ? Math.ceil(length / tcb.mss) : 1
    if (flags & TcpFlag.ACK) {
      if (tcb.ackOwed !== AckOwed.NONE) tcb.ackPace.acknowledged()
      tcb.ackOwed = AckOwed.NONE
      tcb.rcv.lastAck = tcb.rcv.nxt
    }
    this.onSegment?.(tcb, header, length, now)
  }

  /** A bare ACK: <SEQ=SND.NXT><ACK=RCV.NXT><CTL=ACK>. */
  ack(tcb: Tcb, now: Micros): void {
    this.send(tcb, acceptableSeq(tcb), 0, TcpFlag.ACK, now)
  }

  /** <SEQ=SND.NXT><ACK=RCV.NXT><CTL=RST,ACK>, for an abort of our own. */
  reset(tcb: Tcb, now: Micros): void {
    this.send(tcb, acceptableSeq(tcb), 0, TcpFlag.RST | TcpFlag.ACK, now)
  }

  /** A segment for no connection: a reset, a SYN,ACK with a cookie, the last ACK of a TIME-WAIT. */
  bare(
    route: Route,
    ends: { local: Ipv4Addr; localPort: number; remote: Ipv4Addr; remotePort: number },
    fields: { seq: Seq; ack: Seq; flags: number; window?: number },
    now: Micros,
    fill?: (options: TcpOptions) => void,
  ): void {
    this.#frame.reset()
    this.#options.reset()
    fill?.(this.#options)
    const header = this.#header
    header.srcPort = ends.localPort
    header.dstPort = ends.remotePort
    header.seq = fields.seq
    header.ack = fields.ack
    header.flags = fields.flags
    header.window = fields.window ?? 0
    header.urgent = 0
    header.headerLen = TCP_HEADER_LEN + this.#options.length()
    this.#finish(route, ends.local, ends.remote, 0, 64, 0, now)
  }

  /** SACK blocks that fit beside `length` octets of data: options count against the MSS (RFC 6691 §3). */
  #sackRoom(tcb: Tcb, length: number): number {
    const room = length > 0 ? tcb.mss - length : tcb.pathMtu - FIXED_HEADERS - tcb.segmentOptions
    return Math.min(tcb.timestamps ? 3 : 4, (room - SACK_OPTION_BASE) >> 3)
  }

  /** What a SYN offers; a SYN,ACK offers only what the SYN did (RFC 7323 §1.3, RFC 2018 §2). */
  #offer(tcb: Tcb, flags: number): void {
    const options = this.#options
    const answering = (flags & TcpFlag.ACK) !== 0
    // Not RFC: by the path, not by what we can take, see docs/deviations.md#announced-mss.
    options.mss = Math.min(tcb.localMss, tcb.pathMtu - FIXED_HEADERS)
    options.sackPermitted = tcb.sackPermitted
    const cookie = tcb.fastOpen?.takeOption()
    if (cookie !== undefined) {
      options.cookie = cookie.bytes
      options.cookieIsExperimental = cookie.isExperimental
    }
    if (answering ? tcb.scaling : tcb.settings.windowScale) options.windowScale = tcb.rcvScale
  }

  /** The window field; moves the promised right edge. A window in a SYN is never scaled (RFC 7323 §2.2). */
  #announce(tcb: Tcb, isSyn: boolean): number {
    const window = tcb.receiveWindow
    if (isSyn) {
      const field = Math.min(window, MAX_UNSCALED)
      tcb.rcv.adv = seqAdd(tcb.rcv.nxt, field)
      return field
    }
    // Rounded up, so that the right edge does not move left by a fraction of the scale, but not beyond the buffer; what
    // was promised before is taken all the same (RFC 7323 §2.4).
    const unit = 1 << tcb.rcvScale
    let field = Math.min(MAX_UNSCALED, Math.ceil(window / unit))
    if (field * unit > tcb.receiveFree) field = Math.min(MAX_UNSCALED, Math.floor(window / unit))
    tcb.rcv.adv = seqMax(tcb.rcv.adv, seqAdd(tcb.rcv.nxt, field * unit))
    return field
  }

  /** Writes header and options, leaves the checksum to the link, and sends. Returns the drop reason. */
  #finish(
    route: Route,
    src: Ipv4Addr,
    dst: Ipv4Addr,
    dataLength: number,
    ttl: number,
    tos: number,
    now: Micros,
  ): string | undefined {
    const frame = this.#frame
    const header = this.#header
    frame.start = HEADROOM
    frame.end = this.#options.write(frame.view, header.write(frame.view, HEADROOM))
    const sum = pseudoSum(src, dst, IpProtocol.TCP, header.headerLen + dataLength)
    frame.view.setUint16(HEADROOM + TCP_CHECKSUM_OFFSET, foldSum(sum))
    frame.checksumStart = 0
    frame.checksumOffset = TCP_CHECKSUM_OFFSET
    return this.#ip.send(frame, route, src, dst, IpProtocol.TCP, ttl, tos, true, now)
  }
}

/**
 * SND.NXT, but for what was sent into a closed window: the peer has not taken it, and from a segment that begins beyond
 * its window it takes no acknowledgment either (RFC 9293 §3.10.7.4 first), nor a reset (RFC 5961 §3.2).
 */
function acceptableSeq({ snd }: Tcb): Seq {
  const edge = seqAdd(snd.una, snd.wnd)
  return seqGt(snd.nxt, edge) ? edge : snd.nxt
}
