import {
  IPV4_ANY,
  IPV4_BROADCAST,
  type IpAddr,
  type Ipv4Addr,
  isIpv4,
  isLoopback,
  isMulticast,
} from '../base/address.ts'
import type { Rng } from '../base/rng.ts'
import type { Micros } from '../base/types.ts'
import { OutFrame } from '../link/link.ts'
import { finishChecksum } from '../link/segment.ts'
import { FRAGMENT_UNIT, IPV4_HEADER_LEN, IPV4_MAX_LEN, Ipv4Header } from '../wire/ipv4.ts'
import { Arena } from './arena.ts'
import { PacketIds } from './ids.ts'
import type { NetInterface } from './interface.ts'
import { PathMtuCache } from './path-mtu.ts'
import { type RouteEntry, RouteTable } from './routes.ts'

const MAX_CACHED_ROUTES = 4096
/** RFC 1122 §3.2.1.7; the value is IANA's. */
export const DEFAULT_TTL = 64

/** The way to one destination. A connection keeps it and asks again once it is no longer `valid`. */
export class Route {
  readonly iface: NetInterface
  readonly dst: Ipv4Addr
  /** On the link: the gateway, or the destination itself. */
  readonly nextHop: Ipv4Addr
  /** The address to send from. */
  readonly src: Ipv4Addr
  /** To more than one host: UDP asks for permission. */
  readonly isBroadcast: boolean
  /** For `IpOutput`: what keeps this pair's packet identifications apart from others'; -1 until one is needed. */
  idHash = -1
  readonly #table: RouteTable
  readonly #generation: number

  constructor(table: RouteTable, iface: NetInterface, dst: Ipv4Addr, nextHop: Ipv4Addr, src: Ipv4Addr) {
    this.iface = iface
    this.dst = dst
    this.nextHop = nextHop
    this.src = src
    this.isBroadcast = iface.isBroadcast(dst)
    this.#table = table
    this.#generation = table.generation
  }

  /** The interface's MTU; `IpOutput.pathMtu` knows what routers said about the path behind it. */
  get mtu(): number {
    return this.iface.mtu
  }

  /** False once routes, addresses or interfaces have changed. */
  get valid(): boolean {
    return this.#generation === this.#table.generation
  }
}

/** Sends: route, header, fragments (RFC 791, RFC 1122 §3.3). */
export class IpOutput {
  readonly routes = new RouteTable()
  readonly arena = new Arena()
  readonly pathMtus = new PathMtuCache()
  /** Sent packets, fragments counted once for each datagram. */
  txPackets = 0
  txFragments = 0
  /** Told of every packet that `send` refused, whoever sent it. */
  onDrop: ((reason: string, count: number, now: Micros) => void) | undefined
  readonly #interfaces: NetInterface[] = []
  readonly #cache = new Map<Ipv4Addr, Route>()
  readonly #ids: PacketIds
  readonly #header = new Ipv4Header()
  readonly #fragment = new OutFrame()
  #loopback: NetInterface | undefined
  #cacheGeneration = 0

  constructor(rng: Rng) {
    this.#ids = new PacketIds(rng)
  }

  get interfaces(): readonly NetInterface[] {
    return this.#interfaces
  }

  /** The interface that carries packets to ourselves comes first. */
  addInterface(iface: NetInterface): void {
    this.#loopback ??= iface
    this.#interfaces.push(iface)
    this.changed()
  }

  removeInterface(iface: NetInterface): void {
    const index = this.#interfaces.indexOf(iface)
    if (index >= 0) this.#interfaces.splice(index, 1)
    this.routes.removeInterface(iface)
  }

  /** Addresses or the state of an interface changed: routes that were handed out are void. */
  changed(): void {
    this.routes.generation++
  }

