import { IPV4_ANY, type Ipv4Addr, isMulticast, isReserved } from '../base/address.ts'
import type { Rng } from '../base/rng.ts'
import { TokenBucket } from '../base/token-bucket.ts'
import { type Micros, NEVER } from '../base/types.ts'
import type { IpInput } from '../ip/input.ts'
import { DEFAULT_TTL, type IpOutput, type Route } from '../ip/output.ts'
import { plateauBelow } from '../ip/path-mtu.ts'
import { type ErrorSender, IcmpError, type IpPacket, type Transport } from '../ip/transport.ts'
import { OutFrame } from '../link/link.ts'
import {
  ICMP_HEADER_LEN,
  IcmpCode,
  IcmpHeader,
  IcmpType,
  icmpChecksumOk,
  isIcmpError,
  writeIcmpChecksum,
} from '../wire/icmp.ts'
import { IPV4_HEADER_LEN, IpProtocol } from '../wire/ipv4.ts'
import { EchoReply, EchoTable } from './echo.ts'
import { Quote, type QuoteDrop } from './quote.ts'

/** RFC 1812 §4.3.2.3: an error quotes as much as fits into the packet that every host takes. */
const MAX_ERROR_LEN = 576
const ERRORS_PER_SECOND = 1000
const ERROR_BURST = 50

/** Why a message was refused. Also the name of the drop counter. */
export type IcmpInputDrop =
  | 'icmp-bad-checksum'
  | 'icmp-broadcast-echo'
  | 'icmp-shared-echo'
  | 'icmp-foreign-echo'
  | 'icmp-unexpected-reply'
  | 'icmp-unsupported-type'
  | 'icmp-quote-not-ours'
  | 'icmp-quote-unclaimed'
  | 'icmp-bad-mtu'
  | 'icmp-no-route'

/** Answers echoes, asks them, reports errors and hands on those that others report (RFC 792, RFC 1122 §3.2.2). */
export class Icmp implements Transport, ErrorSender {
  readonly protocol = IpProtocol.ICMP
  readonly echoes: EchoTable
  readonly #input: IpInput
  readonly #output: IpOutput
  readonly #limit = new TokenBucket(ERRORS_PER_SECOND, ERROR_BURST)
  readonly #in = new IcmpHeader()
  readonly #out = new IcmpHeader()
  readonly #frame = new OutFrame()
  readonly #quote = new Quote()
  readonly #error = new IcmpError()
  readonly #reply = new EchoReply()

  constructor(input: IpInput, output: IpOutput, rng: Rng) {
    this.#input = input
    this.#output = output
    this.echoes = new EchoTable(rng)
  }

  input(packet: IpPacket, now: Micros): string | undefined {
    const { frame, header } = packet
    const icmp = this.#in
    const drop = icmp.parse(frame.view, header.payloadAt, header.end)
    if (drop !== undefined) return drop
    const isCorrupt = frame.checksum === 'complete' && !icmpChecksumOk(frame.bytes, header.payloadAt, header.end)
    if (icmp.type === IcmpType.ECHO_REPLY) return this.#onEchoReply(packet, isCorrupt, now)
    if (isCorrupt) return 'icmp-bad-checksum'
    switch (icmp.type) {
      case IcmpType.ECHO_REQUEST:
        return this.#onEchoRequest(packet, now)
      case IcmpType.UNREACHABLE:
      case IcmpType.TIME_EXCEEDED:
      case IcmpType.PARAMETER_PROBLEM:
        return this.#onError(packet, now)
      default:
        // RFC 6633 §3 silences source quench; redirects are left to routers (RFC 6274 §4.2.1.2.3).
        return 'icmp-unsupported-type'
    }
  }

