import { formatEndpoint, formatIp, IPV4_ANY } from '../../base/address.ts'
import { BoundedMap } from '../../base/bounded-map.ts'
import { ArpHeader, ArpOperation } from '../../wire/arp.ts'
import { EtherType } from '../../wire/ethernet.ts'
import { IcmpCode, IcmpHeader, IcmpType } from '../../wire/icmp.ts'
import { IpProtocol, Ipv4Header } from '../../wire/ipv4.ts'
import { readIpv6 } from '../../wire/ipv6.ts'
import { FrameLayers } from '../../wire/layers.ts'
import { TcpFlag, TcpHeader } from '../../wire/tcp.ts'
import { TcpOptions } from '../../wire/tcp-options.ts'
import type { Packet } from './packet.ts'
import { WatchedConnection } from './watched-connection.ts'

const MAX_CONNECTIONS = 4096

const ICMP_MEANINGS: Readonly<Record<number, string>> = {
  [IcmpType.ECHO_REQUEST]: 'asks for an echo (RFC 792)',
  [IcmpType.ECHO_REPLY]: 'gives the echo back (RFC 792)',
  [IcmpType.REDIRECT]: 'knows a better router for that address (RFC 792)',
  [IcmpType.TIME_EXCEEDED]:
    'a packet ran out of hops or its fragments did not all come (RFC 792); traceroute lives on it',
  [IcmpType.PARAMETER_PROBLEM]: 'cannot understand a header (RFC 792)',
}
const UNREACHABLE_MEANINGS: Readonly<Record<number, string>> = {
  [IcmpCode.NET_UNREACHABLE]: 'no route leads to that network (RFC 792)',
  [IcmpCode.HOST_UNREACHABLE]: 'that host does not answer on its link (RFC 792)',
  [IcmpCode.PROTOCOL_UNREACHABLE]: 'that protocol is not spoken there (RFC 1122 §3.2.2.1)',
  [IcmpCode.PORT_UNREACHABLE]: 'nobody listens on that port (RFC 1122 §3.2.2.1)',
  [IcmpCode.FRAGMENTATION_NEEDED]: 'too large for the next link and not to be cut: send smaller ones (RFC 1191)',
}

/** Says of each packet what it means and which document tells; for people who learn. */
export class Explainer {
  readonly #packet = new FrameLayers()
  readonly #arp = new ArpHeader()
  readonly #ipv4 = new Ipv4Header()
  readonly #icmp = new IcmpHeader()
  readonly #tcp = new TcpHeader()
  readonly #options = new TcpOptions()
  readonly #connections = new BoundedMap<string, WatchedConnection>(MAX_CONNECTIONS)

  /** One sentence a line; none for what we have no words for. Never throws. */
  explain(packet: Packet): readonly string[] {
    const layers = this.#packet
    layers.load(packet)
    if (layers.etherType === EtherType.ARP) return this.#explainArp(packet)
    if (layers.isIpv4) return this.#explainIpv4(packet)
    if (layers.isIpv6 && layers.protocol === IpProtocol.TCP && layers.transportAt >= 0) {
      const at = layers.networkAt
      const [src, dst] = [readIpv6(packet.view, at + 8), readIpv6(packet.view, at + 24)]
      return this.#explainTcp(
        packet,
        layers.transportAt,
        packet.end,
        (port) => formatEndpoint(src, port),
        (port) => formatEndpoint(dst, port),
      )
    }
    return []
  }

  #explainArp(packet: Packet): readonly string[] {
    const arp = this.#arp
    if (arp.parse(packet.view, this.#packet.networkAt, packet.end) !== undefined) return []
    if (arp.operation === ArpOperation.REPLY) return [`tells its station's address, to be remembered (RFC 826)`]
    if (arp.senderIp === IPV4_ANY) return [`probes whether ${formatIp(arp.targetIp)} is taken (RFC 5227 §2.1.1)`]
    if (arp.senderIp === arp.targetIp) return ['announces its own address to all (RFC 5227 §2.3)']
    return [`asks every station on the link which one has ${formatIp(arp.targetIp)} (RFC 826)`]
  }

  #explainIpv4(packet: Packet): readonly string[] {
    const ip = this.#ipv4
    if (ip.parse(packet.view, this.#packet.networkAt, packet.end) !== undefined) return []
    if (ip.moreFragments || ip.fragmentOffset > 0) {
      const to = ip.fragmentOffset + ip.totalLen - ip.headerLen
      return [
        `bytes ${ip.fragmentOffset}-${to} of packet ${ip.id}${ip.moreFragments ? '' : ', the last piece'} (RFC 791 §3.2)`,
      ]
    }
    switch (ip.protocol) {
      case IpProtocol.TCP:
        return this.#explainTcp(
          packet,
          ip.payloadAt,
          ip.end,
          (port) => formatEndpoint(ip.src, port),
          (port) => formatEndpoint(ip.dst, port),
        )
      case IpProtocol.UDP:
        return ['a datagram: no connection, no acknowledgment (RFC 768)']
      case IpProtocol.ICMP:
        return this.#explainIcmp(packet)
      default:
        return []
    }
  }

  #explainIcmp(packet: Packet): readonly string[] {
    const icmp = this.#icmp
    if (icmp.parse(packet.view, this.#ipv4.payloadAt, this.#ipv4.end) !== undefined) return []
    const meaning = icmp.type === IcmpType.UNREACHABLE ? UNREACHABLE_MEANINGS[icmp.code] : ICMP_MEANINGS[icmp.type]
    return meaning === undefined ? [] : [meaning]
  }

  #explainTcp(
    packet: Packet,
    at: number,
    end: number,
    source: (port: number) => string,
    destination: (port: number) => string,
  ): readonly string[] {
    const tcp = this.#tcp
    if (tcp.parse(packet.view, at, end) !== undefined) return []
    this.#options.parse(packet.view, tcp.optionsAt, tcp.payloadAt)
    const src = source(tcp.srcPort)
    const dst = destination(tcp.dstPort)
    const back = this.#connections.get(`${dst} ${src}`)
    const isSyn = (tcp.flags & (TcpFlag.SYN | TcpFlag.ACK)) === TcpFlag.SYN
    const connection = back ?? this.#connections.getOr(`${src} ${dst}`, () => new WatchedConnection(src, dst, isSyn))
    return connection.explain(tcp, this.#options, back === undefined)
  }
}
