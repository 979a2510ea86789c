import type { Ipv4Addr } from '../../src/base/address.ts'
import { addSum, finishSum, pseudoSum } from '../../src/base/checksum.ts'
import { seq } from '../../src/base/seq.ts'
import { ICMP_HEADER_LEN, IcmpHeader, writeIcmpChecksum } from '../../src/wire/icmp.ts'
import { IPV4_HEADER_LEN, IpProtocol, Ipv4Header } from '../../src/wire/ipv4.ts'
import { TCP_CHECKSUM_OFFSET, TcpFlag, TcpHeader } from '../../src/wire/tcp.ts'
import { TcpOptions } from '../../src/wire/tcp-options.ts'

// Segments in packetdrill's notation: `P. 1:1001(1000) ack 1 win 65535 <sack 2001:3001,TS val 100 ecr 5>`.
// Sequence numbers count from each side's ISN: its SYN is 0, its first octet of data 1.

const LETTERS: readonly (readonly [string, number])[] = [
  ['S', TcpFlag.SYN],
  ['F', TcpFlag.FIN],
  ['R', TcpFlag.RST],
  ['P', TcpFlag.PSH],
  ['U', TcpFlag.URG],
  ['.', TcpFlag.ACK],
  ['E', TcpFlag.ECE],
  ['W', TcpFlag.CWR],
]

/** In the order of the codepoints of RFC 3168 §5. */
const ECN_NAMES = ['noecn', 'ect1', 'ect0', 'ce'] as const
type EcnName = (typeof ECN_NAMES)[number]

/** One segment as a script says or sees it. */
export interface Notation {
  /** The congestion mark of the packet; undefined: none, or the script does not care. */
  ecn?: EcnName | undefined
  flags: string
  seq: number
  length: number
  ack: number | undefined
  window: number | undefined
  /** The urgent pointer, where URG is set. */
  urgent?: number | undefined
  /** Undefined: the script does not care. */
  options: OptionNotation | undefined
}

export interface OptionNotation {
  mss?: number
  /** The user timeout, its 16 bits (RFC 5482 §2). */
  uto?: number
  wscale?: number
  sackOK?: boolean
  /** Undefined fields are not compared. */
  ts?: { val: number | undefined; ecr: number | undefined }
  sack?: (readonly [number, number])[]
  /** The Fast Open cookie in hexadecimal, empty for a request, in the option of RFC 7413 or in the older one. */
  FO?: string
  FOEXP?: string
}

const SEGMENT =
  /^(?:\[(noecn|ect0|ect1|ce)\] )?([SFRPUEW.]+) (-?\d+):(-?\d+)\((\d+)\)(?: ack (-?\d+))?(?: win (\d+))?(?: urg (\d+))?(?: <(.*)>)?$/

export function parseSegment(text: string): Notation {
  const match = SEGMENT.exec(text)
  if (match === null) throw new Error(`Not a segment: ${text}`)
  const [, ecn, flags = '', from, to, length, ack, window, urgent, options] = match
  if (Number(to) - Number(from) !== Number(length)) throw new Error(`Length and range differ: ${text}`)
  const number = (value: string | undefined): number | undefined => (value === undefined ? undefined : Number(value))
  return {
    ecn: ecn as EcnName | undefined,
    flags,
    seq: Number(from),
    length: Number(length),
    ack: number(ack),
    window: number(window),
    urgent: number(urgent),
    options: options === undefined ? undefined : parseOptions(options),
  }
}

function parseOptions(text: string): OptionNotation {
  const options: OptionNotation = {}
  for (const option of text.split(',')) {
    const [name, ...args] = option.trim().split(' ')
    if (name === 'mss') options.mss = Number(args[0])
    else if (name === 'uto') options.uto = Number(args[0])
    else if (name === 'wscale') options.wscale = Number(args[0])
    else if (name === 'sackOK') options.sackOK = true
    else if (name === 'TS') options.ts = { val: named(args, 'val'), ecr: named(args, 'ecr') }
    else if (name === 'sack') options.sack = args.map((block) => block.split(':').map(Number) as [number, number])
    else if (name === 'FO' || name === 'FOEXP') options[name] = args[0] ?? ''
    else if (name !== 'nop' && name !== '') throw new Error(`Not an option: ${option}`)
  }
  return options
}

function named(args: readonly string[], name: string): number | undefined {
  const at = args.indexOf(name)
  return at < 0 ? undefined : Number(args[at + 1])
}

const flagsOf = (letters: string): number =>
  LETTERS.reduce((flags, [letter, bit]) => (letters.includes(letter) ? flags | bit : flags), 0)

/** Where one side of a conversation is. */
export interface End {
  readonly addr: number
  readonly port: number
  readonly iss: number
}

/** The octet that stands at a relative sequence number, in both directions. */
export const octetAt = (position: number): number => (Math.imul(position, 0x9e3779b1) >>> 24) & 255

