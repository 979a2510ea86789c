import { type Cidr, type Ipv4Addr, inNetwork, networkOf } from '../base/address.ts'
import type { NetInterface } from './interface.ts'

/** One line of the routing table: packets for `destination` leave by `iface`, through `gateway` when there is one. */
export interface RouteEntry {
  readonly destination: Cidr
  /** Undefined: the destination is on the link itself. */
  readonly gateway: Ipv4Addr | undefined
  readonly iface: NetInterface
  /** Of two equally long prefixes the smaller metric wins. */
  readonly metric: number
}

/** Routes by prefix: the longest match, then the smallest metric (RFC 1812 §5.2.4.3). */
export class RouteTable {
  #entries: RouteEntry[] = []
  /** Grows with every change of routes, addresses or interfaces; whoever kept a route compares. */
  generation = 0

  /** Adds a route; one to the same destination by the same interface and gateway is replaced. */
  add(entry: RouteEntry): void {
    const destination = {
      addr: networkOf(entry.destination.addr, entry.destination.prefix),
      prefix: entry.destination.prefix,
    }
    this.remove(destination, entry.iface, entry.gateway)
    this.#entries.push({ ...entry, destination })
    this.#entries.sort((a, b) => b.destination.prefix - a.destination.prefix || a.metric - b.metric)
    this.generation++
  }

  /** Removes what matches; undefined arguments match all. Returns how many routes went. */
  remove(destination: Cidr, iface?: NetInterface, gateway?: Ipv4Addr): number {
    const before = this.#entries.length
    this.#entries = this.#entries.filter(
      (entry) =>
        entry.destination.prefix !== destination.prefix ||
        entry.destination.addr !== networkOf(destination.addr, destination.prefix) ||
        (iface !== undefined && (entry.iface !== iface || entry.gateway !== gateway)),
    )
    if (this.#entries.length !== before) this.generation++
    return before - this.#entries.length
  }

  removeInterface(iface: NetInterface): void {
    this.#entries = this.#entries.filter((entry) => entry.iface !== iface)
    this.generation++
  }

  /** The best route to `dst` by an interface that is up, and that suits. */
  lookup(dst: Ipv4Addr, suits?: (iface: NetInterface) => boolean): RouteEntry | undefined {
    for (const entry of this.#entries) {
      if (!inNetwork(dst, entry.destination) || !entry.iface.isUp) continue
      if (suits === undefined || suits(entry.iface)) return entry
    }
    return undefined
  }

  /** Best first. */
  list(): readonly RouteEntry[] {
    return this.#entries
  }
}
