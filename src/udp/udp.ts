import { IPV4_ANY, type Ipv4Addr, isMulticast } from '../base/address.ts'
import { foldSum, pseudoSum } from '../base/checksum.ts'
import { type ErrorCode, NetError } from '../base/errors.ts'
import { Thrown } from '../base/thrown.ts'
import { type Micros, NEVER } from '../base/types.ts'
import type { NetInterface } from '../ip/interface.ts'
import type { IpOutput, Route } from '../ip/output.ts'
import type { ErrorSender, IcmpError, IpPacket, Transport } from '../ip/transport.ts'
import { OutFrame } from '../link/link.ts'
import { IcmpCode, IcmpType } from '../wire/icmp.ts'
import { IPV4_HEADER_LEN, IPV4_MAX_LEN, IpProtocol } from '../wire/ipv4.ts'
import { transportChecksumOk } from '../wire/transport-checksum.ts'
import { UDP_CHECKSUM_OFFSET, UDP_HEADER_LEN, type UdpDrop, UdpHeader } from '../wire/udp.ts'
import type { UdpEndpoint } from './endpoint.ts'
import { UdpForwarder, type UdpForwardLimits } from './forwarder.ts'
import { UdpTable } from './udp-table.ts'

/** What the largest packet leaves. */
const MAX_UDP_PAYLOAD = IPV4_MAX_LEN - IPV4_HEADER_LEN - UDP_HEADER_LEN

/** Why a datagram was refused. Also the name of the drop counter. */
export type UdpInputDrop = 'udp-bad-checksum' | 'udp-no-port' | 'udp-buffer-full'

/** User Datagram Protocol (RFC 768, RFC 1122 §4.1). */
export class Udp implements Transport {
  readonly protocol = IpProtocol.UDP
  readonly endpoints = new UdpTable()
  rxDatagrams = 0
  txDatagrams = 0
  readonly #output: IpOutput
  readonly #errors: ErrorSender
  readonly #work: () => void
  readonly #in = new UdpHeader()
  readonly #out = new UdpHeader()
  readonly #frame = new OutFrame()
  #forwarder: UdpForwarder | undefined = undefined
  /** Those with departures. */
  #senders: UdpEndpoint[] = []
  readonly #thrown = new Thrown()

  /** `work` asks for a poll. */
  constructor(output: IpOutput, errors: ErrorSender, work: () => void) {
    this.#output = output
    this.#errors = errors
    this.#work = work
  }

