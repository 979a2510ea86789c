import { IpProtocol } from '../ipv4.ts'
import { UDP_HEADER_LEN } from '../udp.ts'
import { formatDhcp } from './dhcp.ts'
import { formatDns } from './dns.ts'
import { destinationOf, endpoints, type IpContext, rightSum, sourceOf, transportSum } from './ip-context.ts'
import { formatNtp } from './ntp.ts'
import { hex, type Printer } from './printer.ts'

const DNS = 53
const DHCP_SERVER = 67
const DHCP_CLIENT = 68
const NTP = 123
const MULTICAST_DNS = 5353

function formatChecksum(p: Printer, at: number, length: number, ip: IpContext): undefined {
  // tcpdump looks at IPv4's only from -vv on; over IPv6 it is mandatory.
  if (ip.fragmented || p.options.verbose < (ip.version === 4 ? 2 : 1)) return
  const found = p.u16(at + 6)
  if (ip.version === 4 && found === 0) return p.put('[no cksum] ')
  if (!p.has(at, length)) return
  if (p.partialChecksum) return p.put('[udp sum offloaded] ')
  const sum = transportSum(p, ip, IpProtocol.UDP, at, at + length)
  p.put(sum === 0 ? '[udp sum ok] ' : `[bad udp cksum 0x${hex(found, 4)} -> 0x${hex(rightSum(found, sum), 4)}!] `)
}

/** Prints the datagram of `length` bytes at `at`. */
export function formatUdp(p: Printer, at: number, length: number, ip: IpContext): undefined {
  p.protocol = 'udp'
  if (!p.has(at, 4)) {
    if (ip.protocol === IpProtocol.UDP) p.put(`${sourceOf(p, ip)} > ${destinationOf(p, ip)}: `)
    return p.truncated()
  }
  const srcPort = p.u16(at)
  const dstPort = p.u16(at + 2)
  p.put(endpoints(p, ip, IpProtocol.UDP, p.port(srcPort, 'udp'), p.port(dstPort, 'udp')))
  if (length < UDP_HEADER_LEN) return p.put(`truncated-udp ${length}`)
  if (!p.has(at, 6)) return p.truncated()
  const ownLength = p.u16(at + 4)
  if (ownLength < UDP_HEADER_LEN) return p.put(`truncated-udplength ${ownLength}`)
  if (!p.has(at, UDP_HEADER_LEN)) return p.truncated()
  const claimed = ownLength - UDP_HEADER_LEN
  const payloadLen = Math.min(claimed, length - UDP_HEADER_LEN)
  formatChecksum(p, at, payloadLen + UDP_HEADER_LEN, ip)

  const payloadAt = at + UDP_HEADER_LEN
  const on = (port: number): boolean => srcPort === port || dstPort === port
  if (!p.options.quiet) {
    if (on(DNS)) return formatDns(p, payloadAt, payloadLen, { overTcp: false, multicast: false })
    if (on(DHCP_SERVER) || on(DHCP_CLIENT)) return formatDhcp(p, payloadAt, payloadLen)
    if (on(NTP)) return formatNtp(p, payloadAt, payloadLen)
    if (on(MULTICAST_DNS)) return formatDns(p, payloadAt, payloadLen, { overTcp: false, multicast: true })
  }
  const isShort = claimed > payloadLen && !ip.fragmented
  p.put(isShort ? `UDP, bad length ${claimed} > ${payloadLen}` : `UDP, length ${claimed}`)
}