export function patternOf(from: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  for (let i = 0; i < length; i++) bytes[i] = octetAt(from + i)
  return bytes
}

/** The IP packet that carries a segment from one end to the other, its checksums right. */
export function encode(segment: Notation, from: End, to: End): Uint8Array {
  const options = new TcpOptions()
  const { options: asked = {} } = segment
  options.mss = asked.mss ?? 0
  options.windowScale = asked.wscale ?? -1
  options.userTimeout = asked.uto ?? -1
  options.sackPermitted = asked.sackOK ?? false
  if (asked.ts !== undefined) {
    options.timestamps = true
    options.tsval = asked.ts.val ?? 0
    options.tsecr = asked.ts.ecr ?? 0
  }
  for (const [left, right] of asked.sack ?? []) {
    options.sack[2 * options.sackCount] = seq(to.iss + left)
    options.sack[2 * options.sackCount + 1] = seq(to.iss + right)
    options.sackCount++
  }
  const cookie = asked.FO ?? asked.FOEXP
  if (cookie !== undefined) {
    options.cookie = Buffer.from(cookie, 'hex')
    options.cookieIsExperimental = asked.FOEXP !== undefined
  }
  const header = new TcpHeader()
  header.srcPort = from.port
  header.dstPort = to.port
  header.seq = seq(from.iss + segment.seq)
  header.ack = seq(segment.ack === undefined ? 0 : to.iss + segment.ack)
  header.flags = flagsOf(segment.flags)
  header.window = segment.window ?? 65_535
  header.urgent = segment.urgent ?? 0
  header.headerLen = 20 + options.length()
  const length = header.headerLen + segment.length
  const bytes = new Uint8Array(IPV4_HEADER_LEN + length)
  const view = new DataView(bytes.buffer)
  const ip = Object.assign(new Ipv4Header(), { ttl: 64, protocol: IpProtocol.TCP, src: from.addr, dst: to.addr })
  ip.totalLen = bytes.length
  ip.tos = ECN_NAMES.indexOf(segment.ecn ?? 'noecn')
  const at = ip.write(view, 0)
  options.write(view, header.write(view, at))
  bytes.set(patternOf(segment.seq + (segment.flags.includes('S') ? 1 : 0), segment.length), at + header.headerLen)
  writeTcpChecksum(bytes)
  return bytes
}

/** Sums a TCP packet without IP options, whatever its checksum field held. */
export function writeTcpChecksum(bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset)
  view.setUint16(IPV4_HEADER_LEN + TCP_CHECKSUM_OFFSET, 0)
  const pseudo = pseudoSum(view.getUint32(12), view.getUint32(16), IpProtocol.TCP, bytes.length - IPV4_HEADER_LEN)
  const sum = finishSum(addSum(pseudo, bytes, IPV4_HEADER_LEN, bytes.length))
  view.setUint16(IPV4_HEADER_LEN + TCP_CHECKSUM_OFFSET, sum)
}

/** An ICMP error about the packet `quoted`, of which it holds the IP header and eight octets. */
export function encodeIcmpError(
  src: Ipv4Addr,
  dst: Ipv4Addr,
  fields: { readonly type: number; readonly code: number; readonly mtu: number },
  quoted: Uint8Array,
): Uint8Array {
  const message = Object.assign(new IcmpHeader(), fields)
  const bytes = new Uint8Array(IPV4_HEADER_LEN + ICMP_HEADER_LEN + 28)
  const view = new DataView(bytes.buffer)
  const ip = Object.assign(new Ipv4Header(), { ttl: 64, protocol: IpProtocol.ICMP, src, dst, totalLen: bytes.length })
  bytes.set(quoted.subarray(0, 28), message.write(view, ip.write(view, 0)))
  writeIcmpChecksum(bytes, IPV4_HEADER_LEN, bytes.length)
  return bytes
}

/** A segment of the stack that a script looks at. */
export interface SeenSegment extends Notation {
  readonly options: OptionNotation
  readonly srcPort: number
  readonly dstPort: number
  /** The sequence number as it was on the wire. */
  readonly rawSeq: number
  readonly rawAck: number
  readonly bytes: Uint8Array
  readonly payload: Uint8Array
}

