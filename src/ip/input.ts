import { IPV4_BROADCAST, type Ipv4Addr, isLoopback, isMulticast, isReserved } from '../base/address.ts'
import type { Micros } from '../base/types.ts'
import { InFrame } from '../link/link.ts'
import { IcmpCode, IcmpType } from '../wire/icmp.ts'
import { IPV4_HEADER_LEN, Ipv4Header, ipv4ChecksumOk } from '../wire/ipv4.ts'
import { checkIpv4Options, ipv4OptionLen } from '../wire/ipv4-options.ts'
import type { Forwarder } from './forward.ts'
import type { NetInterface } from './interface.ts'
import type { IpOutput } from './output.ts'
import type { PartialDatagram } from './partial-datagram.ts'
import { Reassembly } from './reassembly.ts'
import type { ErrorSender, IpPacket, Transport } from './transport.ts'

/** Why a packet was refused, beyond what its header's parser finds. Also the name of the drop counter. */
export type IpInputDrop =
  | 'ip-bad-checksum'
  | 'ip-martian-source'
  | 'ip-own-source'
  | 'ip-martian-destination'
  | 'ip-not-for-us'
  | 'ip-unicast-in-broadcast'
  | 'ip-no-protocol'

/** Receives: is it valid, is it ours, is it whole, whose is it (RFC 791, RFC 1122 §3.2.1). */
export class IpInput {
  readonly reassembly: Reassembly
  rxPackets = 0
  readonly #output: IpOutput
  readonly #transports: (Transport | undefined)[] = new Array(256).fill(undefined)
  readonly #header = new Ipv4Header()
  readonly #packet: IpPacket
  #errors: ErrorSender | undefined
  #forwarder: Pick<Forwarder, 'forward'> | undefined

  constructor(output: IpOutput, loopback: NetInterface, onDrop: (reason: string, count: number, now: Micros) => void) {
    this.#output = output
    this.#packet = { frame: new InFrame(new Uint8Array(0)), header: this.#header, iface: loopback, broadcast: false }
    this.reassembly = new Reassembly((datagram, now) => this.#onExpired(datagram, now), onDrop)
  }

  /** Hands datagrams of its protocol to `transport`. */
  register(transport: Transport): void {
    this.#transports[transport.protocol] = transport
  }

  transport(protocol: number): Transport | undefined {
    return this.#transports[protocol]
  }

  /** Who reports trouble to the sender. */
  set errors(sender: ErrorSender) {
    this.#errors = sender
  }

  /** Who passes on what is for others; without one it is dropped. */
  set forwarder(forwarder: Pick<Forwarder, 'forward'>) {
    this.#forwarder = forwarder
  }

  /** Takes the packet at [at, frame.end). Returns the drop reason. */
  input(iface: NetInterface, frame: InFrame, at: number, linkBroadcast: boolean, now: Micros): string | undefined {
    const header = this.#header
    const drop = header.parse(frame.view, at, frame.end) ?? this.#check(iface, frame, at)
    if (drop !== undefined) return drop
    const packet = this.#packet
    packet.frame = frame
    packet.iface = iface
    packet.broadcast = linkBroadcast
    if (!this.#isOurs(iface, header.dst)) {
      if (!isGroupAddress(iface, header.dst)) return this.#passOn(packet, now)
      packet.broadcast = true
    } else if (linkBroadcast) {
      // RFC 1122 §3.3.6: a unicast address in a link-level broadcast is somebody's mistake or attack.
      return 'ip-unicast-in-broadcast'
    }
    if (header.optionsAt !== 0) {
      const refused = this.#checkOptions(packet, now)
      if (refused !== undefined) return refused
    }
    this.rxPackets++
    if (header.moreFragments || header.fragmentOffset !== 0) {
      const result = this.reassembly.add(frame, header, now)
      if (result !== true) return result
      packet.frame = this.reassembly.frame
      header.parse(packet.frame.view, packet.frame.start, packet.frame.end)
    }
    const transport = this.#transports[header.protocol]
    if (transport !== undefined) return transport.input(packet, now)
    // RFC 1122 §3.2.2.1
    this.#errors?.sendError(packet, IcmpType.UNREACHABLE, IcmpCode.PROTOCOL_UNREACHABLE, 0, now)
    return 'ip-no-protocol'
  }

  poll(now: Micros): void {
    this.reassembly.poll(now)
  }

  pollAt(): Micros {
    return this.reassembly.pollAt()
  }

  #check(iface: NetInterface, frame: InFrame, at: number): IpInputDrop | undefined {
    const { src, dst, checksum, headerLen } = this.#header
    // RFC 1122 §3.2.1.2. An offload that left the transport's sum unfinished may have left this one empty;
    // otherwise it is complete whatever the link says of the transport's, and cheap to verify.
    const isUnfinished = frame.checksum === 'partial' && checksum === 0
    if (!isUnfinished && !ipv4ChecksumOk(frame.view, at, headerLen)) return 'ip-bad-checksum'
    if (iface.isLoopback) return undefined
    // RFC 1122 §3.2.1.3: addresses that cannot be a source, or must not be seen on a wire.
    if (isMulticast(src) || isReserved(src) || isLoopback(src) || iface.isBroadcast(src)) return 'ip-martian-source'
    if (src >>> 24 === 0 && dst !== IPV4_BROADCAST) return 'ip-martian-source'
    if (this.#output.ownerOf(src) !== undefined) return 'ip-own-source'
    if (isLoopback(dst) || dst >>> 24 === 0) return 'ip-martian-destination'
    return undefined
  }

  #passOn(packet: IpPacket, now: Micros): string | undefined {
    return this.#forwarder === undefined ? 'ip-not-for-us' : this.#forwarder.forward(packet, now)
  }

