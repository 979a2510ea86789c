import type { Ipv4Addr } from '../base/address.ts'
import { addMicros, type Micros, NEVER } from '../base/types.ts'
import { keepPacket } from '../ip/kept-packet.ts'
import type { IpPacket } from '../ip/transport.ts'
import { UDP_HEADER_LEN, type UdpHeader } from '../wire/udp.ts'
import { UdpEndpoint } from './endpoint.ts'
import { UdpTable } from './udp-table.ts'

export interface UdpForwardLimits {
  /** Flows at once; the one that was silent the longest gives way to a new one. */
  readonly flows: number
  /** A flow on which nothing passed for so long ends. */
  readonly idle: Micros
  /** Bytes of datagrams that may wait to be read on one flow; more are dropped and counted. */
  readonly receiveBuffer: number
}

/** Datagrams between one peer and one place that it believes we are. */
export class UdpFlowEntry {
  /** Connected: its local end is where the peer sends to. */
  readonly endpoint: UdpEndpoint
  /** The headers of the first datagram, for an ICMP error about it. */
  readonly first: IpPacket
  isOver = false
  /** Told when it ends without having been closed. */
  onEnd: (() => void) | undefined = undefined
  lastUsed: Micros
  /** Its neighbours in the order of use. */
  older: UdpFlowEntry | undefined = undefined
  newer: UdpFlowEntry | undefined = undefined

  constructor(packet: IpPacket, udp: UdpHeader, receiveBuffer: number, now: Micros) {
    const { src, dst } = packet.header
    this.endpoint = new UdpEndpoint({ address: dst, port: udp.dstPort, receiveBuffer })
    this.endpoint.remoteAddress = src
    this.endpoint.remotePort = udp.srcPort
    this.first = keepPacket(packet, packet.header.payloadAt + UDP_HEADER_LEN)
    this.lastUsed = now
  }
}

/** Puts datagrams that no endpoint takes before a handler: one flow for each pair of ends, as long as something passes. */
export class UdpForwarder {
  readonly stats = { flows: 0, expired: 0, evicted: 0 }
  /** Told of each flow, once, when the stack is polled. */
  onFlow: ((flow: UdpFlowEntry) => void) | undefined = undefined
  readonly #limits: UdpForwardLimits
  readonly #table = new UdpTable()
  readonly #byEndpoint = new Map<UdpEndpoint, UdpFlowEntry>()
  #oldest: UdpFlowEntry | undefined = undefined
  #newest: UdpFlowEntry | undefined = undefined
  #untold: UdpFlowEntry[] = []

  constructor(limits: UdpForwardLimits) {
    this.#limits = limits
  }

  /** Flows that live. */
  get size(): number {
    return this.#byEndpoint.size
  }

  /** The flow's end for a datagram that no endpoint takes; makes the flow when it is the first. */
  arrives(packet: IpPacket, udp: UdpHeader, now: Micros): UdpEndpoint | undefined {
    const { iface, header } = packet
    if (iface.isLoopback || iface.shared) return undefined
    const known = this.find(header.dst, udp.dstPort, header.src, udp.srcPort)
    // RFC 768: without a source port there is nobody to answer.
    if (known === undefined) return udp.srcPort === 0 ? undefined : this.#begin(packet, udp, now).endpoint
    this.used(known, now)
    return known
  }

  find(local: Ipv4Addr, localPort: number, remote: Ipv4Addr, remotePort: number): UdpEndpoint | undefined {
    return this.#table.findConnected(local, localPort, remote, remotePort)
  }

  /** Something passes, where the endpoint is one of a flow. */
  used(endpoint: UdpEndpoint, now: Micros): void {
    const flow = this.#byEndpoint.get(endpoint)
    if (flow === undefined) return
    flow.lastUsed = now
    if (flow === this.#newest) return
    this.#unlink(flow)
    this.#append(flow)
  }

  /** Forgets a flow; what still comes between its ends begins a new one. */
  end(flow: UdpFlowEntry): void {
    if (flow.isOver) return
    flow.isOver = true
    this.#unlink(flow)
    this.#table.remove(flow.endpoint)
    this.#byEndpoint.delete(flow.endpoint)
  }

  poll(now: Micros): void {
    for (let flow = this.#oldest; flow !== undefined && this.#endsAt(flow) <= now; flow = this.#oldest) {
      this.stats.expired++
      this.#drop(flow)
    }
    if (this.#untold.length === 0) return
    const untold = this.#untold
    this.#untold = []
    for (const flow of untold) if (!flow.isOver) this.onFlow?.(flow)
  }

  pollAt(): Micros {
    return this.#oldest === undefined ? NEVER : this.#endsAt(this.#oldest)
  }

  close(): void {
    while (this.#oldest !== undefined) this.#drop(this.#oldest)
  }

  #begin(packet: IpPacket, udp: UdpHeader, now: Micros): UdpFlowEntry {
    if (this.size >= this.#limits.flows) {
      this.stats.evicted++
      this.#drop(this.#oldest!)
    }
    this.stats.flows++
    const flow = new UdpFlowEntry(packet, udp, this.#limits.receiveBuffer, now)
    this.#table.add(flow.endpoint)
    this.#byEndpoint.set(flow.endpoint, flow)
    this.#append(flow)
    this.#untold.push(flow)
    return flow
  }

  #drop(flow: UdpFlowEntry): void {
    this.end(flow)
    flow.onEnd?.()
  }

  #endsAt(flow: UdpFlowEntry): Micros {
    return addMicros(flow.lastUsed, this.#limits.idle)
  }

  #append(flow: UdpFlowEntry): void {
    flow.older = this.#newest
    flow.newer = undefined
    if (this.#newest === undefined) this.#oldest = flow
    else this.#newest.newer = flow
    this.#newest = flow
  }

  #unlink(flow: UdpFlowEntry): void {
    if (flow.older === undefined) this.#oldest = flow.newer
    else flow.older.newer = flow.newer
    if (flow.newer === undefined) this.#newest = flow.older
    else flow.newer.older = flow.older
  }
}