/** Reads a packet of `from`; undefined when it is not TCP. `from.iss` and `to.iss` make its numbers relative. */
export function decode(bytes: Uint8Array, from: End, to: End): SeenSegment | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const ip = new Ipv4Header()
  if (ip.parse(view, 0, bytes.length) !== undefined || ip.protocol !== IpProtocol.TCP) return undefined
  const header = new TcpHeader()
  if (header.parse(view, ip.payloadAt, ip.end) !== undefined) return undefined
  const parsed = new TcpOptions()
  parsed.parse(view, header.optionsAt, header.payloadAt)
  const options: OptionNotation = {}
  if (parsed.mss > 0) options.mss = parsed.mss
  if (parsed.windowScale >= 0) options.wscale = parsed.windowScale
  if (parsed.sackPermitted) options.sackOK = true
  if (parsed.userTimeout >= 0) options.uto = parsed.userTimeout
  if (parsed.timestamps) options.ts = { val: parsed.tsval, ecr: parsed.tsecr }
  if (parsed.sackCount > 0) {
    options.sack = Array.from({ length: parsed.sackCount }, (_, i) => [
      (parsed.sack[2 * i]! - to.iss) | 0,
      (parsed.sack[2 * i + 1]! - to.iss) | 0,
    ])
  }
  if (parsed.cookieLen >= 0) {
    const cookie = bytes.subarray(parsed.cookieAt, parsed.cookieAt + parsed.cookieLen)
    options[parsed.cookieIsExperimental ? 'FOEXP' : 'FO'] = Buffer.from(cookie).toString('hex')
  }
  return {
    ecn: ECN_NAMES[ip.tos & 3],
    flags: LETTERS.map(([letter, bit]) => (header.flags & bit ? letter : '')).join(''),
    seq: (header.seq - from.iss) | 0,
    length: header.payloadLen,
    ack: header.flags & TcpFlag.ACK ? (header.ack - to.iss) | 0 : undefined,
    window: header.window,
    urgent: header.flags & TcpFlag.URG ? header.urgent : undefined,
    options,
    srcPort: header.srcPort,
    dstPort: header.dstPort,
    rawSeq: header.seq,
    rawAck: header.ack,
    bytes,
    payload: bytes.subarray(header.payloadAt, ip.end),
  }
}

export function formatSegment(segment: Notation): string {
  const { ecn, flags, seq: from, length, ack, window, urgent, options = {} } = segment
  const words = [
    ...(ecn === undefined || ecn === 'noecn' ? [] : [`[${ecn}]`]),
    flags,
    `${from}:${from + length}(${length})`,
  ]
  if (ack !== undefined) words.push(`ack ${ack}`)
  if (window !== undefined) words.push(`win ${window}`)
  if (urgent !== undefined) words.push(`urg ${urgent}`)
  const named: string[] = []
  if (options.mss !== undefined) named.push(`mss ${options.mss}`)
  if (options.uto !== undefined) named.push(`uto ${options.uto}`)
  if (options.sackOK) named.push('sackOK')
  if (options.ts !== undefined) named.push(`TS val ${options.ts.val} ecr ${options.ts.ecr}`)
  if (options.wscale !== undefined) named.push(`wscale ${options.wscale}`)
  if (options.sack !== undefined) named.push(`sack ${options.sack.map((block) => block.join(':')).join(' ')}`)
  if (options.FO !== undefined) named.push(`FO ${options.FO}`)
  if (options.FOEXP !== undefined) named.push(`FOEXP ${options.FOEXP}`)
  if (named.length > 0) words.push(`<${named.join(',')}>`)
  return words.join(' ')
}

/** What differs between a segment and what the script expects; undefined when it fits. PSH counts only where it is written. */
export function difference(expected: Notation, seen: SeenSegment): string | undefined {
  const flags = expected.flags.includes('P') ? seen.flags : seen.flags.replace('P', '')
  if ([...flags].sort().join('') !== [...expected.flags].sort().join('')) return 'flags'
  if (expected.ecn !== undefined && seen.ecn !== expected.ecn) return 'congestion mark'
  if (seen.seq !== expected.seq) return 'sequence number'
  if (seen.length !== expected.length) return 'length'
  if (expected.ack !== undefined && seen.ack !== expected.ack) return 'acknowledgment number'
  if (expected.urgent !== undefined && seen.urgent !== expected.urgent) return 'urgent pointer'
  if (expected.window !== undefined && seen.window !== expected.window) return 'window'
  if (expected.options !== undefined) {
    const { mss, wscale, sackOK, sack, ts, uto } = expected.options
    if (uto !== seen.options.uto) return 'user timeout option'
    if (mss !== seen.options.mss) return 'mss option'
    if (wscale !== seen.options.wscale) return 'wscale option'
    if (sackOK !== seen.options.sackOK) return 'sackOK option'
    if (JSON.stringify(sack) !== JSON.stringify(seen.options.sack)) return 'sack option'
    if (expected.options.FO !== seen.options.FO) return 'FO option'
    if (expected.options.FOEXP !== seen.options.FOEXP) return 'FOEXP option'
    if ((ts === undefined) !== (seen.options.ts === undefined)) return 'TS option'
    if (ts?.val !== undefined && ts.val !== seen.options.ts?.val) return 'TS val'
    if (ts?.ecr !== undefined && ts.ecr !== seen.options.ts?.ecr) return 'TS ecr'
  }
  const first = seen.seq + (seen.flags.includes('S') ? 1 : 0)
  for (let i = 0; i < seen.length; i++) {
    if (seen.payload[i] !== octetAt(first + i)) return `octet ${first + i} of the data`
  }
  return undefined
}
