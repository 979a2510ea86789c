import { isLoopback, isMulticast, isReserved } from '../base/address.ts'
import type { Micros } from '../base/types.ts'
import { FrameLayout } from '../link/layout.ts'
import { InFrame, OutFrame } from '../link/link.ts'
import { describeArrival } from '../link/segment.ts'
import { IcmpCode, IcmpType } from '../wire/icmp.ts'
import { FRAGMENT_UNIT } from '../wire/ipv4.ts'
import type { IpOutput, Route } from './output.ts'
import type { ErrorSender, IpPacket } from './transport.ts'

/** Why a packet was not passed on. Also the name of the drop counter. */
export type ForwardDrop = 'ip-not-for-us' | 'ip-ttl-exceeded' | 'ip-no-route' | 'ip-too-big'

/** A larger packet may still be read after it was sent, from memory that the next one is received into. */
const COPIED_AT_ONCE = 2048
const TTL = 8
const CHECKSUM = 10
/** The octet of a TCP header whose upper half is its length in words. */
const TCP_OFFSET = 12

/** Passes on packets that are for others: what makes a router of a host (RFC 1812 §5.2, §5.3). */
export class Forwarder {
  forwarded = 0
  readonly #output: IpOutput
  readonly #errors: ErrorSender
  readonly #layout = new FrameLayout()
  readonly #arrival = new InFrame(new Uint8Array(0))
  readonly #frame = new OutFrame()

  constructor(output: IpOutput, errors: ErrorSender) {
    this.#output = output
    this.#errors = errors
  }

  /** Passes on the packet, whose header has been parsed and found good. Returns the drop reason. */
  forward(packet: IpPacket, now: Micros): string | undefined {
    const { header, frame } = packet
    const { dst } = header
    // RFC 1812 §5.3.4, §5.3.7: not what came to everybody, nor what no router may pass on.
    if (packet.broadcast || isMulticast(dst) || isReserved(dst) || isLoopback(dst)) return 'ip-not-for-us'
    if (header.ttl <= 1) {
      this.#errors.sendError(packet, IcmpType.TIME_EXCEEDED, IcmpCode.TTL_EXCEEDED, 0, now)
      return 'ip-ttl-exceeded'
    }
    const route = this.#output.route(dst)
    if (route === undefined || route.isBroadcast || route.iface.isLoopback) {
      this.#errors.sendError(packet, IcmpType.UNREACHABLE, IcmpCode.NET_UNREACHABLE, 0, now)
      return 'ip-no-route'
    }
    const fits = largest(packet) <= route.mtu
    if (!fits && (header.dontFragment || header.optionsAt !== 0)) {
      // RFC 1191 §4: with the MTU of the link that it does not fit.
      this.#errors.sendError(packet, IcmpType.UNREACHABLE, IcmpCode.FRAGMENTATION_NEEDED, route.mtu, now)
      return 'ip-too-big'
    }
    this.forwarded++
    if (fits) return this.#pass(packet, route, frame.segmentSize, now)
    // The segments of a super-segment are cut smaller, which costs the receiver less than fragments of each.
    if (frame.segmentSize > 0) return this.#pass(packet, route, route.mtu - headersOf(packet), now)
    return this.#fragment(packet, route, now)
  }

  #pass({ frame, header }: IpPacket, route: Route, segmentSize: number, now: Micros): string | undefined {
    const arrival = this.#arrival
    const out = this.#frame
    arrival.bytes = frame.bytes
    arrival.start = header.payloadAt - header.headerLen
    arrival.end = header.end
    arrival.checksum = frame.checksum
    arrival.segmentSize = segmentSize
    describeArrival(arrival, 'ip', this.#layout, out)
    if (out.length > COPIED_AT_ONCE) this.#keep(out)
    const ttlAt = out.start + TTL
    out.bytes[ttlAt] = out.bytes[ttlAt]! - 1
    // RFC 1141: one less in the high byte of a word is 0x100 more in the sum.
    const sum = out.view.getUint16(out.start + CHECKSUM) + 0x100
    out.view.setUint16(out.start + CHECKSUM, (sum & 0xffff) + (sum >>> 16))
    return this.#output.sendRaw(out, route, now)
  }

  /** RFC 791 §3.2; of a packet that is a fragment itself the pieces count on. */
  #fragment({ frame, header }: IpPacket, route: Route, now: Micros): string | undefined {
    const { payloadAt, end, fragmentOffset, moreFragments, headerLen } = header
    const most = Math.floor((route.mtu - headerLen) / FRAGMENT_UNIT) * FRAGMENT_UNIT
    const out = this.#frame
    let drop: string | undefined
    header.ttl--
    for (let at = payloadAt; at < end; at += most) {
      const to = Math.min(at + most, end)
      out.reset()
      out.payload = frame.bytes
      out.payloadFrom = at
      out.payloadTo = to
      header.fragmentOffset = fragmentOffset + at - payloadAt
      header.moreFragments = moreFragments || to < end
      header.totalLen = headerLen + to - at
      header.write(out.view, out.push(headerLen))
      if (out.length > COPIED_AT_ONCE) this.#keep(out)
      drop = this.#output.sendRaw(out, route, now) ?? drop
    }
    return drop
  }

  /** Copies the payload to where it stays until the links are flushed. */
  #keep(out: OutFrame): void {
    const { arena } = this.#output
    const length = out.payloadTo - out.payloadFrom
    const bytes = arena.take(length)
    bytes.set(out.payload.subarray(out.payloadFrom, out.payloadTo), arena.at)
    out.payload = bytes
    out.payloadFrom = arena.at
    out.payloadTo = arena.at + length
  }
}

/** The octets of a TCP packet's headers, IP's and its own. */
const headersOf = ({ frame, header }: IpPacket): number =>
  header.headerLen + (frame.bytes[header.payloadAt + TCP_OFFSET]! >>> 4) * 4

/** How large the largest packet is that a frame stands for. */
function largest(packet: IpPacket): number {
  const { frame, header } = packet
  if (frame.segmentSize === 0) return header.totalLen
  return Math.min(header.totalLen, headersOf(packet) + frame.segmentSize)
}