  input(packet: IpPacket, now: Micros): UdpDrop | UdpInputDrop | undefined {
    const { frame, header } = packet
    const udp = this.#in
    const drop = udp.parse(frame.view, header.payloadAt, header.end)
    if (drop !== undefined) return drop
    // RFC 768: zero says that the sender computed none.
    if (frame.checksum === 'complete' && udp.checksum !== 0 && !this.#isIntact(packet)) return 'udp-bad-checksum'
    if (packet.broadcast) return this.#deliverToAll(packet)
    const endpoint =
      this.endpoints.find(header.dst, udp.dstPort, header.src, udp.srcPort) ??
      this.#forwarder?.arrives(packet, udp, now)
    if (endpoint !== undefined) return this.#deliver(endpoint, packet)
    // RFC 1122 §4.1.3.1
    this.#errors.sendError(packet, IcmpType.UNREACHABLE, IcmpCode.PORT_UNREACHABLE, 0, now)
    return 'udp-no-port'
  }

  /** RFC 1122 §4.1.3.3: errors go to the application. Only a connected endpoint proves that the quote is genuine. */
  icmpError(error: IcmpError, now: Micros): void {
    const connected =
      this.endpoints.findConnected(error.src, error.srcPort, error.dst, error.dstPort) ??
      this.#forwarder?.find(error.src, error.srcPort, error.dst, error.dstPort)
    const endpoint = connected ?? this.endpoints.find(error.src, error.srcPort, error.dst, error.dstPort)
    if (endpoint === undefined) return
    if (error.mtu > 0) {
      // Only packets that must not be cut can be too big on the way.
      if (!endpoint.dontFragment) return
      this.#output.lowerPathMtu(error.dst, error.mtu, now)
    }
    endpoint.onError?.(error)
    // A passing trouble is no reason to fail a call: only what tells for certain is kept for the next one.
    if (connected === undefined || !(error.isHard || error.local || error.mtu > 0)) return
    connected.pendingError = error.errorCode
    connected.onReadable?.()
    connected.onWritable?.()
  }

  /** Ties an endpoint to one peer: it sends there, and hears nobody else. Returns the error's code when no route leads there. */
  connect(endpoint: UdpEndpoint, address: Ipv4Addr, port: number): ErrorCode | undefined {
    const source = endpoint.localAddress === IPV4_ANY ? undefined : endpoint.localAddress
    const route = this.#output.route(address, source)
    if (route === undefined) return 'ENETUNREACH'
    if (route.isBroadcast && !endpoint.broadcast) return 'EACCES'
    this.endpoints.remove(endpoint)
    endpoint.localAddress = route.src
    endpoint.remoteAddress = address
    endpoint.remotePort = port
    endpoint.route = route
    this.endpoints.add(endpoint)
    return undefined
  }

  /** Queues a datagram; the bytes are copied. Returns the error's code when it cannot go. */
  send(endpoint: UdpEndpoint, data: Uint8Array, address: Ipv4Addr, port: number): ErrorCode | undefined {
    const route = this.#routeFor(endpoint, address)
    if (route === undefined) return 'ENETUNREACH'
    if (route.isBroadcast && !endpoint.broadcast) return 'EACCES'
    const most = endpoint.dontFragment ? this.#output.mtuOf(route) - IPV4_HEADER_LEN - UDP_HEADER_LEN : MAX_UDP_PAYLOAD
    if (data.length > Math.min(most, MAX_UDP_PAYLOAD)) return 'EMSGSIZE'
    if (!endpoint.canSend(data.length)) return 'ENOBUFS'
    if (endpoint.pending === 0) this.#senders.push(endpoint)
    // A Buffer's `slice` would be no copy.
    endpoint.push({ data: new Uint8Array(data), address, port })
    return undefined
  }

  /**
   * Takes every datagram that no endpoint takes, to whatever address IP lets in, until `unforward`.
   * @throws {NetError} EADDRINUSE when that is done already.
   */
  forward(limits: UdpForwardLimits): UdpForwarder {
    if (this.#forwarder !== undefined) {
      throw new NetError('EADDRINUSE', 'Cannot forward UDP: the stack has a handler for that; close it first')
    }
    this.#forwarder = new UdpForwarder(limits)
    return this.#forwarder
  }

  /** Ends every flow, and takes no more. */
  unforward(): void {
    this.#forwarder?.close()
    this.#forwarder = undefined
  }

  /** Frees the endpoint's port; what it has queued still goes. */
  close(endpoint: UdpEndpoint): void {
    this.endpoints.remove(endpoint)
  }

  poll(now: Micros): void {
    this.#forwarder?.poll(now)
    if (this.#senders.length === 0) return
    const senders = this.#senders
    this.#senders = []
    for (const endpoint of senders) {
      let departure = endpoint.shift()
      if (departure === undefined) continue
      this.#forwarder?.used(endpoint, now)
      for (; departure !== undefined; departure = endpoint.shift()) {
        this.#transmit(endpoint, departure.data, departure.address, departure.port, now)
      }
      endpoint.onWritable?.()
    }
  }

  /** What somebody threw who was told of a datagram of our own comes out once everything else is done. */
  flushed(): void {
    this.#thrown.release(this.#work)
  }

  pollAt(): Micros {
    return this.#senders.length > 0 ? (0 as Micros) : (this.#forwarder?.pollAt() ?? NEVER)
  }

  #isIntact({ frame, header }: IpPacket): boolean {
    const { src, dst, payloadAt } = header
    return transportChecksumOk(frame.bytes, src, dst, this.protocol, payloadAt, this.#in.end)
  }

  /** RFC 1122 §4.1.3.5 and RFC 1112 §4: everyone who listens there gets a copy. */
  #deliverToAll(packet: IpPacket): UdpInputDrop | undefined {
    const { dst } = packet.header
    const isGroup = isMulticast(dst)
    let drop: UdpInputDrop | undefined = 'udp-no-port'
    for (const endpoint of this.endpoints.boundTo(this.#in.dstPort)) {
      if (isGroup) {
        if (!endpoint.hears(dst, packet.iface)) continue
      } else if (endpoint.localAddress !== IPV4_ANY && endpoint.localAddress !== dst) continue
      drop = this.#deliver(endpoint, packet)
    }
    return drop
  }

  #deliver(endpoint: UdpEndpoint, packet: IpPacket): UdpInputDrop | undefined {
    const { frame, header } = packet
    const { payloadAt, end, srcPort } = this.#in
    // A super-segment stands for datagrams of this many bytes each.
    const step = frame.segmentSize > 0 ? frame.segmentSize : end - payloadAt
    let from = payloadAt
    do {
      this.rxDatagrams++
      const to = Math.min(end, from + step)
      if (!endpoint.deliver(frame.bytes, from, to, header.src, srcPort, header.dst)) return 'udp-buffer-full'
      from += step
    } while (from < end)
    return undefined
  }

  #routeFor(endpoint: UdpEndpoint, address: Ipv4Addr): Route | undefined {
    const { route } = endpoint
    if (route?.valid && route.dst === address) return route
    const iface: NetInterface | undefined = isMulticast(address) ? endpoint.multicastInterface : undefined
    const source = endpoint.localAddress === IPV4_ANY ? iface?.sourceFor(address) : endpoint.localAddress
    endpoint.route = this.#output.route(address, source)
    return endpoint.route
  }

