import { formatName, skipName } from './dns-name.ts'
import { DNS_CLASSES, DNS_OPCODES, DNS_RESPONSES, DNS_TYPES } from './dns-names.ts'
import { formatRecordData } from './dns-record.ts'
import { hex, type Printer } from './printer.ts'

//  0  1  2  3  4  5  6  7  8  9  0  1  2  3  4  5
// +-----------------------------------------------+
// |                       ID                      |
// |QR|  Opcode   |AA|TC|RD|RA| Z|AD|CD|   RCODE   |
// |  QDCOUNT, ANCOUNT, NSCOUNT, ARCOUNT           |
// +-----------------------------------------------+  RFC 1035 §4.1.1, RFC 4035 §3
const HEADER_LEN = 12
const FLAG_RESPONSE = 0x8000
const FLAG_AUTHORITATIVE = 0x0400
const FLAG_TRUNCATED = 0x0200
const FLAG_RECURSION_DESIRED = 0x0100
const FLAG_RECURSION_AVAILABLE = 0x0080
const FLAG_AUTHENTIC = 0x0020
const FLAG_CHECKING_DISABLED = 0x0010
const ODD_IN_QUERY = 0x06cf
const OPCODE_INVERSE = 1
const TYPE_OPT = 41
const CLASS_IN = 1
/** Multicast DNS: wants a unicast answer, or asks caches to forget the rest (RFC 6762 §5.4, §10.2). */
const TOP_BIT = 0x8000

export interface DnsTransport {
  /** The message follows its own two-byte length (RFC 1035 §4.2.2). */
  readonly overTcp: boolean
  readonly multicast: boolean
}

const className = (value: number): string => (value === CLASS_IN ? '' : ` ${DNS_CLASSES[value] ?? `(Class ${value})`}`)
const typeName = (value: number): string => DNS_TYPES[value] ?? `Type${value}`

/** The high bits of the response code stand in an OPT record (RFC 6891 §6.1.3); 0 without one. */
function extendedCode(p: Printer, at: number, counts: readonly number[]): number {
  let i = at + HEADER_LEN
  for (let n = 0; n < counts[0]!; n++) {
    i = skipName(p, i)
    if (i < 0 || (i += 4) >= p.end) return 0
  }
  const plain = counts[1]! + counts[2]!
  for (let n = 0; n < plain + counts[3]!; n++) {
    i = skipName(p, i)
    if (i < 0 || !p.has(i, 10)) return 0
    if (n >= plain && p.view.getUint16(i) === TYPE_OPT) return p.view.getUint8(i + 4) << 4
    i += 10 + p.view.getUint16(i + 8)
    if (i >= p.end) return 0
  }
  return 0
}

/** Prints a question; returns where the next entry stands, -1 when it is broken. */
function question(p: Printer, at: number, message: number, multicast: boolean): number {
  const typeAt = skipName(p, at)
  if (typeAt < 0 || !p.has(typeAt, 4)) return -1
  const value = p.u16(typeAt + 2)
  p.put(` ${typeName(p.u16(typeAt))}${className(multicast ? value & ~TOP_BIT : value)}`)
  if (multicast) p.put(value & TOP_BIT ? ' (QU)' : ' (QM)')
  p.put('? ')
  const end = formatName(p, at, message)
  return end < 0 ? -1 : end + 4
}

/** Prints a record; returns where the next entry stands, -1 when it is broken. */
function record(p: Printer, at: number, message: number, multicast: boolean): number {
  if (p.options.verbose > 0) p.put(' ')
  const typeAt = p.options.verbose > 0 ? formatName(p, at, message) : skipName(p, at)
  if (typeAt < 0 && p.options.verbose > 0) return -1
  if (typeAt < 0 || !p.has(typeAt, 10)) return p.end
  const type = p.u16(typeAt)
  const rawClass = p.u16(typeAt + 2)
  const value = multicast ? rawClass & ~TOP_BIT : rawClass
  if (type !== TYPE_OPT) p.put(className(value))
  if (multicast && rawClass & TOP_BIT) p.put(' (Cache flush)')
  if (type !== TYPE_OPT && p.options.verbose > 2) p.put(` [${spanOf(p.u32(typeAt + 4))}]`)
  const dataAt = typeAt + 10
  const end = dataAt + p.u16(typeAt + 8)
  p.put(` ${typeName(type)}`)
  if (end > p.end) return -1
  if (type === TYPE_OPT) p.put(` UDPsize=${value}${p.u16(typeAt + 6) & TOP_BIT ? ' DO' : ''}`)
  return formatRecordData(p, { type, at: dataAt, end, message }) ? end : -1
}

/** 1y1w1d1h1m1s, leaving out what is zero. */
export function spanOf(seconds: number): string {
  const units: readonly [string, number][] = [
    ['y', 31536000],
    ['w', 604800],
    ['d', 86400],
    ['h', 3600],
    ['m', 60],
    ['s', 1],
  ]
  let rest = seconds
  let out = ''
  for (const [name, size] of units) {
    if (rest >= size) out += `${Math.floor(rest / size)}${name}`
    rest %= size
  }
  return out === '' ? '0s' : out
}

