import type { OptionPart } from './syntax.ts'
import type { TokenReader } from './token-reader.ts'

const MAX_U8 = 0xff
const MAX_U16 = 0xffff
const MAX_U32 = 0xffff_ffff
/** RFC 9293 §3.1: what fits behind a header of twenty octets. */
const MAX_OPTIONS = 40

/** `<mss 1460,sackOK,TS val 100 ecr 0,nop,wscale 8>`, `<...>` for any, or nothing for none. */
export function parseOptions(reader: TokenReader): readonly OptionPart[] | 'any' {
  if (!reader.takeMark('<')) return []
  if (reader.take('ellipsis')) {
    reader.expectMark('>')
    return 'any'
  }
  const options: OptionPart[] = []
  do options.push(parseOption(reader))
  while (reader.takeMark(','))
  if (!reader.takeMark('>')) reader.fail('"," or ">"')
  return options
}

function parseOption(reader: TokenReader): OptionPart {
  const name = reader.peek()
  if (name.kind !== 'word') reader.fail('the name of a TCP option')
  reader.next()
  switch (name.text) {
    case 'nop':
    case 'eol':
    case 'sackOK':
      return { kind: name.text }
    case 'mss':
      return { kind: 'mss', value: reader.integer('a segment size', 0, MAX_U16) }
    case 'wscale':
      return { kind: 'wscale', shift: reader.integer('a shift', 0, MAX_U8) }
    case 'sack':
      return { kind: 'sack', blocks: parseBlocks(reader) }
    case 'TS':
      return parseTimestamp(reader)
    case 'FO':
    case 'FOEXP':
      return { kind: 'fastOpen', experimental: name.text === 'FOEXP', cookie: parseHex(reader) }
    case 'md5':
      return { kind: 'md5', digest: parseHex(reader) }
    case 'ECN':
      return reader.refuse('The option of accurate ECN is not supported', name)
    default:
      return reader.fail('nop, eol, mss, wscale, sackOK, sack, TS, FO, FOEXP or md5', name)
  }
}

function parseBlocks(reader: TokenReader): readonly (readonly [number, number])[] {
  const blocks: (readonly [number, number])[] = []
  do {
    const start = reader.integer('the start of a block', 0, MAX_U32)
    reader.expectMark(':')
    blocks.push([start, reader.integer('the end of a block', 0, MAX_U32)])
  } while (reader.is('integer'))
  return blocks
}

function parseTimestamp(reader: TokenReader): OptionPart {
  reader.expectWord('val')
  const val = reader.integer('a timestamp', 0, MAX_U32)
  reader.expectWord('ecr')
  return { kind: 'timestamp', val, ecr: reader.integer('a timestamp', 0, MAX_U32) }
}

/** Hexadecimal digits, which may look like a number; none is allowed, too. */
function parseHex(reader: TokenReader): string {
  const token = reader.peek()
  if (token.kind !== 'word' && token.kind !== 'integer') return ''
  if (!/^[0-9a-fA-F]*$/.test(token.text) || token.text.length % 2 !== 0 || token.text.length > 2 * MAX_OPTIONS) {
    reader.fail('octets in hexadecimal')
  }
  return reader.next().text.toLowerCase()
}
