import { IpProtocol } from '../ipv4.ts'
import { IPV6_HEADER_LEN } from '../ipv6.ts'
import { hexdump } from './hexdump.ts'
import { formatNeighbourOptions, preferenceOf } from './icmpv6-options.ts'
import { type IpContext, rightSum, transportSum } from './ip-context.ts'
import { type BitNames, bitNames, hex, type Printer } from './printer.ts'

/** Values of the type field (RFC 4443 §2.1; RFC 4861 §4; RFC 2710 §3; RFC 3810 §5). */
const Type = {
  UNREACHABLE: 1,
  TOO_BIG: 2,
  TIME_EXCEEDED: 3,
  PARAMETER_PROBLEM: 4,
  ECHO_REQUEST: 128,
  ECHO_REPLY: 129,
  LISTENER_QUERY: 130,
  LISTENER_REPORT: 131,
  LISTENER_DONE: 132,
  ROUTER_SOLICITATION: 133,
  ROUTER_ADVERTISEMENT: 134,
  NEIGHBOR_SOLICITATION: 135,
  NEIGHBOR_ADVERTISEMENT: 136,
  REDIRECT: 137,
  LISTENER_REPORT_V2: 143,
} as const

const NAMES: Readonly<Record<number, string>> = {
  [Type.UNREACHABLE]: 'destination unreachable',
  [Type.TOO_BIG]: 'packet too big',
  [Type.TIME_EXCEEDED]: 'time exceeded in-transit',
  [Type.PARAMETER_PROBLEM]: 'parameter problem',
  [Type.ECHO_REQUEST]: 'echo request',
  [Type.ECHO_REPLY]: 'echo reply',
  [Type.LISTENER_QUERY]: 'multicast listener query',
  [Type.LISTENER_REPORT]: 'multicast listener report',
  [Type.LISTENER_DONE]: 'multicast listener done',
  [Type.ROUTER_SOLICITATION]: 'router solicitation',
  [Type.ROUTER_ADVERTISEMENT]: 'router advertisement',
  [Type.NEIGHBOR_SOLICITATION]: 'neighbor solicitation',
  [Type.NEIGHBOR_ADVERTISEMENT]: 'neighbor advertisement',
  [Type.REDIRECT]: 'redirect',
  [Type.LISTENER_REPORT_V2]: 'multicast listener report v2',
}
const SHOWS_LENGTH_EARLY: readonly number[] = [
  Type.ROUTER_SOLICITATION,
  Type.ROUTER_ADVERTISEMENT,
  Type.NEIGHBOR_SOLICITATION,
  Type.NEIGHBOR_ADVERTISEMENT,
  Type.REDIRECT,
]

const UNREACHABLE: Readonly<Record<number, string>> = {
  0: 'unreachable route',
  1: ' unreachable prohibited',
  2: 'beyond scope',
  3: 'unreachable address',
  4: 'unreachable port',
}
const PROBLEMS: readonly string[] = ['erroneous', 'next header', 'option', 'incomplete header chain']
const RECORD_TYPES: readonly string[] = ['', 'is_in', 'is_ex', 'to_in', 'to_ex', 'allow', 'block']
const ROUTER_FLAGS: BitNames = [
  [0x80, 'managed'],
  [0x40, 'other stateful'],
  [0x20, 'home agent'],
]
const ADVERTISEMENT_FLAGS: BitNames = [
  [0x80000000, 'router'],
  [0x40000000, 'solicited'],
  [0x20000000, 'override'],
]
const LISTENER_LEN = 24
const QUERY_V2_LEN = 28

/** Where the quoted packet stands, and its addresses. */
const QUOTE = 8
const QUOTE_SRC = QUOTE + 8
const QUOTE_DST = QUOTE + 24

function unreachable(p: Printer, at: number, code: number): undefined {
  p.put(`, ${UNREACHABLE[code] ?? `unknown unreach code (${code})`}`)
  const destination = p.ip6(at + QUOTE_DST)
  if (code === 2) p.put(` ${destination}, source address ${p.ip6(at + QUOTE_SRC)}`)
  else if (code < 4) p.put(` ${destination}`)
  else if (code === 4) {
    const protocol = p.u8(at + QUOTE + 6)
    const port = p.u16(at + QUOTE + IPV6_HEADER_LEN + 2)
    if (protocol === IpProtocol.TCP) p.put(`, ${destination} tcp port ${p.port(port, 'tcp')}`)
    else if (protocol === IpProtocol.UDP) p.put(`, ${destination} udp port ${p.port(port, 'udp')}`)
    else p.put(`, ${destination} protocol ${protocol} port ${port} unreachable`)
  }
}

function timeExceeded(p: Printer, at: number, code: number): undefined {
  if (code === 0) p.put(` for ${p.ip6(at + QUOTE_DST)}`)
  else p.put(code === 1 ? ' (reassembly)' : `, unknown code (${code})`)
}

function listener(p: Printer, at: number): undefined {
  if (!p.has(at, LISTENER_LEN)) return
  p.put(`max resp delay: ${p.u16(at + 4)} addr: ${p.ip6(at + 8)}`)
}

function listenerQuery(p: Printer, at: number, length: number): undefined {
  if (length === LISTENER_LEN) return listener(p, at)
  if (length < QUERY_V2_LEN) return p.put(` unknown-version (len ${length}) `)
  const code = p.u16(at + 4)
  p.put(' v2')
  if (p.options.verbose > 0) {
    p.put(` [max resp delay=${code < 32768 ? code : ((code & 0xfff) | 0x1000) << (((code >>> 12) & 7) + 3)}]`)
  }
  p.put(` [gaddr ${p.ip6(at + 8)}`)
  if (p.options.verbose > 0) {
    const flags = p.u8(at + 24)
    const interval = p.u8(at + 25)
    if (flags & 8) p.put(' sflag')
    if (flags & 7) p.put(` robustness=${flags & 7}`)
    p.put(` qqi=${interval < 128 ? interval : ((interval & 15) | 16) << (((interval >>> 4) & 7) + 3)}`)
  }
  const sources = p.u16(at + 26)
  if (sources > 0)
    p.put(length < QUERY_V2_LEN + 16 * sources ? ' [invalid number of sources]' : `, ${sources} source(s)`)
  p.put(']')
}