/** Prints `count` records from `at`, separated by commas; -1 when they are broken or fewer. */
function section(p: Printer, at: number, message: number, count: number, title: string, multicast: boolean): number {
  let next = at
  for (let n = 0; n < count; n++) {
    if (n > 0 && next >= p.end) return -1
    p.put(n > 0 ? ',' : title)
    next = record(p, next, message, multicast)
    if (next < 0) return -1
  }
  return next
}

/** The authority and additional sections, shown with -vv. */
function lesserSections(
  p: Printer,
  at: number,
  message: number,
  counts: readonly number[],
  multicast: boolean,
): boolean {
  let next = at
  for (const [index, title] of [
    [2, ' ns:'],
    [3, ' ar:'],
  ] as const) {
    if (counts[index]! > 0 && next >= p.end) return false
    next = section(p, next, message, counts[index]!, title, multicast)
    if (next < 0) return false
  }
  return true
}

function response(p: Printer, at: number, flags: number, counts: readonly number[], multicast: boolean): boolean {
  const code = (flags & 15) | extendedCode(p, at, counts)
  const marks =
    (flags & FLAG_AUTHORITATIVE ? '*' : '') +
    (flags & FLAG_RECURSION_AVAILABLE ? '' : '-') +
    (flags & FLAG_TRUNCATED ? '|' : '') +
    (flags & FLAG_AUTHENTIC ? '$' : '')
  p.put(`${p.u16(at)}${DNS_OPCODES[(flags >>> 11) & 15]}${DNS_RESPONSES[code] ?? ` Resp${code}`}${marks}`)
  if (counts[0] !== 1) p.put(` [${counts[0]}q]`)
  let next = at + HEADER_LEN
  for (let n = 0; n < counts[0]!; n++) {
    if (n > 0) p.put(',')
    if (p.options.verbose > 1) {
      p.put(' q:')
      next = question(p, next, at, multicast)
    } else {
      next = skipName(p, next)
      if (next >= 0) next += 4
    }
    if (next < 0) return false
  }
  p.put(` ${counts[1]}/${counts[2]}/${counts[3]}`)
  next = section(p, next, at, counts[1]!, '', multicast)
  if (next < 0) return false
  return p.options.verbose < 2 || lesserSections(p, next, at, counts, multicast)
}

function query(p: Printer, at: number, flags: number, counts: readonly number[], multicast: boolean): boolean {
  const opcode = (flags >>> 11) & 15
  const marks = (flags & FLAG_RECURSION_DESIRED ? '+' : '') + (flags & FLAG_CHECKING_DISABLED ? '%' : '')
  p.put(`${p.u16(at)}${DNS_OPCODES[opcode]}${marks}`)
  if (flags & ODD_IN_QUERY) p.put(` [b2&3=0x${hex(flags)}]`)
  const questions = (usual: number): string => (counts[0] === usual ? '' : ` [${counts[0]}q]`)
  const answers = (usual: number): string => (counts[1] === usual ? '' : ` [${counts[1]}a]`)
  p.put(opcode === OPCODE_INVERSE ? questions(0) + answers(1) : answers(0) + questions(1))
  if (counts[2]! > 0) p.put(` [${counts[2]}n]`)
  if (counts[3]! > 0) p.put(` [${counts[3]}au]`)
  let next = at + HEADER_LEN
  for (let n = 0; n < counts[0]!; n++) {
    if (n > 0 && next >= p.end) return false
    next = question(p, next, at, multicast)
    if (next < 0) return false
  }
  if (p.options.verbose < 2) return true
  next = section(p, next, at, counts[1]!, '', multicast)
  return next >= 0 && lesserSections(p, next, at, counts, multicast)
}

/** Prints the message of `length` bytes at `at`. */
export function formatDns(p: Printer, at: number, length: number, transport: DnsTransport): undefined {
  p.protocol = 'domain'
  let message = at
  let messageLen = length
  if (transport.overTcp) {
    if (length < 2) return p.put(` [DNS over TCP: length ${length} < 2] (invalid)`)
    message += 2
    messageLen -= 2
    const prefix = p.u16(at)
    if (prefix !== messageLen) return p.put(` [prefix length(${prefix}) != length(${messageLen})] (invalid)`)
    p.put(' ')
  }
  if (messageLen < HEADER_LEN) return p.put(`domain [length ${messageLen} < ${HEADER_LEN}] (invalid)`)
  if (!p.has(message, HEADER_LEN)) return p.truncated()
  const flags = p.u16(message + 2)
  const counts = [4, 6, 8, 10].map((offset) => p.u16(message + offset))
  const print = flags & FLAG_RESPONSE ? response : query
  if (!print(p, message, flags, counts, transport.multicast)) return p.truncated()
  p.put(` (${messageLen})`)
}