  /** An error about an echo request of ours. */
  icmpError(error: IcmpError, now: Micros): void {
    const listener = this.echoes.find(error.srcPort)
    if (listener === undefined) return
    // A router's MTU is believed only from one who quotes an identifier that is in use.
    if (error.mtu > 0) this.#output.lowerPathMtu(error.dst, error.mtu, now)
    listener.onError(error, now)
  }

  poll(): void {}

  pollAt(): Micros {
    return NEVER
  }

  /** Sends an echo request with `payload[from, to)`, fragmented where `dontFragment` allows it. Returns the drop reason. */
  sendEcho(route: Route, id: number, seq: number, payload: Uint8Array, options: EchoOptions, now: Micros) {
    this.#out.type = IcmpType.ECHO_REQUEST
    this.#out.code = 0
    this.#out.id = id
    this.#out.seq = seq
    const { ttl, tos, dontFragment } = options
    return this.#send(route, route.src, payload, 0, payload.length, ttl, tos, dontFragment, now)
  }

  /** RFC 1122 §3.2.2: errors are sent about first fragments of unicast packets from real hosts, and never about errors. */
  sendError(packet: IpPacket, type: number, code: number, parameter: number, now: Micros): boolean {
    const { header, frame, iface } = packet
    if (packet.broadcast || iface.shared || header.fragmentOffset !== 0) return false
    if (header.src === IPV4_ANY || isMulticast(header.src) || isReserved(header.src)) return false
    if (header.protocol === IpProtocol.ICMP && !this.#isQuery(packet)) return false
    const isMtuNews = type === IcmpType.UNREACHABLE && code === IcmpCode.FRAGMENTATION_NEEDED
    if (!isMtuNews && !this.#limit.take(now)) return false
    // RFC 1812 §4.3.2.4: about a packet for somebody else, from the interface that the error leaves by.
    const route = this.#output.route(header.src, this.#output.isLocal(header.dst) ? header.dst : undefined)
    if (route === undefined) return false
    this.#out.type = type
    this.#out.code = code
    this.#out.mtu = parameter
    this.#out.pointer = parameter
    const from = header.payloadAt - header.headerLen
    const to = Math.min(header.end, from + MAX_ERROR_LEN - IPV4_HEADER_LEN - ICMP_HEADER_LEN)
    return this.#send(route, route.src, frame.bytes, from, to, DEFAULT_TTL, 0, false, now) === undefined
  }

  /** Tells the transport that `packet`, an IP packet of ours, found no neighbour: a host-unreachable from ourselves. */
  reportUnresolved(packet: Uint8Array, now: Micros): void {
    const view = new DataView(packet.buffer, packet.byteOffset, packet.byteLength)
    const quote = this.#quote
    if (quote.parse(view, 0, packet.length) !== undefined) return
    const error = this.#error
    error.kind = 'unreachable'
    error.code = IcmpCode.HOST_UNREACHABLE
    error.mtu = 0
    error.from = quote.src
    error.local = true
    this.#deliver(view, now)
  }

  #onEchoRequest(packet: IpPacket, now: Micros): string | undefined {
    const { frame, header } = packet
    // RFC 1122 §3.2.2.6 allows silence, and amplifiers live from answers.
    if (packet.broadcast) return 'icmp-broadcast-echo'
    if (packet.iface.shared) return 'icmp-shared-echo'
    if (!packet.iface.anyEcho && !this.#output.isLocal(header.dst)) return 'icmp-foreign-echo'
    const route = this.#output.route(header.src, header.dst)
    if (route === undefined) return 'icmp-no-route'
    this.#out.type = IcmpType.ECHO_REPLY
    this.#out.code = 0
    this.#out.id = this.#in.id
    this.#out.seq = this.#in.seq
    const from = this.#in.payloadAt
    return this.#send(route, header.dst, frame.bytes, from, header.end, DEFAULT_TTL, header.tos, false, now)
  }

  #onEchoReply(packet: IpPacket, isCorrupt: boolean, now: Micros): IcmpInputDrop | undefined {
    const { frame, header } = packet
    const icmp = this.#in
    const listener = this.echoes.find(icmp.id)
    if (listener === undefined) return 'icmp-unexpected-reply'
    const reply = this.#reply
    reply.from = header.src
    reply.to = header.dst
    reply.id = icmp.id
    reply.seq = icmp.seq
    reply.ttl = header.ttl
    reply.bytes = frame.bytes
    reply.at = icmp.payloadAt
    reply.end = header.end
    reply.arrivedAt = frame.arrivedAt
    reply.isCorrupt = isCorrupt
    listener.onReply(reply, now)
    return isCorrupt ? 'icmp-bad-checksum' : undefined
  }

  #onError(packet: IpPacket, now: Micros): QuoteDrop | IcmpInputDrop | undefined {
    const { frame, header } = packet
    const icmp = this.#in
    const quote = this.#quote
    const drop = quote.parse(frame.view, icmp.payloadAt, header.end)
    if (drop !== undefined) return drop
    if (!this.#output.speaksFor(quote.src)) return 'icmp-quote-not-ours'
    const error = this.#error
    error.kind = KINDS[icmp.type]!
    error.code = icmp.code
    error.mtu = 0
    error.from = header.src
    error.local = false
    if (icmp.type === IcmpType.UNREACHABLE && icmp.code === IcmpCode.FRAGMENTATION_NEEDED) {
      // RFC 1191 §5: a router that predates it says 0.
      error.mtu = icmp.mtu || plateauBelow(quote.totalLen)
      // A packet that fits cannot have been too big.
      if (error.mtu >= quote.totalLen) return 'icmp-bad-mtu'
    }
    return this.#deliver(frame.view, now)
  }

  #deliver(view: DataView, now: Micros): IcmpInputDrop | undefined {
    const { protocol, src, dst, srcPort, dstPort, seq, transportAt } = this.#quote
    const error = this.#error
    error.protocol = protocol
    error.src = src
    error.dst = dst
    error.srcPort = srcPort
    error.dstPort = dstPort
    error.seq = seq
    if (protocol === IpProtocol.ICMP) {
      if (view.getUint8(transportAt) !== IcmpType.ECHO_REQUEST) return 'icmp-quote-unclaimed'
      error.srcPort = view.getUint16(transportAt + 4)
      error.dstPort = view.getUint16(transportAt + 6)
    }
    const transport = this.#input.transport(protocol)
    if (transport === undefined) return 'icmp-quote-unclaimed'
    transport.icmpError(error, now)
    return undefined
  }