  #isOurs(iface: NetInterface, dst: Ipv4Addr): boolean {
    if (iface.isLoopback || iface.owns(dst) || this.#output.ownerOf(dst) !== undefined) return true
    return iface.anyAddress && !isMulticast(dst) && !isReserved(dst) && !iface.isBroadcast(dst)
  }

  #checkOptions(packet: IpPacket, now: Micros): string | undefined {
    const { optionsAt, payloadAt } = packet.header
    const { view } = packet.frame
    const drop = checkIpv4Options(view, optionsAt, payloadAt)
    if (drop !== 'ip-bad-option') return drop
    // RFC 1122 §3.2.2.5: the pointer tells which octet is wrong.
    let at = optionsAt
    for (let length = ipv4OptionLen(view, at, payloadAt); length > 0; length = ipv4OptionLen(view, at, payloadAt)) {
      at += length
    }
    const pointer = IPV4_HEADER_LEN + at - optionsAt
    this.#errors?.sendError(packet, IcmpType.PARAMETER_PROBLEM, 0, pointer, now)
    return drop
  }

  /** RFC 1122 §3.3.2: the sender hears of it when its first fragment is here to be quoted. */
  #onExpired(datagram: PartialDatagram, now: Micros): void {
    const { start } = datagram
    const iface = this.#output.ownerOf(datagram.dst)
    if (start === undefined || iface === undefined) return
    const frame = new InFrame(start)
    frame.end = start.length
    const packet = this.#packet
    packet.frame = frame
    packet.iface = iface
    packet.broadcast = false
    // The quoted header still says how long its fragment was.
    if (this.#header.parse(frame.view, 0, frame.end) !== undefined) return
    this.#errors?.sendError(packet, IcmpType.TIME_EXCEEDED, IcmpCode.REASSEMBLY_TIMEOUT, 0, now)
  }
}

function isGroupAddress(iface: NetInterface, dst: Ipv4Addr): boolean {
  return iface.isBroadcast(dst) || (isMulticast(dst) && iface.groups.has(dst))
}
