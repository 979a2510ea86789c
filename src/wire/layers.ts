import { ETHERNET_HEADER_LEN, EtherType, VLAN_TAG_LEN } from './ethernet.ts'
import { IPV4_HEADER_LEN, IpProtocol } from './ipv4.ts'
import { IPV6_HEADER_LEN, Ipv6Extension } from './ipv6.ts'
import { LinkType, SLL_HEADER_LEN, SLL2_HEADER_LEN } from './pcap-record.ts'

/** A frame to be looked into: `bytes[start, end)`, which may be less than was on the wire. */
export interface FrameBytes {
  readonly bytes: Uint8Array
  readonly view: DataView
  readonly start: number
  readonly end: number
  readonly wireLength: number
  readonly linkType: number
}

const TAGS: readonly number[] = [EtherType.VLAN, EtherType.QINQ, 0x9100]
const NONE = -1
const MAX_EXTENSIONS = 8

/**
 * Where the layers of one frame are, found once for all who
 * ask. Tags are looked through: `tcp` is true of a tagged segment too.
 */
export class FrameLayers {
  bytes: Uint8Array = new Uint8Array(0)
  view: DataView = new DataView(new ArrayBuffer(0))
  start = 0
  end = 0
  wireLength = 0
  isEthernet = false
  /** The type behind the tags; -1 where the link has none. */
  etherType = NONE
  /** The identifiers of the tags, outermost first. */
  readonly vlans: number[] = []
  /** Where the network layer starts; -1 when it was not captured. */
  networkAt = NONE
  /** The protocol IP carries, behind extension headers; -1 without IP. */
  protocol = NONE
  /** Where the transport header starts; -1 in later fragments, which have none. */
  transportAt = NONE

  get isIpv4(): boolean {
    return this.etherType === EtherType.IPV4
  }

  get isIpv6(): boolean {
    return this.etherType === EtherType.IPV6
  }

  /** Whether `length` bytes at `at` were captured. */
  has(at: number, length: number): boolean {
    return at >= this.start && at + length <= this.end
  }

  load(frame: FrameBytes): void {
    this.bytes = frame.bytes
    this.view = frame.view
    this.start = frame.start
    this.end = frame.end
    this.wireLength = frame.wireLength
    this.isEthernet = frame.linkType === LinkType.ETHERNET
    this.etherType = NONE
    this.vlans.length = 0
    this.networkAt = NONE
    this.protocol = NONE
    this.transportAt = NONE
    this.#findNetwork(frame.linkType)
    if (this.isIpv4) this.#readIpv4()
    else if (this.isIpv6) this.#readIpv6()
  }

  #findNetwork(linkType: number): void {
    const at = this.start
    if (linkType === LinkType.ETHERNET) this.#readEthernet()
    else if (linkType === LinkType.LINUX_SLL) this.#network(at + 14, at + SLL_HEADER_LEN)
    else if (linkType === LinkType.LINUX_SLL2) this.#network(at, at + SLL2_HEADER_LEN)
    else this.#rawIp(linkType === LinkType.NULL || linkType === LinkType.LOOP ? at + 4 : at)
  }

  #network(typeAt: number, networkAt: number): void {
    if (!this.has(typeAt, 2)) return
    this.etherType = this.view.getUint16(typeAt)
    this.networkAt = networkAt
  }

  #rawIp(at: number): void {
    if (!this.has(at, 1)) return
    const version = this.view.getUint8(at) >>> 4
    if (version === 4) this.etherType = EtherType.IPV4
    else if (version === 6) this.etherType = EtherType.IPV6
    this.networkAt = at
  }

  #readEthernet(): void {
    let typeAt = this.start + ETHERNET_HEADER_LEN - 2
    while (this.has(typeAt, VLAN_TAG_LEN) && TAGS.includes(this.view.getUint16(typeAt))) {
      this.vlans.push(this.view.getUint16(typeAt + 2) & 0xfff)
      typeAt += VLAN_TAG_LEN
    }
    this.#network(typeAt, typeAt + 2)
  }

  #readIpv4(): void {
    const at = this.networkAt
    if (!this.has(at, IPV4_HEADER_LEN)) return
    this.protocol = this.view.getUint8(at + 9)
    const isFirst = (this.view.getUint16(at + 6) & 0x1fff) === 0
    if (isFirst) this.transportAt = at + ((this.view.getUint8(at) & 15) << 2)
  }

  #readIpv6(): void {
    if (!this.has(this.networkAt, IPV6_HEADER_LEN)) return
    let next = this.view.getUint8(this.networkAt + 6)
    let at = this.networkAt + IPV6_HEADER_LEN
    for (let headers = 0; headers < MAX_EXTENSIONS && isExtension(next) && this.has(at, 8); headers++) {
      const isFragment = next === Ipv6Extension.FRAGMENT
      next = this.view.getUint8(at)
      if (isFragment && (this.view.getUint16(at + 2) & 0xfff8) !== 0) {
        this.protocol = next
        return
      }
      at += isFragment ? 8 : (this.view.getUint8(at + 1) + 1) * 8
    }
    this.protocol = next
    this.transportAt = at
  }
}

const isExtension = (next: number): boolean =>
  next === Ipv6Extension.HOP_BY_HOP ||
  next === Ipv6Extension.ROUTING ||
  next === Ipv6Extension.FRAGMENT ||
  next === Ipv6Extension.DESTINATION

/** Whether a protocol's header begins with two ports. */
export const hasPorts = (protocol: number): boolean =>
  protocol === IpProtocol.TCP || protocol === IpProtocol.UDP || protocol === IpProtocol.SCTP
