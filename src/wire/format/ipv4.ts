import { checksum } from '../../base/checksum.ts'
import { IPV4_HEADER_LEN } from '../ipv4.ts'
import { type FormatIp, rightSum } from './ip-context.ts'
import { IP_PROTOCOL_NAMES } from './ip-protocols.ts'
import { formatIpv4Options } from './ipv4-options.ts'
import { type BitNames, bitNames, hex, type Printer } from './printer.ts'
import { formatTransport, namesEndpoints } from './transport.ts'

const FLAG_NAMES: BitNames = [
  [0x2000, '+'],
  [0x4000, 'DF'],
  [0x8000, 'rsvd'],
]
const MORE_FRAGMENTS = 0x2000
const OFFSET_MASK = 0x1fff
const ECN: readonly string[] = ['', ',ECT(1)', ',ECT(0)', ',CE']

/** The parenthesis of -v: every field of the header; false when the capture ends within the options. */
function details(p: Printer, at: number, headerLen: number): boolean {
  const tos = p.u8(at + 1)
  const ttl = p.u8(at + 8)
  const flags = p.u16(at + 6)
  const protocol = p.u8(at + 9)
  p.put(`(tos 0x${hex(tos)}${ECN[tos & 3]}${ttl > 0 ? `, ttl ${ttl}` : ''}, id ${p.u16(at + 4)}`)
  p.put(`, offset ${(flags & OFFSET_MASK) * 8}, flags [${bitNames(flags & 0xe000, FLAG_NAMES)}]`)
  p.put(`, proto ${IP_PROTOCOL_NAMES[protocol] ?? 'unknown'} (${protocol}), length ${p.u16(at + 2)}`)
  let isWhole = true
  if (headerLen > IPV4_HEADER_LEN) {
    p.put(', options (')
    isWhole = formatIpv4Options(p, at + IPV4_HEADER_LEN, at + headerLen)
    p.put(')')
  }
  if (p.has(at, headerLen)) {
    const sum = checksum(p.bytes, at, at + headerLen)
    const found = p.u16(at + 10)
    if (sum !== 0) p.put(`, bad cksum ${hex(found)} (->${hex(rightSum(found, sum))})!`)
  }
  p.put(')\n    ')
  return isWhole
}

/** Prints the packet at `at`, of which the frame holds `length` bytes; packets within by `formatIp`. */
export function formatIpv4(p: Printer, at: number, length: number, formatIp: FormatIp): undefined {
  p.protocol = 'ip'
  const version = p.u8(at) >>> 4
  if (version !== 4) {
    p.put(version === 6 ? 'IP6, wrong link-layer encapsulation' : `IP${version}`)
    return p.invalid()
  }
  if (!p.options.link) p.put('IP ')
  if (!p.has(at, IPV4_HEADER_LEN)) return p.truncated()
  if (length < IPV4_HEADER_LEN) return p.put(`truncated-ip ${length}`)
  const headerLen = (p.u8(at) & 15) << 2
  if (headerLen < IPV4_HEADER_LEN) return p.put(`bad-hlen ${headerLen}`)
  const written = p.u16(at + 2)
  if (length < written) p.put(`truncated-ip - ${written - length} bytes missing! `)
  if (written < headerLen) return p.put(`bad-len ${written}`)
  const outer = p.narrow(at, written)
  if (p.options.verbose === 0 || details(p, at, headerLen)) formatPayload(p, at, headerLen, written, formatIp)
  else {
    p.put(`${addressesOf(p, at)} `)
    p.truncated()
  }
  p.end = outer
}

const addressesOf = (p: Printer, at: number): string => `${p.ip4(at + 12)} > ${p.ip4(at + 16)}:`

/** What the packet carries; of a later fragment only the protocol is known. */
function formatPayload(p: Printer, at: number, headerLen: number, totalLen: number, formatIp: FormatIp): undefined {
  const fragment = p.u16(at + 6)
  const protocol = p.u8(at + 9)
  if ((fragment & OFFSET_MASK) !== 0) return p.put(`${addressesOf(p, at)} ip-proto-${protocol}`)
  if (!namesEndpoints(protocol)) p.put(`${addressesOf(p, at)} `)
  if (!p.has(at, headerLen)) {
    p.put(` [remaining caplen(${p.end - at}) < header length(${headerLen})]`)
    return p.truncated()
  }
  const context = { version: 4, at, protocol, fragmented: (fragment & MORE_FRAGMENTS) !== 0 } as const
  formatTransport(p, at + headerLen, totalLen - headerLen, protocol, context, formatIp)
}
