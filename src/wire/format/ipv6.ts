import { IPV6_HEADER_LEN, Ipv6Extension } from '../ipv6.ts'
import type { FormatIp } from './ip-context.ts'
import { IP_PROTOCOL_NAMES } from './ip-protocols.ts'
import { hex, type Printer } from './printer.ts'
import { formatTransport, namesEndpoints } from './transport.ts'

const OPTION_PAD1 = 0
const OPTION_PADN = 1
const OPTION_ROUTER_ALERT = 5

/** The parenthesis of -v: every field of the header. */
function details(p: Printer, at: number, payloadLen: number): undefined {
  const first = p.u32(at)
  const trafficClass = (first >>> 20) & 0xff
  const next = p.u8(at + 6)
  p.put('(')
  if (trafficClass !== 0) p.put(`class 0x${hex(trafficClass, 2)}, `)
  if ((first & 0xfffff) !== 0) p.put(`flowlabel 0x${hex(first & 0xfffff, 5)}, `)
  p.put(
    `hlim ${p.u8(at + 7)}, next-header ${IP_PROTOCOL_NAMES[next] ?? 'unknown'} (${next}) payload length: ${payloadLen}) `,
  )
}

/** Prints the options of a hop-by-hop or destination header in [from, to); false when they are cut off. */
function options(p: Printer, from: number, to: number): boolean {
  const isVerbose = p.options.verbose > 0
  for (let at = from; at < to && !p.silent; ) {
    const type = p.u8(at)
    const length = type === OPTION_PAD1 ? 1 : at + 1 < to ? p.u8(at + 1) + 2 : 0
    if (length === 0 || at + length > to) return false
    if (isVerbose) {
      if (type === OPTION_PAD1) p.put('(pad1)')
      else if (type === OPTION_PADN) p.put('(padn)')
      else if (type === OPTION_ROUTER_ALERT && length === 4) p.put(`(rtalert: 0x${hex(p.u16(at + 2), 4)}) `)
      else p.put(`(opt_type 0x${hex(type, 2)}: len=${length - 2})`)
    }
    at += length
  }
  if (isVerbose) p.put(' ')
  return true
}

/** Prints a header of options; returns its length, 0 when it is cut off. */
function optionHeader(p: Printer, at: number, name: string, shown: boolean): number {
  p.protocol = name === 'HBH ' ? 'hbhopt' : 'dstopt'
  const length = (p.u8(at + 1) + 1) * 8
  if (!p.has(at, length)) {
    p.truncated()
    return 0
  }
  p.put(name)
  if (shown && !options(p, at + 2, at + length)) {
    p.truncated()
    return 0
  }
  return length
}

/** Prints a fragment header; returns its length, 0 when no transport header follows (RFC 8200 §4.5). */
function fragmentHeader(p: Printer, at: number, packetAt: number): number {
  p.protocol = 'frag6'
  const offset = p.u16(at + 2) & 0xfff8
  const size = IPV6_HEADER_LEN + p.u16(packetAt + 4) - (at - packetAt) - 8
  p.put(p.options.verbose > 0 ? `frag (0x${hex(p.u32(at + 4), 8)}:${offset}|${size})` : `frag (${offset}|${size})`)
  if (offset !== 0) return 0
  p.put(' ')
  return 8
}

/** Prints a routing header; returns its length, 0 when its type is unknown. */
function routingHeader(p: Printer, at: number): number {
  p.protocol = 'rt6'
  const units = p.u8(at + 1)
  const type = p.u8(at + 2)
  p.put(`RT6 (len=${units}, type=${type}${type === 0 ? ' [Deprecated]' : ''}, segleft=${p.u8(at + 3)}`)
  if (type !== 0 && type !== 2) {
    p.put(' (unknown type) (invalid)')
    return 0
  }
  if (p.u32(at + 4) !== 0 || p.options.verbose > 0) p.put(`, rsv=0x${hex(p.u32(at + 4))}`)
  for (let i = 0; i < units >>> 1; i++) p.put(`, [${i}]${p.ip6(at + 8 + 16 * i)}`)
  p.put(') ')
  return (units + 1) * 8
}

/** Prints the packet at `at`, of which the frame holds `length` bytes; packets within by `formatIp`. */
export function formatIpv6(p: Printer, at: number, length: number, formatIp: FormatIp): undefined {
  p.protocol = 'ip6'
  if (!p.has(at, IPV6_HEADER_LEN)) return p.truncated()
  if (length < IPV6_HEADER_LEN) return p.put(`truncated-ip6 ${length}`)
  if (!p.options.link) p.put('IP6 ')
  const version = p.u8(at) >>> 4
  if (version !== 6) return p.put(`version error: ${version} != 6`)
  const payloadLen = p.u16(at + 4)
  const missing = payloadLen + IPV6_HEADER_LEN - length
  if (missing > 0) p.put(`truncated-ip6 - ${missing} bytes missing!`)
  if (p.options.verbose > 0) details(p, at, payloadLen)

  const outer = p.narrow(at, payloadLen + IPV6_HEADER_LEN)
  const first = p.u8(at + 6)
  if (!namesEndpoints(first)) p.put(`${p.ip6(at + 8)} > ${p.ip6(at + 24)}: `)
  extensions(p, at, first, payloadLen, formatIp)
  p.end = outer
}

/** Walks the extension headers to the transport header (RFC 8200 §4). */
function extensions(p: Printer, at: number, first: number, payloadLen: number, formatIp: FormatIp): undefined {
  const end = at + IPV6_HEADER_LEN + payloadLen
  let next = first
  let fragmented = false
  for (let i = at + IPV6_HEADER_LEN; i <= end && !p.silent; ) {
    let length = 0
    switch (next) {
      case Ipv6Extension.HOP_BY_HOP:
        length = optionHeader(p, i, 'HBH ', true)
        break
      case Ipv6Extension.DESTINATION:
        length = optionHeader(p, i, 'DSTOPT ', p.options.verbose > 0)
        break
      case Ipv6Extension.ROUTING:
        length = routingHeader(p, i)
        break
      case Ipv6Extension.FRAGMENT:
        length = fragmentHeader(p, i, at)
        fragmented = true
        break
      default:
        return formatTransport(p, i, end - i, next, { version: 6, at, protocol: first, fragmented }, formatIp)
    }
    if (length === 0) return
    next = p.u8(i)
    i += length
  }
  if (!p.silent) p.truncated()
}
