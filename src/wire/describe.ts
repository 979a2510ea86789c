import { formatIp, formatMac, type IpAddr, type MacAddr } from '../base/address.ts'
import { seqToU32 } from '../base/seq.ts'
import { ArpHeader } from './arp.ts'
import { EthernetHeader, EtherType } from './ethernet.ts'
import { IcmpHeader } from './icmp.ts'
import { IpProtocol, Ipv4Header } from './ipv4.ts'
import { Ipv6Header, readIpv6 } from './ipv6.ts'
import { LinkType } from './pcap-record.ts'
import { TcpHeader } from './tcp.ts'
import { TcpOptions } from './tcp-options.ts'
import { UdpHeader } from './udp.ts'

/** What a frame says, field by field, for programs; a layer that is broken or unknown leaves its fields out. */
export type FrameFacts = Record<string, string | number | boolean | number[][]>

const PROTOCOL_WORDS: Readonly<Record<number, string>> = {
  [IpProtocol.ICMP]: 'icmp',
  [IpProtocol.IGMP]: 'igmp',
  [IpProtocol.TCP]: 'tcp',
  [IpProtocol.UDP]: 'udp',
  [IpProtocol.ICMPV6]: 'icmp6',
  [IpProtocol.SCTP]: 'sctp',
}
/** What a protocol over IP is called in records, where it has a name. */
export const protocolWord = (protocol: number): string | undefined => PROTOCOL_WORDS[protocol]

const ARP_OPERATIONS: Readonly<Record<number, string>> = { 1: 'request', 2: 'reply' }
const TCP_FLAGS = ['fin', 'syn', 'rst', 'psh', 'ack', 'urg', 'ece', 'cwr'] as const

/** The names `FrameDescriber` may give, in the order it does. */
export const FRAME_FIELDS = [
  'src_mac',
  'dst_mac',
  'ethertype',
  'vlan',
  'arp_operation',
  'arp_sender_mac',
  'arp_sender_ip',
  'arp_target_mac',
  'arp_target_ip',
  'ip_version',
  'src',
  'dst',
  'protocol',
  'ttl',
  'tos',
  'ip_id',
  'ip_length',
  'dont_fragment',
  'more_fragments',
  'fragment_offset',
  'icmp_type',
  'icmp_code',
  'icmp_id',
  'icmp_seq',
  'src_port',
  'dst_port',
  'tcp_flags',
  'seq',
  'ack',
  'window',
  'mss',
  'window_scale',
  'sack_permitted',
  'tsval',
  'tsecr',
  'sack',
  'payload_length',
] as const

/** Reads frames into facts. */
export class FrameDescriber {
  readonly #ethernet = new EthernetHeader()
  readonly #arp = new ArpHeader()
  readonly #ipv4 = new Ipv4Header()
  readonly #ipv6 = new Ipv6Header()
  readonly #icmp = new IcmpHeader()
  readonly #tcp = new TcpHeader()
  readonly #options = new TcpOptions()
  readonly #udp = new UdpHeader()

  /** Never throws. */
  describe(view: DataView, start: number, end: number, linkType: number): FrameFacts {
    const facts: FrameFacts = {}
    if (linkType === LinkType.ETHERNET) this.#describeEthernet(facts, view, start, end)
    else if (linkType === LinkType.RAW && end > start) {
      this.#describeNetwork(facts, view, start, end, view.getUint8(start) >>> 4 === 6 ? EtherType.IPV6 : EtherType.IPV4)
    }
    return facts
  }