  /** The interface that owns `addr`, if it is ours. */
  ownerOf(addr: Ipv4Addr): NetInterface | undefined {
    for (const iface of this.#interfaces) if (iface.owns(addr)) return iface
    return undefined
  }

  /** Whether we may send from `addr`: it is ours, or an interface takes every address for ours. */
  speaksFor(addr: Ipv4Addr): boolean {
    return this.ownerOf(addr) !== undefined || this.#interfaces.some((iface) => iface.anyAddress)
  }

  /** Whether packets to `addr` stay within this stack. */
  isLocal(addr: Ipv4Addr): boolean {
    return isLoopback(addr) || this.ownerOf(addr) !== undefined
  }

  /** The way to `dst`, from `src` when that is given (one that we speak for). Undefined: there is none, or the family is not supported. */
  route(dst: IpAddr, src?: IpAddr): Route | undefined {
    if (!isIpv4(dst) || (src !== undefined && !isIpv4(src))) return undefined
    if (this.#cacheGeneration !== this.routes.generation || this.#cache.size >= MAX_CACHED_ROUTES) {
      this.#cache.clear()
      this.#cacheGeneration = this.routes.generation
    }
    const known = this.#cache.get(dst) ?? this.#remember(dst)
    return src === undefined || src === known?.src ? known : this.#lookup(dst, src)
  }

  /** The largest packet that reaches `dst` whole, as far as is known. */
  pathMtu(dst: IpAddr): number {
    const route = this.route(dst)
    return route === undefined ? 0 : this.mtuOf(route)
  }

  /** The same for a route already at hand. */
  mtuOf(route: Route): number {
    return Math.min(route.mtu, this.pathMtus.lookup(route.dst) ?? IPV4_MAX_LEN)
  }

  /** A transport believes an ICMP error: no packet larger than `mtu` passes to `dst`. */
  lowerPathMtu(dst: Ipv4Addr, mtu: number, now: Micros): void {
    this.pathMtus.lower(dst, mtu, now)
  }

  /** A packet of `mtu` reached `dst` whole: what was believed of a narrower path is out of date (RFC 4821 §7.3). */
  raisePathMtu(dst: Ipv4Addr, mtu: number, now: Micros): void {
    this.pathMtus.raise(dst, mtu, now)
  }

  /**
   * Sends what the transport wrote: its header and, it may be, data in
   * `frame.bytes[start, end)`, the rest in the payload pieces. Where
   * `checksumStart` is not -1 it counts from the transport's header, and the
   * checksum field holds the folded pseudo-header sum. Cuts into fragments what
   * may be cut. Returns the drop reason.
   */
  send(
    frame: OutFrame,
    route: Route,
    src: Ipv4Addr,
    dst: Ipv4Addr,
    protocol: number,
    ttl: number,
    tos: number,
    dontFragment: boolean,
    now: Micros,
  ): string | undefined {
    const header = this.#header
    header.tos = tos
    header.ttl = ttl
    header.protocol = protocol
    header.src = src
    header.dst = dst
    header.dontFragment = dontFragment
    const drop = this.#transmit(frame, route, now)
    if (drop !== undefined) this.onDrop?.(drop, 1, now)
    return drop
  }

  /** Sends a packet whose IP header is already written, options and all. */
  sendRaw(frame: OutFrame, route: Route, now: Micros): string | undefined {
    this.txPackets++
    return route.iface.send(frame, route.nextHop, now)
  }

  poll(now: Micros): void {
    this.pathMtus.poll(now)
  }

  /** Sends the frame under the header that is filled in but for its lengths and its identification. */
  #transmit(frame: OutFrame, route: Route, now: Micros): string | undefined {
    const header = this.#header
    const { dst, dontFragment } = header
    const totalLen = IPV4_HEADER_LEN + frame.length
    if (totalLen > IPV4_MAX_LEN) return 'ip-too-big'
    header.moreFragments = false
    header.fragmentOffset = 0
    header.totalLen = totalLen
    let mtu = route.mtu
    // A probe is larger than what the path is known to carry: that is its question.
    if (this.pathMtus.size > 0 && !frame.isProbe) {
      mtu = Math.min(mtu, this.pathMtus.lookup(dst) ?? IPV4_MAX_LEN)
      if (dontFragment && this.pathMtus.isBelowFloor(dst)) header.dontFragment = false
    }
    // RFC 6864 §4.1: a packet that cannot be fragmented needs no identification.
    header.id = header.dontFragment ? 0 : this.#nextId(route)
    this.txPackets++
    if (totalLen > mtu && frame.segmentSize === 0) {
      if (header.dontFragment) return 'ip-too-big'
      return this.#sendFragments(frame, route, mtu, now)
    }
    header.write(frame.view, frame.push(IPV4_HEADER_LEN))
    return route.iface.send(frame, route.nextHop, now)
  }

