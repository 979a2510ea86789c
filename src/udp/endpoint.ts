import { IPV4_ANY, type Ipv4Addr } from '../base/address.ts'
import type { ErrorCode } from '../base/errors.ts'
import type { NetInterface } from '../ip/interface.ts'
import { DEFAULT_TTL, type Route } from '../ip/output.ts'
import type { IcmpError } from '../ip/transport.ts'

/** What a datagram costs beyond its bytes, so that empty ones are bounded too. */
const OVERHEAD = 128
const DEFAULT_BUFFER = 256 * 1024
/** RFC 1112 §6.1: groups are heard on this link only, unless asked otherwise. */
const MULTICAST_TTL = 1

/** One datagram that arrived; the bytes are the receiver's own. */
export interface UdpMessage {
  readonly data: Uint8Array
  readonly address: Ipv4Addr
  readonly port: number
  /** Where it was sent to: an address of ours, a broadcast or a group. */
  readonly destination: Ipv4Addr
}

/** A group that is heard on one interface. */
export interface UdpMembership {
  readonly group: Ipv4Addr
  readonly iface: NetInterface
}

/** A datagram on its way out; its bytes stay as they are until it is gone. */
export interface UdpDeparture {
  readonly data: Uint8Array
  readonly address: Ipv4Addr
  readonly port: number
}

/** What an endpoint is made with. */
export interface UdpEndpointOptions {
  readonly address: Ipv4Addr
  readonly port: number
  /** RFC 1122 §4.1.4: allow sending to broadcast addresses. */
  readonly broadcast?: boolean
  readonly ttl?: number
  readonly multicastTtl?: number
  /** What is sent to a group is heard by its members on this stack, too (RFC 1112 §6.1). Default true. */
  readonly multicastLoop?: boolean
  readonly tos?: number
  /** Never cut datagrams; what is too large fails with EMSGSIZE. */
  readonly dontFragment?: boolean
  /** Bytes of datagrams that may wait to be read; more are dropped and counted. */
  readonly receiveBuffer?: number
  /** Bytes of datagrams that may wait to be sent. */
  readonly sendBuffer?: number
  /** Bind although others are bound to the port, if they agree too; each gets its own copy of broadcasts. */
  readonly reuse?: boolean
}

/** One UDP port in use: addresses, queues, and callbacks for whoever owns it (RFC 768, RFC 1122 §4.1). */
export class UdpEndpoint {
  /** IPV4_ANY: every address of ours. */
  localAddress: Ipv4Addr
  readonly localPort: number
  /** Zero while not connected. */
  remoteAddress: Ipv4Addr = IPV4_ANY
  remotePort = 0
  broadcast: boolean
  ttl: number
  multicastTtl: number
  multicastLoop: boolean
  readonly tos: number
  readonly dontFragment: boolean
  receiveBuffer: number
  sendBuffer: number
  readonly reuse: boolean
  /** Datagrams for which the receive buffer had no room. */
  dropped = 0
  /** A datagram waits to be read. */
  onReadable: (() => void) | undefined
  /** The send queue has room again. */
  onWritable: (() => void) | undefined
  /** A router or the peer's host complains. The error object is reused. */
  onError: ((error: IcmpError) => void) | undefined
  /** The multicast groups it joined. */
  readonly groups: UdpMembership[] = []
  /** Where groups are sent to; undefined leaves it to the routes. */
  multicastInterface: NetInterface | undefined
  /** The way to where we last sent. */
  route: Route | undefined
  /** An error that waits for the next call (RFC 1122 §4.1.3.3). */
  pendingError: ErrorCode | undefined
  readonly #arrivals: UdpMessage[] = []
  readonly #departures: UdpDeparture[] = []
  #arrivalBytes = 0
  #departureBytes = 0

  constructor(options: UdpEndpointOptions) {
    this.localAddress = options.address
    this.localPort = options.port
    this.broadcast = options.broadcast ?? false
    this.ttl = options.ttl ?? DEFAULT_TTL
    this.multicastTtl = options.multicastTtl ?? MULTICAST_TTL
    this.multicastLoop = options.multicastLoop ?? true
    this.tos = options.tos ?? 0
    this.dontFragment = options.dontFragment ?? false
    this.receiveBuffer = options.receiveBuffer ?? DEFAULT_BUFFER
    this.sendBuffer = options.sendBuffer ?? DEFAULT_BUFFER
    this.reuse = options.reuse ?? false
  }

  get isConnected(): boolean {
    return this.remotePort !== 0
  }

  /** Datagrams that wait to be read, and to be sent. */
  get readable(): number {
    return this.#arrivals.length
  }

  get pending(): number {
    return this.#departures.length
  }

  /** As the send buffer counts them. */
  get pendingBytes(): number {
    return this.#departureBytes
  }

  /** Whether a datagram of `length` bytes may be queued now; the first always may. */
  canSend(length: number): boolean {
    return this.#departures.length === 0 || this.#departureBytes + length + OVERHEAD <= this.sendBuffer
  }

  /** Whether what `iface` brings for `group` is for us. */
  hears(group: Ipv4Addr, iface: NetInterface): boolean {
    if (this.localAddress !== IPV4_ANY && this.localAddress !== group) return false
    return this.groups.some((member) => member.group === group && member.iface === iface)
  }

  /** Takes the oldest datagram; undefined when none waits. */
  read(): UdpMessage | undefined {
    const message = this.#arrivals.shift()
    if (message !== undefined) this.#arrivalBytes -= message.data.length + OVERHEAD
    return message
  }

  /** Queues an arrival, copying it; false when there is no room. */
  deliver(
    bytes: Uint8Array,
    from: number,
    to: number,
    address: Ipv4Addr,
    port: number,
    destination: Ipv4Addr,
  ): boolean {
    const cost = to - from + OVERHEAD
    if (this.#arrivals.length > 0 && this.#arrivalBytes + cost > this.receiveBuffer) {
      this.dropped++
      return false
    }
    this.#arrivals.push({ data: bytes.slice(from, to), address, port, destination })
    this.#arrivalBytes += cost
    this.onReadable?.()
    return true
  }

  /** Queues a departure; its bytes are now the endpoint's. */
  push(departure: UdpDeparture): void {
    this.#departures.push(departure)
    this.#departureBytes += departure.data.length + OVERHEAD
  }

  /** Takes the next departure; undefined when all are gone. */
  shift(): UdpDeparture | undefined {
    const departure = this.#departures.shift()
    if (departure !== undefined) this.#departureBytes -= departure.data.length + OVERHEAD
    return departure
  }
}
