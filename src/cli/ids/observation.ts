import { formatIp, IPV4_ANY, type IpAddr, type Ipv4Addr, MAC_NONE, type MacAddr } from '../../base/address.ts'
import { checksum, finishSum, foldSum, pseudoSum } from '../../base/checksum.ts'
import { type Seq, seq } from '../../base/seq.ts'
import { ArpHeader } from '../../wire/arp.ts'
import { ETHERNET_HEADER_LEN, EtherType, readMac } from '../../wire/ethernet.ts'
import { IpProtocol, Ipv4Header, ipv4ChecksumOk } from '../../wire/ipv4.ts'
import { IPV6_HEADER_LEN, readIpv6 } from '../../wire/ipv6.ts'
import { FrameLayers } from '../../wire/layers.ts'
import { LinkType } from '../../wire/pcap-record.ts'
import { TCP_CHECKSUM_OFFSET, TcpHeader } from '../../wire/tcp.ts'
import { transportChecksumOk } from '../../wire/transport-checksum.ts'
import { UDP_CHECKSUM_OFFSET, UdpHeader } from '../../wire/udp.ts'
import type { Packet } from '../dump/packet.ts'

export type Checksum = 'the IPv4 header' | 'TCP' | 'UDP' | 'ICMP'

const NO_FLAGS = -1

/** What the rules want to know of one packet; one object is filled again for each. */
export class Observation {
  /** Milliseconds since 1970. */
  now = 0
  srcMac: MacAddr = MAC_NONE
  /** Whether `arp` holds a packet. */
  isArp = false
  readonly arp = new ArpHeader()
  /** 4, 6, or 0 without IP. */
  version: 0 | 4 | 6 = 0
  src: IpAddr = IPV4_ANY
  dst: IpAddr = IPV4_ANY
  protocol = 0
  /** The length of the frame on the wire. */
  length = 0
  /** 0 where the protocol has no ports or the packet is a later fragment. */
  srcPort = 0
  dstPort = 0
  /** -1 when this is not the start of a TCP segment. */
  tcpFlags = NO_FLAGS
  seq: Seq = seq(0)
  /** -1 when this is not the start of an ICMP message. */
  icmpType = NO_FLAGS
  /** Of an IPv4 fragment; `isFragment` tells. */
  isFragment = false
  readonly ipv4 = new Ipv4Header()
  /** A checksum that is wrong and not merely unfinished. */
  badChecksum: Checksum | undefined

  readonly #packet = new FrameLayers()
  readonly #tcp = new TcpHeader()
  readonly #udp = new UdpHeader()

  get srcText(): string {
    return formatIp(this.src)
  }

  get dstText(): string {
    return formatIp(this.dst)
  }

  /** Reads a packet. Never throws; what is broken leaves its fields at rest. */
  load(packet: Packet): void {
    const layers = this.#packet
    layers.load(packet)
    this.now = packet.timeMs
    this.length = packet.wireLength
    this.srcMac = MAC_NONE
    this.isArp = false
    this.version = 0
    this.protocol = 0
    this.srcPort = 0
    this.dstPort = 0
    this.tcpFlags = NO_FLAGS
    this.icmpType = NO_FLAGS
    this.isFragment = false
    this.badChecksum = undefined
    if (packet.linkType === LinkType.ETHERNET && packet.end - packet.start >= ETHERNET_HEADER_LEN) {
      this.srcMac = readMac(packet.view, packet.start + 6)
    }
    if (layers.etherType === EtherType.ARP) {
      this.isArp = this.arp.parse(packet.view, layers.networkAt, packet.end) === undefined
    } else if (layers.isIpv4) this.#loadIpv4(packet)
    else if (layers.isIpv6) this.#loadIpv6(packet)
  }

  #loadIpv4(packet: Packet): void {
    const at = this.#packet.networkAt
    const header = this.ipv4
    if (header.parse(packet.view, at, packet.end) !== undefined) return
    this.version = 4
    this.src = header.src
    this.dst = header.dst
    this.protocol = header.protocol
    this.isFragment = header.moreFragments || header.fragmentOffset > 0
    if (!ipv4ChecksumOk(packet.view, at, header.headerLen)) this.badChecksum = 'the IPv4 header'
    if (header.fragmentOffset > 0) return
    this.#loadTransport(packet, header.payloadAt, header.end)
    if (!this.isFragment && !packet.partialChecksum && this.badChecksum === undefined) this.#verify(packet)
  }

  #loadIpv6(packet: Packet): void {
    const at = this.#packet.networkAt
    if (!this.#packet.has(at, IPV6_HEADER_LEN)) return
    this.version = 6
    this.src = readIpv6(packet.view, at + 8)
    this.dst = readIpv6(packet.view, at + 24)
    this.protocol = this.#packet.protocol
    if (this.#packet.transportAt >= 0) this.#loadTransport(packet, this.#packet.transportAt, packet.end)
  }

  #loadTransport(packet: Packet, at: number, end: number): void {
    if (this.protocol === IpProtocol.TCP && this.#tcp.parse(packet.view, at, end) === undefined) {
      this.srcPort = this.#tcp.srcPort
      this.dstPort = this.#tcp.dstPort
      this.tcpFlags = this.#tcp.flags
      this.seq = this.#tcp.seq
    } else if (this.protocol === IpProtocol.UDP && end - at >= 4) {
      this.srcPort = packet.view.getUint16(at)
      this.dstPort = packet.view.getUint16(at + 2)
    } else if (this.protocol === IpProtocol.ICMP && end > at) this.icmpType = packet.view.getUint8(at)
  }

  /** Verifies the transport checksum of a whole IPv4 packet. */
  #verify(packet: Packet): void {
    const { src, dst, payloadAt, end } = this.ipv4
    const { bytes, view } = packet
    switch (this.protocol) {
      case IpProtocol.TCP:
        if (this.tcpFlags === NO_FLAGS || transportChecksumOk(bytes, src, dst, IpProtocol.TCP, payloadAt, end)) return
        if (!isUnfinished(view.getUint16(payloadAt + TCP_CHECKSUM_OFFSET), src, dst, IpProtocol.TCP, end - payloadAt)) {
          this.badChecksum = 'TCP'
        }
        return
      case IpProtocol.UDP: {
        const udp = this.#udp
        if (udp.parse(view, payloadAt, end) !== undefined || udp.checksum === 0) return
        if (transportChecksumOk(bytes, src, dst, IpProtocol.UDP, payloadAt, udp.end)) return
        if (!isUnfinished(view.getUint16(payloadAt + UDP_CHECKSUM_OFFSET), src, dst, IpProtocol.UDP, udp.length)) {
          this.badChecksum = 'UDP'
        }
        return
      }
      case IpProtocol.ICMP:
        if (end - payloadAt >= 8 && checksum(bytes, payloadAt, end) !== 0) this.badChecksum = 'ICMP'
    }
  }
}

/**
 * Whether the field holds the sum of the pseudo-header alone: what a capture on
 * the sending machine shows when the hardware is to finish the checksum.
 */
function isUnfinished(field: number, src: Ipv4Addr, dst: Ipv4Addr, protocol: number, length: number): boolean {
  const sum = pseudoSum(src, dst, protocol, length)
  return field === foldSum(sum) || field === finishSum(sum)
}