  #nextId(route: Route): number {
    if (route.idHash < 0) route.idHash = this.#ids.hash(route.src, route.dst)
    return this.#ids.next(route.idHash)
  }

  /** RFC 791 §3.2, "An Example Fragmentation Procedure". */
  #sendFragments(frame: OutFrame, route: Route, mtu: number, now: Micros): string | undefined {
    const header = this.#header
    const length = frame.length
    const bytes = this.arena.take(length)
    const base = this.arena.at
    finishChecksum(frame)
    frame.copyTo(bytes, base)
    const most = Math.floor((mtu - IPV4_HEADER_LEN) / FRAGMENT_UNIT) * FRAGMENT_UNIT
    let drop: string | undefined
    for (let offset = 0; offset < length; offset += most) {
      const size = Math.min(most, length - offset)
      header.fragmentOffset = offset
      header.moreFragments = offset + size < length
      header.totalLen = IPV4_HEADER_LEN + size
      const fragment = this.#fragment
      fragment.reset()
      fragment.payload = bytes
      fragment.payloadFrom = base + offset
      fragment.payloadTo = base + offset + size
      header.write(fragment.view, fragment.push(IPV4_HEADER_LEN))
      drop = route.iface.send(fragment, route.nextHop, now) ?? drop
      this.txFragments++
    }
    return drop
  }

  /** The way to `dst` where nobody asks for an address to send from. */
  #remember(dst: Ipv4Addr): Route | undefined {
    const route = this.#lookup(dst, undefined)
    if (route !== undefined) this.#cache.set(dst, route)
    return route
  }

  #lookup(dst: Ipv4Addr, src: Ipv4Addr | undefined): Route | undefined {
    const loopback = this.#loopback
    // RFC 1122 §3.3.1.1: what is for ourselves never sees a wire.
    if (loopback !== undefined && this.isLocal(dst)) {
      return new Route(this.routes, loopback, dst, dst, src ?? dst)
    }
    const entry = this.#routeFrom(dst, src) ?? (src === undefined ? undefined : this.routes.lookup(dst))
    if (dst === IPV4_BROADCAST || isMulticast(dst)) {
      const iface = this.#oneToMany(src, entry?.iface)
      return iface === undefined ? undefined : this.#make(iface, dst, dst, src)
    }
    if (entry === undefined || dst === IPV4_ANY) return undefined
    return this.#make(entry.iface, dst, entry.gateway ?? dst, src)
  }

  /** The best route by an interface that owns `src`; for an address that none owns, by one that takes every address. */
  #routeFrom(dst: Ipv4Addr, src: Ipv4Addr | undefined): RouteEntry | undefined {
    if (src === undefined) return this.routes.lookup(dst)
    const isOwned = this.ownerOf(src) !== undefined
    return this.routes.lookup(dst, (iface) => (isOwned ? iface.owns(src) : iface.anyAddress))
  }

  /** RFC 1122 §3.3.6 and §3.3.7: the interface of the source, else of the best route, else the first. */
  #oneToMany(src: Ipv4Addr | undefined, routed: NetInterface | undefined): NetInterface | undefined {
    const owner = src === undefined ? undefined : this.ownerOf(src)
    return owner ?? routed ?? this.#interfaces.find((iface) => iface !== this.#loopback && iface.isUp)
  }

  #make(iface: NetInterface, dst: Ipv4Addr, nextHop: Ipv4Addr, src: Ipv4Addr | undefined): Route {
    return new Route(this.routes, iface, dst, nextHop, src ?? iface.sourceFor(nextHop) ?? IPV4_ANY)
  }
}