function listenerReport(p: Printer, at: number, length: number): undefined {
  if (length < 8) return p.put(` [invalid len ${length}]`)
  const count = p.u16(at + 6)
  p.put(`, ${count} group record(s)`)
  if (p.options.verbose === 0) return
  let group = 8
  for (let n = 0; n < count && !p.silent; n++) {
    if (length < group + 20) return p.put(' [invalid number of groups]')
    const type = p.u8(at + group)
    p.put(` [gaddr ${p.ip6(at + group + 4)} ${RECORD_TYPES[type] || ` [v2-report-#${type}]`}`)
    const sources = p.u16(at + group + 2)
    if (length < group + 20 + 16 * sources) return p.put(` [invalid number of sources ${sources}]`)
    if (p.options.verbose === 1) p.put(`, ${sources} source(s)`)
    else {
      p.put(' {')
      for (let i = 0; i < sources; i++) p.put(` ${p.ip6(at + group + 20 + 16 * i)}`)
      p.put(' }')
    }
    group += 20 + 16 * sources
    p.put(']')
  }
}

function routerAdvertisement(p: Printer, at: number): undefined {
  const flags = p.u8(at + 5)
  const names = bitNames(flags & 0xe0, ROUTER_FLAGS)
  p.put(`\n\thop limit ${p.u8(at + 4)}, Flags [${names}], pref ${preferenceOf(flags)}`)
  p.put(`, router lifetime ${p.u16(at + 6)}s, reachable time ${p.u32(at + 8)}ms, retrans timer ${p.u32(at + 12)}ms`)
}

function neighbourAdvertisement(p: Printer, at: number): undefined {
  p.put(`, Flags [${bitNames(p.u32(at + 4), ADVERTISEMENT_FLAGS)}]`)
}

/** Prints what the message says; false where its length is not to follow. */
function formatBody(p: Printer, at: number, length: number, type: number): boolean {
  const code = p.u8(at + 1)
  const isVerbose = p.options.verbose > 0
  const options = (from: number): undefined => {
    if (isVerbose) formatNeighbourOptions(p, at + from, at + length)
  }
  switch (type) {
    case Type.UNREACHABLE:
      unreachable(p, at, code)
      break
    case Type.TOO_BIG:
      p.put(`, mtu ${p.u32(at + 4)}`)
      break
    case Type.TIME_EXCEEDED:
      timeExceeded(p, at, code)
      break
    case Type.PARAMETER_PROBLEM:
      if (!p.has(at + QUOTE_DST, 16)) {
        p.truncated()
        return false
      }
      p.put(PROBLEMS[code] === undefined ? `, code-#${code}` : `, ${PROBLEMS[code]} - octet ${p.u32(at + 4)}`)
      break
    case Type.ECHO_REQUEST:
    case Type.ECHO_REPLY:
      p.put(`, id ${p.u16(at + 4)}, seq ${p.u16(at + 6)}`)
      break
    case Type.LISTENER_QUERY:
      listenerQuery(p, at, length)
      break
    case Type.LISTENER_REPORT:
    case Type.LISTENER_DONE:
      listener(p, at)
      break
    case Type.LISTENER_REPORT_V2:
      listenerReport(p, at, length)
      break
    case Type.ROUTER_SOLICITATION:
      options(8)
      break
    case Type.ROUTER_ADVERTISEMENT:
      if (isVerbose) routerAdvertisement(p, at)
      options(16)
      break
    case Type.NEIGHBOR_SOLICITATION:
      p.put(`, who has ${p.ip6(at + 8)}`)
      options(24)
      break
    case Type.NEIGHBOR_ADVERTISEMENT:
      p.put(`, tgt is ${p.ip6(at + 8)}`)
      if (isVerbose) neighbourAdvertisement(p, at)
      options(24)
      break
    case Type.REDIRECT:
      p.put(`, ${p.ip6(at + 24)} to ${p.ip6(at + 8)}`)
      options(40)
      break
    default:
      p.put(`, length ${length}`)
      if (p.options.verbose < 2) p.put(hexdump(p.bytes, at, Math.min(p.end, at + length), false))
      return false
  }
  return true
}

/** Prints the message of `length` bytes at `at`. */
export function formatIcmpv6(p: Printer, at: number, length: number, ip: IpContext): undefined {
  p.protocol = 'icmp6'
  if (length === 0) return p.put('ICMP6, length 0 (invalid)')
  const isVerbose = p.options.verbose > 0
  if (isVerbose && !ip.fragmented && p.has(at, length)) {
    const sum = transportSum(p, ip, IpProtocol.ICMPV6, at, at + length)
    const found = p.u16(at + 2)
    p.put(sum === 0 ? '[icmp6 sum ok] ' : `[bad icmp6 cksum 0x${hex(found, 4)} -> 0x${hex(rightSum(found, sum), 4)}!] `)
  }
  const type = p.u8(at)
  p.put(`ICMP6, ${NAMES[type] ?? `unknown icmp6 type (${type})`}`)
  if (isVerbose && SHOWS_LENGTH_EARLY.includes(type)) p.put(`, length ${length}`)
  if (formatBody(p, at, length, type) && !isVerbose) p.put(`, length ${length}`)
}
