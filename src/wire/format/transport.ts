import { IpProtocol } from '../ipv4.ts'
import { Ipv6Extension } from '../ipv6.ts'
import { formatIcmp } from './icmp.ts'
import { formatIcmpv6 } from './icmpv6.ts'
import { formatIgmp } from './igmp.ts'
import { destinationOf, type FormatIp, type IpContext, sourceOf } from './ip-context.ts'
import { IP_PROTOCOL_NAMES } from './ip-protocols.ts'
import type { Printer } from './printer.ts'
import { formatTcp } from './tcp.ts'
import { formatUdp } from './udp.ts'

/** Whether lines of this protocol begin with addresses and ports of their own. */
export const namesEndpoints = (protocol: number): boolean =>
  protocol === IpProtocol.TCP || protocol === IpProtocol.UDP || protocol === IpProtocol.SCTP || protocol === 33

function wrongVersion(p: Printer, protocol: number, version: 4 | 6): undefined {
  p.put(`[${IP_PROTOCOL_NAMES[protocol]} requires IPv${version}] (invalid)`)
}

function summary(p: Printer, at: number, protocol: number, length: number, ip: IpContext): undefined {
  if (protocol === IpProtocol.SCTP || protocol === 33) p.put(`${sourceOf(p, ip)} > ${destinationOf(p, ip)}: `)
  if (protocol === IpProtocol.ESP)
    return p.put(`ESP(spi=0x${p.octets(at, 4)},seq=0x${p.u32(at + 4).toString(16)}), length ${length}`)
  const name = IP_PROTOCOL_NAMES[protocol]
  p.put(name === undefined ? ` ip-proto-${protocol} ${length}` : `${name}, length ${length}`)
}

/** Prints `length` bytes at `at` of the given protocol; packets within packets by `formatIp`. */
export function formatTransport(
  p: Printer,
  at: number,
  length: number,
  protocol: number,
  ip: IpContext,
  formatIp: FormatIp,
): undefined {
  switch (protocol) {
    case IpProtocol.TCP:
      return formatTcp(p, at, length, ip)
    case IpProtocol.UDP:
      return formatUdp(p, at, length, ip)
    case IpProtocol.ICMP:
      return ip.version === 4 ? formatIcmp(p, at, length, ip, formatIp) : wrongVersion(p, protocol, 4)
    case IpProtocol.ICMPV6:
      return ip.version === 6 ? formatIcmpv6(p, at, length, ip) : wrongVersion(p, protocol, 6)
    case IpProtocol.IGMP:
      return ip.version === 4 ? formatIgmp(p, at, length) : wrongVersion(p, protocol, 4)
    case IpProtocol.IPIP:
      return formatIp(p, at, length, 4)
    case IpProtocol.IPV6:
      return formatIp(p, at, length, 6)
    case Ipv6Extension.NO_NEXT:
      return p.put('no next header')
    default:
      return summary(p, at, protocol, length, ip)
  }
}