  #describeEthernet(facts: FrameFacts, view: DataView, start: number, end: number): void {
    const header = this.#ethernet
    if (header.parse(view, start, end) !== undefined) return
    const mac = (addr: MacAddr): string => formatMac(addr)
    Object.assign(facts, { src_mac: mac(header.src), dst_mac: mac(header.dst), ethertype: header.type })
    if (header.vlan >= 0) facts['vlan'] = header.vlan & 0xfff
    this.#describeNetwork(facts, view, header.payloadAt, end, header.type)
  }

  #describeNetwork(facts: FrameFacts, view: DataView, at: number, end: number, type: number): void {
    if (type === EtherType.IPV4) this.#describeIpv4(facts, view, at, end)
    else if (type === EtherType.IPV6) this.#describeIpv6(facts, view, at, end)
    else if (type === EtherType.ARP) this.#describeArp(facts, view, at, end)
  }

  #describeArp(facts: FrameFacts, view: DataView, at: number, end: number): void {
    const header = this.#arp
    if (header.parse(view, at, end) !== undefined) return
    Object.assign(facts, {
      arp_operation: ARP_OPERATIONS[header.operation] ?? header.operation,
      arp_sender_mac: formatMac(header.senderMac),
      arp_sender_ip: formatIp(header.senderIp),
      arp_target_mac: formatMac(header.targetMac),
      arp_target_ip: formatIp(header.targetIp),
    })
  }

  #describeIpv4(facts: FrameFacts, view: DataView, at: number, end: number): void {
    const header = this.#ipv4
    if (header.parse(view, at, end) !== undefined) return
    addIp(facts, 4, header.src, header.dst, header.protocol)
    Object.assign(facts, { ttl: header.ttl, tos: header.tos, ip_id: header.id, ip_length: header.totalLen })
    Object.assign(facts, { dont_fragment: header.dontFragment, more_fragments: header.moreFragments })
    facts['fragment_offset'] = header.fragmentOffset
    if (header.fragmentOffset === 0) this.#describeTransport(facts, view, header.payloadAt, header.end, header.protocol)
  }

  #describeIpv6(facts: FrameFacts, view: DataView, at: number, end: number): void {
    const header = this.#ipv6
    if (header.parse(view, at, end) !== undefined) return
    addIp(facts, 6, readIpv6(view, header.srcAt), readIpv6(view, header.dstAt), header.nextHeader)
    Object.assign(facts, { ttl: header.hopLimit, tos: header.trafficClass })
    this.#describeTransport(facts, view, header.payloadAt, header.end, header.nextHeader)
  }

  #describeTransport(facts: FrameFacts, view: DataView, at: number, end: number, protocol: number): void {
    if (protocol === IpProtocol.TCP) this.#describeTcp(facts, view, at, end)
    else if (protocol === IpProtocol.UDP) {
      const header = this.#udp
      if (header.parse(view, at, end) !== undefined) return
      addPorts(facts, header)
      facts['payload_length'] = header.length - 8
    } else if (protocol === IpProtocol.ICMP) {
      const header = this.#icmp
      if (header.parse(view, at, end) !== undefined) return
      Object.assign(facts, { icmp_type: header.type, icmp_code: header.code })
      if (header.type === 0 || header.type === 8) Object.assign(facts, { icmp_id: header.id, icmp_seq: header.seq })
      facts['payload_length'] = end - header.payloadAt
    }
  }

  #describeTcp(facts: FrameFacts, view: DataView, at: number, end: number): void {
    const header = this.#tcp
    if (header.parse(view, at, end) !== undefined) return
    addPorts(facts, header)
    facts['tcp_flags'] = TCP_FLAGS.filter((_, bit) => (header.flags >>> bit) & 1).join(' ')
    Object.assign(facts, { seq: seqToU32(header.seq), ack: seqToU32(header.ack), window: header.window })
    const options = this.#options
    options.parse(view, header.optionsAt, header.payloadAt)
    if (options.mss > 0) facts['mss'] = options.mss
    if (options.windowScale >= 0) facts['window_scale'] = options.windowScale
    if (options.sackPermitted) facts['sack_permitted'] = true
    if (options.timestamps) Object.assign(facts, { tsval: options.tsval, tsecr: options.tsecr })
    if (options.sackCount > 0) {
      const edge = (i: number): number => options.sack[i]! >>> 0
      facts['sack'] = Array.from({ length: options.sackCount }, (_, i) => [edge(2 * i), edge(2 * i + 1)])
    }
    facts['payload_length'] = header.payloadLen
  }
}

function addIp(facts: FrameFacts, version: 4 | 6, src: IpAddr, dst: IpAddr, protocol: number): void {
  Object.assign(facts, { ip_version: version, src: formatIp(src), dst: formatIp(dst) })
  facts['protocol'] = protocolWord(protocol) ?? protocol
}

function addPorts(facts: FrameFacts, header: { readonly srcPort: number; readonly dstPort: number }): void {
  Object.assign(facts, { src_port: header.srcPort, dst_port: header.dstPort })
}
