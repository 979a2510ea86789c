import { checksum } from '../../base/checksum.ts'
import { IcmpCode, IcmpType, isIcmpError } from '../icmp.ts'
import { IpProtocol } from '../ipv4.ts'
import { type FormatIp, type IpContext, rightSum } from './ip-context.ts'
import { hex, type Printer } from './printer.ts'

/** Where the quoted packet stands, and its fields. */
const QUOTE = 8
const QUOTE_PROTOCOL = QUOTE + 9
const QUOTE_DST = QUOTE + 16

const SIMPLE: Readonly<Record<number, string>> = {
  [IcmpType.SOURCE_QUENCH]: 'source quench',
  [IcmpType.ROUTER_SOLICITATION]: 'router solicitation',
  [IcmpType.INFO_REQUEST]: 'information request',
  [IcmpType.INFO_REPLY]: 'information reply',
  [IcmpType.MASK_REQUEST]: 'address mask request',
}

/** Texts of unreachable codes around the address of the destination. */
const UNREACHABLE: Readonly<Record<number, readonly [string, string]>> = {
  [IcmpCode.NET_UNREACHABLE]: ['net ', ' unreachable'],
  [IcmpCode.HOST_UNREACHABLE]: ['host ', ' unreachable'],
  [IcmpCode.SOURCE_ROUTE_FAILED]: ['', ' unreachable - source route failed'],
  [IcmpCode.NET_UNKNOWN]: ['net ', ' unreachable - unknown'],
  [IcmpCode.HOST_UNKNOWN]: ['host ', ' unreachable - unknown'],
  [IcmpCode.HOST_ISOLATED]: ['', ' unreachable - source host isolated'],
  [IcmpCode.NET_PROHIBITED]: ['net ', ' unreachable - admin prohibited'],
  [IcmpCode.HOST_PROHIBITED]: ['host ', ' unreachable - admin prohibited'],
  [IcmpCode.NET_UNREACHABLE_FOR_TOS]: ['net ', ' unreachable - tos prohibited'],
  [IcmpCode.HOST_UNREACHABLE_FOR_TOS]: ['host ', ' unreachable - tos prohibited'],
  [IcmpCode.ADMIN_PROHIBITED]: ['host ', ' unreachable - admin prohibited filter'],
  [IcmpCode.PRECEDENCE_VIOLATION]: ['host ', ' unreachable - host precedence violation'],
  [IcmpCode.PRECEDENCE_CUTOFF]: ['host ', ' unreachable - precedence cutoff'],
}

const REDIRECTS: readonly (readonly [string, string])[] = [
  ['redirect', 'net'],
  ['redirect', 'host'],
  ['redirect-tos', 'net'],
  ['redirect-tos', 'host'],
]

function unreachable(p: Printer, at: number, code: number): string {
  const destination = p.ip4(at + QUOTE_DST)
  switch (code) {
    case IcmpCode.PROTOCOL_UNREACHABLE:
      return `${destination} protocol ${p.u8(at + QUOTE_PROTOCOL)} unreachable`
    case IcmpCode.PORT_UNREACHABLE: {
      const protocol = p.u8(at + QUOTE_PROTOCOL)
      const port = p.u16(at + QUOTE + ((p.u8(at + QUOTE) & 15) << 2) + 2)
      if (protocol === IpProtocol.TCP) return `${destination} tcp port ${p.port(port, 'tcp')} unreachable`
      if (protocol === IpProtocol.UDP) return `${destination} udp port ${p.port(port, 'udp')} unreachable`
      return `${destination} protocol ${protocol} port ${port} unreachable`
    }
    case IcmpCode.FRAGMENTATION_NEEDED: {
      const mtu = p.u16(at + 6)
      return `${destination} unreachable - need to frag${mtu === 0 ? '' : ` (mtu ${mtu})`}`
    }
    default: {
      const around = UNREACHABLE[code]
      return around === undefined ? `${destination} unreachable - #${code}` : around[0] + destination + around[1]
    }
  }
}

function redirect(p: Printer, at: number, code: number): string {
  const words = REDIRECTS[code]
  const destination = p.ip4(at + QUOTE_DST)
  const gateway = p.ip4(at + 4)
  return words === undefined
    ? `redirect-#${code} ${destination} to ${gateway}`
    : `${words[0]} ${destination} to ${words[1]} ${gateway}`
}

