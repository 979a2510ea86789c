import { AddressClaims, type AddressConflict } from '../arp/address-claims.ts'
import { type NeighbourInfo, Neighbours } from '../arp/neighbours.ts'
import type { PacketCopy } from '../arp/packet-copy.ts'
import {
  broadcastOf,
  type Cidr,
  formatCidr,
  IPV4_BROADCAST,
  type Ipv4Addr,
  inNetwork,
  isGroupMac,
  isMulticast,
  MAC_BROADCAST,
  type MacAddr,
  multicastMac,
} from '../base/address.ts'
import { rangeError } from '../base/argument-errors.ts'
import { DOUBLE_ZERO } from '../base/double-zero.ts'
import { type Micros, NEVER } from '../base/types.ts'
import type { InFrame, Link, OutFrame } from '../link/link.ts'
import { EthernetHeader, EtherType } from '../wire/ethernet.ts'
import { GroupTable } from './groups.ts'

const VLAN_ID_MASK = 0xfff
/** What every link must carry without fragmentation (RFC 791 §3.2). */
const LEAST_MTU = 68

/** Why a frame was refused. Also the name of the drop counter. */
export type InterfaceDrop =
  | 'interface-down'
  | 'link-refused'
  | 'ethernet-not-for-us'
  | 'ethernet-own-frame'
  | 'ethernet-other-vlan'
  | 'ethernet-unknown-type'
  | 'ipv6-unsupported'

export interface InterfaceOptions {
  /** For people and for `Route`; the link's name by default. */
  readonly name?: string
  readonly addresses: readonly Cidr[]
  /** On Ethernet; the link's own by default. */
  readonly mac?: MacAddr
  /** The kernel owns the same address: it answers ARP, echo and unknown ports, and we do not. */
  readonly shared?: boolean
  /** The 802.1Q VLAN to live in; untagged by default. */
  readonly vlan?: number
  /** Below the link's own, if it must be. */
  readonly mtu?: number
  /** Carries packets to ourselves: every destination is ours, and every source. */
  readonly loopback?: boolean
  /**
   * Not RFC: takes every packet for one host that comes in as if it were for us, see docs/deviations.md#any-address:
   * what `tcp.forward` and `udp.forward` stand behind. Echo requests are answered in the name of all, unless `anyEcho` is false.
   */
  readonly anyAddress?: boolean
  readonly anyEcho?: boolean
}

/** What an interface tells the stack. */
export interface InterfaceHost {
  /** An IP packet at [at, frame.end); `broadcast` when the link delivered it to more than us. Returns the drop reason. */
  onIp(iface: NetInterface, frame: InFrame, at: number, broadcast: boolean, now: Micros): string | undefined
  /** Packets for which no neighbour was found. */
  onUnresolved(iface: NetInterface, packets: readonly PacketCopy[], now: Micros): void
  onConflict(iface: NetInterface, conflict: AddressConflict, now: Micros): void
  onDrop(reason: string, count: number, now: Micros): void
}

/** A link with addresses: where IP packets leave and arrive. */
export class NetInterface {
  readonly name: string
  readonly link: Link
  readonly mac: MacAddr
  readonly shared: boolean
  readonly isLoopback: boolean
  readonly anyAddress: boolean
  readonly anyEcho: boolean
  readonly mtu: number
  readonly neighbours: Neighbours | undefined
  readonly groups = new GroupTable()
  rxFrames = 0
  rxBytes = DOUBLE_ZERO
  txFrames = 0
  txBytes = DOUBLE_ZERO
  readonly #host: InterfaceHost
  readonly #claims: AddressClaims
  readonly #vlan: number
  readonly #in = new EthernetHeader()
  readonly #out = new EthernetHeader()
  readonly #addresses: Cidr[] = []
  #isUp = true

