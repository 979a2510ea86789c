import { IPV4_ANY, type Ipv4Addr } from '../base/address.ts'
import type { UdpEndpoint } from './endpoint.ts'

const NONE: readonly UdpEndpoint[] = []

/** The endpoints of a stack, found by numbers. */
export class UdpTable {
  /** Not connected, by local port. */
  readonly #bound = new Map<number, UdpEndpoint[]>()
  /** Connected, by both ports. */
  readonly #connected = new Map<number, UdpEndpoint[]>()
  readonly #all = new Set<UdpEndpoint>()

  get size(): number {
    return this.#all.size
  }

  [Symbol.iterator](): IterableIterator<UdpEndpoint> {
    return this.#all.values()
  }

  has(endpoint: UdpEndpoint): boolean {
    return this.#all.has(endpoint)
  }

  add(endpoint: UdpEndpoint): void {
    this.#all.add(endpoint)
    const [map, key] = this.#place(endpoint)
    const list = map.get(key)
    if (list === undefined) map.set(key, [endpoint])
    else list.push(endpoint)
  }

  remove(endpoint: UdpEndpoint): void {
    this.#all.delete(endpoint)
    const [map, key] = this.#place(endpoint)
    const rest = (map.get(key) ?? NONE).filter((other) => other !== endpoint)
    if (rest.length === 0) map.delete(key)
    else map.set(key, rest)
  }

  /** Whether a new endpoint may bind there: not where another, not willing to share, would get the same datagrams. */
  isFree(address: Ipv4Addr, port: number, reuse: boolean): boolean {
    for (const endpoint of this.#all) {
      if (endpoint.localPort !== port || (reuse && endpoint.reuse)) continue
      if (address === IPV4_ANY || endpoint.localAddress === IPV4_ANY || endpoint.localAddress === address) return false
    }
    return true
  }

  /** The connected endpoint of exactly these four. */
  findConnected(local: Ipv4Addr, localPort: number, remote: Ipv4Addr, remotePort: number): UdpEndpoint | undefined {
    const list = this.#connected.get(localPort * 0x10000 + remotePort)
    if (list === undefined) return undefined
    for (const endpoint of list) {
      if (endpoint.remoteAddress === remote && endpoint.localAddress === local) return endpoint
    }
    return undefined
  }

  /** Those that are bound to a port and not connected. */
  boundTo(port: number): readonly UdpEndpoint[] {
    return this.#bound.get(port) ?? NONE
  }

  /** The best for a unicast datagram: connected, else bound to the address, else bound to any. */
  find(local: Ipv4Addr, localPort: number, remote: Ipv4Addr, remotePort: number): UdpEndpoint | undefined {
    const connected = this.findConnected(local, localPort, remote, remotePort)
    if (connected !== undefined) return connected
    let wildcard: UdpEndpoint | undefined
    for (const endpoint of this.boundTo(localPort)) {
      if (endpoint.localAddress === local) return endpoint
      if (endpoint.localAddress === IPV4_ANY) wildcard ??= endpoint
    }
    return wildcard
  }

  #place(endpoint: UdpEndpoint): [Map<number, UdpEndpoint[]>, number] {
    return endpoint.isConnected
      ? [this.#connected, endpoint.localPort * 0x10000 + endpoint.remotePort]
      : [this.#bound, endpoint.localPort]
  }
}