/** Milliseconds since midnight as hh:mm:ss.mmm. */
function timeOfDay(ms: number): string {
  const two = (n: number): string => String(n).padStart(2, '0')
  const s = Math.floor(ms / 1000)
  return `${two(Math.floor(s / 3600))}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}.${String(ms % 1000).padStart(3, '0')}`
}

function routerAdvertisement(p: Printer, at: number): string {
  const lifetime = p.u16(at + 6)
  const two = (n: number): string => String(n).padStart(2, '0')
  const m = Math.floor(lifetime / 60)
  const minutes =
    lifetime < 3600 ? `${m}:${two(lifetime % 60)}` : `${Math.floor(m / 60)}:${two(m % 60)}:${two(lifetime % 60)}`
  const count = p.u8(at + 4)
  let out = `router advertisement lifetime ${lifetime < 60 ? lifetime : minutes} ${count}:`
  const size = p.u8(at + 5)
  if (size !== 2) return `${out} [size ${size}]`
  for (let i = 0; i < count; i++) out += ` {${p.ip4(at + 8 + 8 * i)} ${p.u32(at + 12 + 8 * i)}}`
  return out
}

function meaning(p: Printer, at: number, type: number, code: number): string {
  switch (type) {
    case IcmpType.ECHO_REQUEST:
    case IcmpType.ECHO_REPLY:
      return `echo ${type === IcmpType.ECHO_REQUEST ? 'request' : 'reply'}, id ${p.u16(at + 4)}, seq ${p.u16(at + 6)}`
    case IcmpType.UNREACHABLE:
      return unreachable(p, at, code)
    case IcmpType.REDIRECT:
      return redirect(p, at, code)
    case IcmpType.ROUTER_ADVERTISEMENT:
      return routerAdvertisement(p, at)
    case IcmpType.TIME_EXCEEDED:
      p.u32(at + QUOTE_DST)
      if (code === IcmpCode.TTL_EXCEEDED) return 'time exceeded in-transit'
      return code === IcmpCode.REASSEMBLY_TIMEOUT ? 'ip reassembly time exceeded' : `time exceeded-#${code}`
    case IcmpType.PARAMETER_PROBLEM:
      return code === 0 ? `parameter problem - octet ${p.u8(at + 4)}` : `parameter problem - code ${code}`
    case IcmpType.MASK_REPLY:
      return `address mask is 0x${hex(p.u32(at + 8), 8)}`
    case IcmpType.TIMESTAMP:
      return `time stamp query id ${p.u16(at + 4)} seq ${p.u16(at + 6)}`
    case IcmpType.TIMESTAMP_REPLY: {
      const [org, recv, xmit] = [8, 12, 16].map((offset) => timeOfDay(p.u32(at + offset)))
      return `time stamp reply id ${p.u16(at + 4)} seq ${p.u16(at + 6)}: org ${org}, recv ${recv}, xmit ${xmit}`
    }
    default:
      return SIMPLE[type] ?? `type-#${type}`
  }
}

/** Prints the message of `length` bytes at `at`; with -v also the packet an error quotes, by `formatIp`. */
export function formatIcmp(p: Printer, at: number, length: number, ip: IpContext, formatIp: FormatIp): undefined {
  p.protocol = 'icmp'
  const type = p.u8(at)
  const code = p.u8(at + 1)
  p.put(`ICMP ${meaning(p, at, type, code)}, length ${length}`)
  if (p.options.verbose === 0 || p.silent) return
  if (!ip.fragmented && p.has(at, length)) {
    const sum = checksum(p.bytes, at, at + length)
    const found = p.u16(at + 2)
    if (sum !== 0) p.put(` (wrong icmp cksum ${hex(found)} (->${hex(rightSum(found, sum))})!)`)
  }
  if (!isIcmpError(type)) return
  p.put('\n\t')
  const quotedLen = p.u16(at + QUOTE + 2)
  const outer = p.narrow(at + QUOTE, quotedLen)
  formatIp(p, at + QUOTE, quotedLen, 4)
  p.end = outer
}