  /** @throws {RangeError} when the MTU is smaller than any host must take, or every address would be the kernel's as well. */
  constructor(link: Link, options: InterfaceOptions, host: InterfaceHost) {
    this.name = options.name ?? link.name
    this.link = link
    this.mac = options.mac ?? link.mac
    this.shared = options.shared ?? false
    this.isLoopback = options.loopback ?? false
    this.anyAddress = options.anyAddress ?? false
    this.anyEcho = options.anyEcho ?? true
    if (this.anyAddress && this.shared) {
      throw rangeError(`Cannot add ${this.name}: anyAddress and shared exclude each other`)
    }
    this.mtu = Math.min(options.mtu ?? link.mtu, link.mtu)
    if (!(this.mtu >= LEAST_MTU)) {
      throw rangeError(`Cannot add ${this.name}: mtu must be at least ${LEAST_MTU}, got ${this.mtu}`)
    }
    this.#vlan = options.vlan ?? -1
    this.#host = host
    this.#claims = new AddressClaims((ip, now) => this.neighbours?.announce(ip, now))
    if (link.medium === 'ethernet') this.neighbours = new Neighbours(this.#neighbourHost())
    for (const address of options.addresses) this.#own(address)
    if (this.#addresses.length > 0) this.#tellLink()
  }

  get medium(): Link['medium'] {
    return this.link.medium
  }

  get isUp(): boolean {
    return this.#isUp
  }

  get addresses(): readonly Cidr[] {
    return this.#addresses
  }

  addAddress(address: Cidr): void {
    if (this.#own(address)) this.#tellLink()
  }

  removeAddress(addr: Ipv4Addr): void {
    const index = this.#addresses.findIndex((address) => address.addr === addr)
    if (index >= 0) this.#addresses.splice(index, 1)
    this.#tellLink()
    this.#claims.release(addr)
  }

  /** Whether the address is new. */
  #own(address: Cidr): boolean {
    if (this.owns(address.addr)) return false
    this.#addresses.push(address)
    if (!this.shared && this.neighbours !== undefined) this.#claims.claim(address.addr)
    return true
  }

  #tellLink(): void {
    this.link.hear?.(this.anyAddress ? [] : this.#addresses, this.shared)
  }

  /** Takes the interface out of service, or back into it; its neighbours are asked for anew. */
  setUp(isUp: boolean, now: Micros): void {
    if (isUp === this.#isUp) return
    this.#isUp = isUp
    this.neighbours?.clear(now)
    if (isUp && !this.shared) for (const { addr } of this.#addresses) this.#claims.claim(addr)
  }

  owns(addr: Ipv4Addr): boolean {
    for (let i = 0; i < this.#addresses.length; i++) if (this.#addresses[i]!.addr === addr) return true
    return false
  }

  /** Whether `addr` means everyone on this link: limited or directed broadcast (RFC 1122 §3.2.1.3 (c) to (e)). */
  isBroadcast(addr: Ipv4Addr): boolean {
    if (addr === IPV4_BROADCAST) return true
    for (let i = 0; i < this.#addresses.length; i++) if (broadcastOf(this.#addresses[i]!) === addr) return true
    return false
  }

  /** The address to speak to `target` with: on its network when we have one there, else our first. */
  sourceFor(target: Ipv4Addr): Ipv4Addr | undefined {
    for (const address of this.#addresses) if (inNetwork(target, address)) return address.addr
    return this.#addresses[0]?.addr
  }

  /** Sends the IP packet in `frame` towards `nextHop`, which is on this link. Returns the drop reason. */
  send(frame: OutFrame, nextHop: Ipv4Addr, now: Micros): string | undefined {
    if (!this.#isUp) return 'interface-down'
    if (this.neighbours === undefined) return this.#emit(frame, now)
    if (isMulticast(nextHop)) return this.#transmit(frame, multicastMac(nextHop), EtherType.IPV4, now)
    if (this.isBroadcast(nextHop)) return this.#transmit(frame, MAC_BROADCAST, EtherType.IPV4, now)
    return this.neighbours.send(frame, nextHop, now)
  }

  /** Takes one frame from the link. Returns the drop reason. */
  input(frame: InFrame, now: Micros): string | undefined {
    if (!this.#isUp) return 'interface-down'
    this.rxFrames++
    this.rxBytes += frame.end - frame.start
    if (this.neighbours === undefined) {
      const isIpv6 = frame.end > frame.start && frame.bytes[frame.start]! >>> 4 === 6
      return isIpv6 ? 'ipv6-unsupported' : this.#host.onIp(this, frame, frame.start, false, now)
    }
    const header = this.#in
    const drop = header.parse(frame.view, frame.start, frame.end)
    if (drop !== undefined) return drop
    // IEEE 802.1Q §9.6: identifier 0 carries a priority and names no VLAN.
    const vlan = header.vlan < 0 ? 0 : header.vlan & VLAN_ID_MASK
    if (vlan !== Math.max(this.#vlan, 0)) return 'ethernet-other-vlan'
    if (header.src === this.mac && !this.shared) return 'ethernet-own-frame'
    const isGroup = isGroupMac(header.dst)
    if (isGroup ? !this.#hearsGroup(header.dst) : header.dst !== this.mac) return 'ethernet-not-for-us'
    if (header.type === EtherType.IPV4) return this.#host.onIp(this, frame, header.payloadAt, isGroup, now)
    if (header.type === EtherType.ARP) return this.neighbours.input(frame.view, header.payloadAt, frame.end, now)
    return header.type === EtherType.IPV6 ? 'ipv6-unsupported' : 'ethernet-unknown-type'
  }

  poll(now: Micros): void {
    if (!this.#isUp) return
    this.neighbours?.poll(now)
    this.#claims.poll(now)
  }

  pollAt(): Micros {
    if (!this.#isUp) return NEVER
    const neighbours = this.neighbours?.pollAt() ?? NEVER
    const claims = this.#claims.pollAt()
    const link = this.link.pollAt()
    return Math.min(neighbours, claims, link) as Micros
  }

  /** The neighbour cache for people; empty on a medium without one. */
  neighbourList(now: Micros): NeighbourInfo[] {
    return this.neighbours?.list(now) ?? []
  }

  toString(): string {
    return `${this.name} ${this.#addresses.map(formatCidr).join(' ')}`
  }

  #hearsGroup(mac: MacAddr): boolean {
    return mac === MAC_BROADCAST || this.groups.hasMac(mac)
  }

  #transmit(frame: OutFrame, dst: MacAddr, type: number, now: Micros): string | undefined {
    const header = this.#out
    header.dst = dst
    header.src = this.mac
    header.type = type
    header.vlan = this.#vlan
    header.write(frame.view, frame.push(header.headerLen))
    return this.#emit(frame, now)
  }

  #emit(frame: OutFrame, now: Micros): string | undefined {
    if (!this.link.send(frame, now)) return 'link-refused'
    this.txFrames++
    this.txBytes += frame.length
    return undefined
  }

  #neighbourHost() {
    return {
      mac: this.mac,
      transmit: (frame: OutFrame, dst: MacAddr, type: number, now: Micros) => this.#transmit(frame, dst, type, now),
      sourceFor: (target: Ipv4Addr) => this.sourceFor(target),
      answersFor: (addr: Ipv4Addr) => !this.shared && this.owns(addr),
      onOwnAddress: (ip: Ipv4Addr, theirs: MacAddr, now: Micros) => {
        if (theirs === this.mac) return
        const defended = this.#claims.defend(ip, now)
        this.#host.onConflict(this, { ip, ours: this.mac, theirs, defended }, now)
      },
      onUnresolved: (packets: readonly PacketCopy[], now: Micros) => this.#host.onUnresolved(this, packets, now),
      onDrop: (reason: string, count: number, now: Micros) => this.#host.onDrop(reason, count, now),
    }
  }
}
