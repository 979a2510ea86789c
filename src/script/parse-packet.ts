import { parseOptions } from './parse-options.ts'
import type { IcmpPart, IpPart, PacketAction, TcpPart, TosPart, UdpPart } from './syntax.ts'
import type { TokenReader } from './token-reader.ts'

const MAX_U16 = 0xffff
const MAX_U32 = 0xffff_ffff
const CODEPOINTS = ['noecn', 'ect0', 'ect1', 'ce', 'ect01'] as const
/** What may stand for the flags; the ACK is a dot behind them. */
const FLAGS = /^[FSRPUEWAC]+$/

/** A packet behind its `<` or `>`. */
export function parsePacket(reader: TokenReader): PacketAction {
  const { line, text } = reader.next()
  const direction = text === '<' ? 'in' : 'out'
  refuseEncapsulation(reader)
  const ip = parseIp(reader, direction)
  if (reader.is('word', 'icmp')) return { kind: 'packet', direction, ip, body: parseIcmp(reader), line }
  if (reader.is('word', 'udp')) return { kind: 'packet', direction, ip, body: parseUdp(reader), line }
  return { kind: 'packet', direction, ip, body: parseTcp(reader, direction), line }
}

function refuseEncapsulation(reader: TokenReader): void {
  const { kind, text } = reader.peek()
  if (kind === 'word' && ['ipv4', 'ipv6', 'gre', 'GREv0', 'mpls'].includes(text)) {
    reader.refuse(`Packets within packets (${text}) are not supported`)
  }
}

/** `[ect0]`, `(tos 0x28)`, `[ttl 5]`. */
function parseIp(reader: TokenReader, direction: 'in' | 'out'): IpPart {
  const closing = reader.takeMark('[') ? ']' : reader.takeMark('(') ? ')' : undefined
  if (closing === undefined) return { tos: undefined, ttl: undefined }
  const token = reader.peek()
  let tos: TosPart | undefined
  let ttl: number | undefined
  const codepoint = CODEPOINTS.find((name) => name === token.text)
  if (codepoint !== undefined) {
    reader.next()
    tos = { kind: 'ecn', codepoint }
    if (codepoint === 'ect01' && direction === 'in') {
      reader.refuse('[ect01] stands for either of two codepoints, and only for a packet that is expected', token)
    }
  } else if (reader.take('word', 'tos')) {
    tos = { kind: 'tos', value: Number(reader.expect('hex', 'a hexadecimal number, such as 0x28').text) & 0xff }
  } else if (reader.take('word', 'ttl')) ttl = reader.integer('a time to live', 1, 255)
  else if (reader.is('word', 'flowlabel')) reader.refuse('Flow labels belong to IPv6, which is not supported')
  else reader.fail(`${CODEPOINTS.join(', ')}, tos or ttl`)
  reader.expectMark(closing)
  return { tos, ttl }
}

function parseTcp(reader: TokenReader, direction: 'in' | 'out'): TcpPart {
  if (reader.is('word', 'encap')) reader.refuse('Encapsulated segments are not supported')
  const ports = parsePorts(reader)
  const flags = parseFlags(reader)
  const { seq, length } = parseSequence(reader)
  const ack = reader.take('word', 'ack') ? reader.integer('an acknowledgment number', 0, MAX_U32) : undefined
  const window = reader.take('word', 'win') ? reader.integer('a window', 0, MAX_U16) : undefined
  const urgent = reader.take('word', 'urg') ? reader.integer('an urgent pointer', 0, MAX_U16) : undefined
  const at = reader.peek()
  const options = parseOptions(reader)
  if (options === 'any' && direction === 'in') {
    reader.refuse('<...> stands for any options, and only for a packet that is expected', at)
  }
  return { kind: 'tcp', ports, flags, seq, length, ack, window, urgent, options }
}

function parsePorts(reader: TokenReader): TcpPart['ports'] {
  if (!(reader.is('integer') && reader.isAhead(1, 'mark', '>'))) return undefined
  const src = reader.integer('a port', 0, MAX_U16)
  reader.expectMark('>')
  return { src, dst: reader.integer('a port', 0, MAX_U16) }
}

/** `S`, `P.`, `.`, and `-` for none. */
function parseFlags(reader: TokenReader): string {
  if (reader.takeMark('-')) return ''
  let flags = ''
  const token = reader.peek()
  if (token.kind === 'word') {
    if (!FLAGS.test(token.text)) reader.fail('flags of F S R P U E W A, a dot for ACK, or "-" for none')
    flags = reader.next().text
  }
  if (reader.is('float')) reader.refuse('The counter of accurate ECN is not supported')
  if (reader.takeMark('.')) flags += '.'
  if (flags === '') reader.fail('flags of F S R P U E W A, a dot for ACK, or "-" for none')
  return flags
}

/** `1:1001(1000)`. */
function parseSequence(reader: TokenReader): { seq: number; length: number } {
  const token = reader.peek()
  const seq = reader.integer('a sequence number', 0, MAX_U32)
  reader.expectMark(':')
  const end = reader.integer('the sequence number behind the data', 0, MAX_U32)
  reader.expectMark('(')
  const length = reader.integer('a length', 0, MAX_U16)
  reader.expectMark(')')
  if (end !== (seq + length) % 2 ** 32) {
    reader.refuse(`The range ${seq}:${end} is not ${length} octets long`, token)
  }
  return { seq, length }
}

function parseUdp(reader: TokenReader): UdpPart {
  reader.next()
  const ports = parsePorts(reader)
  return { kind: 'udp', ports, length: parseLength(reader) }
}

function parseLength(reader: TokenReader): number {
  reader.expectMark('(')
  const length = reader.integer('a length', 0, MAX_U16)
  reader.expectMark(')')
  return length
}

function parseIcmp(reader: TokenReader): IcmpPart {
  reader.next()
  const type = reader.expect('word', 'a type of ICMP message').text
  const isCode = reader.is('word') && !reader.is('word', 'mtu') && !reader.is('word', 'id')
  const code = isCode ? reader.next().text : undefined
  const mtu = reader.take('word', 'mtu') ? reader.integer('an MTU', 0, MAX_U16) : undefined
  const id = reader.take('word', 'id') ? reader.integer('an identifier', 0, MAX_U16) : undefined
  return { kind: 'icmp', type, code, mtu, id, quoted: parseQuoted(reader) }
}

function parseQuoted(reader: TokenReader): IcmpPart['quoted'] {
  if (!reader.takeMark('[')) return undefined
  const kind = reader.take('word', 'udp') ? 'udp' : reader.take('word', 'raw') ? 'raw' : 'tcp'
  const { seq, length } = kind === 'tcp' ? parseSequence(reader) : { seq: 0, length: parseLength(reader) }
  reader.expectMark(']')
  return { kind, seq, length }
}
