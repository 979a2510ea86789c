import { type Ipv4Addr, type MacAddr, multicastMac } from '../base/address.ts'

/** The group every host belongs to (RFC 1112 §4). */
export const ALL_HOSTS = 0xe0000001 as Ipv4Addr

/** The multicast groups of one interface, counted by those who joined them. */
export class GroupTable {
  readonly #members = new Map<Ipv4Addr, number>()
  readonly #macs = new Map<MacAddr, number>([[multicastMac(ALL_HOSTS), 1]])

  has(group: Ipv4Addr): boolean {
    return group === ALL_HOSTS || this.#members.has(group)
  }

  /** Whether any of our groups has this Ethernet address; 32 groups share each. */
  hasMac(mac: MacAddr): boolean {
    return this.#macs.has(mac)
  }

  /** Returns true when this is the first member. */
  join(group: Ipv4Addr): boolean {
    const members = this.#members.get(group) ?? 0
    this.#members.set(group, members + 1)
    if (members > 0) return false
    const mac = multicastMac(group)
    this.#macs.set(mac, (this.#macs.get(mac) ?? 0) + 1)
    return true
  }

  /** Returns true when the last member left. */
  leave(group: Ipv4Addr): boolean {
    const members = this.#members.get(group)
    if (members === undefined) return false
    if (members > 1) {
      this.#members.set(group, members - 1)
      return false
    }
    this.#members.delete(group)
    const mac = multicastMac(group)
    const uses = this.#macs.get(mac)! - 1
    if (uses === 0) this.#macs.delete(mac)
    else this.#macs.set(mac, uses)
    return true
  }

  [Symbol.iterator](): IterableIterator<Ipv4Addr> {
    return this.#members.keys()
  }
}