  #isQuery(packet: IpPacket): boolean {
    const { frame, header } = packet
    return header.end > header.payloadAt && !isIcmpError(frame.bytes[header.payloadAt]!)
  }

  #send(
    route: Route,
    src: Ipv4Addr,
    data: Uint8Array,
    from: number,
    to: number,
    ttl: number,
    tos: number,
    dontFragment: boolean,
    now: Micros,
  ): string | undefined {
    const length = ICMP_HEADER_LEN + to - from
    const message = this.#output.arena.take(length)
    const at = this.#output.arena.at
    message.set(data.subarray(from, to), this.#out.write(this.#output.arena.view, at))
    writeIcmpChecksum(message, at, at + length)
    const frame = this.#frame
    frame.reset()
    frame.payload = message
    frame.payloadFrom = at
    frame.payloadTo = at + length
    return this.#output.send(frame, route, src, route.dst, this.protocol, ttl, tos, dontFragment, now)
  }
}

export interface EchoOptions {
  readonly ttl: number
  readonly tos: number
  readonly dontFragment: boolean
}

const KINDS: Readonly<Record<number, IcmpError['kind']>> = {
  [IcmpType.UNREACHABLE]: 'unreachable',
  [IcmpType.TIME_EXCEEDED]: 'time-exceeded',
  [IcmpType.PARAMETER_PROBLEM]: 'parameter-problem',
}