  #transmit(endpoint: UdpEndpoint, data: Uint8Array, address: Ipv4Addr, port: number, now: Micros): void {
    const route = this.#routeFor(endpoint, address)
    if (route === undefined) return
    const src = endpoint.localAddress === IPV4_ANY ? route.src : endpoint.localAddress
    const udp = this.#out
    udp.srcPort = endpoint.localPort
    udp.dstPort = port
    udp.length = UDP_HEADER_LEN + data.length
    const frame = this.#frame
    frame.reset()
    const at = frame.push(UDP_HEADER_LEN)
    udp.write(frame.view, at)
    frame.view.setUint16(at + UDP_CHECKSUM_OFFSET, foldSum(pseudoSum(src, address, this.protocol, udp.length)))
    frame.checksumStart = 0
    frame.checksumOffset = UDP_CHECKSUM_OFFSET
    frame.payload = data
    frame.payloadFrom = 0
    frame.payloadTo = data.length
    this.txDatagrams++
    const isGroup = isMulticast(address)
    const ttl = isGroup ? endpoint.multicastTtl : endpoint.ttl
    // A group's datagram with no time to live goes no further than this host.
    if (ttl > 0 || !isGroup) {
      this.#output.send(frame, route, src, address, this.protocol, ttl, endpoint.tos, endpoint.dontFragment, now)
    }
    // The loopback interface brings it by itself.
    const isBrought = route.iface.isLoopback && ttl > 0
    if (isGroup && endpoint.multicastLoop && !isBrought)
      this.#loopBack(endpoint, data, src, address, port, route.iface, now)
  }

  /** RFC 1112 §6.2: the members of a group on this host get their copies from us, as no link brings them. */
  #loopBack(
    sender: UdpEndpoint,
    data: Uint8Array,
    src: Ipv4Addr,
    group: Ipv4Addr,
    port: number,
    iface: NetInterface,
    now: Micros,
  ): void {
    for (const endpoint of this.endpoints.boundTo(port)) {
      if (!endpoint.hears(group, iface)) continue
      this.rxDatagrams++
      try {
        const hasRoom = endpoint.deliver(data, 0, data.length, src, sender.localPort, group)
        if (!hasRoom) this.#output.onDrop?.('udp-buffer-full', 1, now)
      } catch (error) {
        this.#thrown.add(error)
      }
    }
  }
}
