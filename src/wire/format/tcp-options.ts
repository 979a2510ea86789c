import { type Seq, seq, seqDiff, seqToU32 } from '../../base/seq.ts'
import { TcpOptionKind } from '../tcp-options.ts'
import { hex, type Printer } from './printer.ts'

const NAMES: Readonly<Record<number, string>> = {
  [TcpOptionKind.EOL]: 'eol',
  [TcpOptionKind.NOP]: 'nop',
  [TcpOptionKind.MSS]: 'mss',
  [TcpOptionKind.WINDOW_SCALE]: 'wscale',
  [TcpOptionKind.SACK_PERMITTED]: 'sackOK',
  [TcpOptionKind.SACK]: 'sack',
  6: 'echo',
  7: 'echoreply',
  [TcpOptionKind.TIMESTAMPS]: 'TS',
  11: 'cc',
  12: 'ccnew',
  13: '',
  [TcpOptionKind.MD5]: 'md5',
  20: 'scps',
  [TcpOptionKind.USER_TIMEOUT]: 'uto',
  [TcpOptionKind.AUTHENTICATION]: 'tcp-ao',
  [TcpOptionKind.MPTCP]: 'mptcp',
  [TcpOptionKind.FAST_OPEN]: 'tfo',
  254: 'exp',
}

const EXPERIMENT = 254
const EXPERIMENT_FAST_OPEN = 0xf989
const isBare = (kind: number): boolean => kind === TcpOptionKind.EOL || kind === TcpOptionKind.NOP

/** The bytes of data a kind must have to be printed; others print what they have. */
const FIXED: Readonly<Record<number, number>> = {
  [TcpOptionKind.EOL]: 0,
  [TcpOptionKind.NOP]: 0,
  [TcpOptionKind.SACK_PERMITTED]: 0,
  [TcpOptionKind.MSS]: 2,
  [TcpOptionKind.WINDOW_SCALE]: 1,
  [TcpOptionKind.TIMESTAMPS]: 8,
  6: 4,
  7: 4,
  11: 4,
  12: 4,
  13: 4,
  20: 2,
  [TcpOptionKind.MD5]: 16,
  [TcpOptionKind.USER_TIMEOUT]: 2,
}

function fastOpen(p: Printer, at: number, length: number): string {
  if (length === 0) return ' cookiereq'
  return length % 2 !== 0 || length < 4 || length > 16 ? ' (invalid)' : ` cookie ${p.octets(at, length)}`
}

function sackBlocks(p: Printer, at: number, length: number, base: Seq): string {
  if (length % 8 !== 0) return ' invalid sack'
  let out = ` ${length / 8} `
  for (let i = at; i < at + length; i += 8) {
    const edge = (offset: number): number => seqToU32(seq(seqDiff(seq(p.u32(i + offset)), base)))
    out += `{${edge(0)}:${edge(4)}}`
  }
  return out
}

function userTimeout(value: number): string {
  return ` 0x${hex(value)} ${value & 1 ? (value >>> 1) * 60 : value >>> 1}`
}

/** What an option says, from its data of `length` bytes at `at`; undefined when it makes no sense. */
function meaning(p: Printer, kind: number, at: number, length: number, base: Seq): string | undefined {
  switch (kind) {
    case TcpOptionKind.EOL:
    case TcpOptionKind.NOP:
    case TcpOptionKind.SACK_PERMITTED:
      return ''
    case TcpOptionKind.MSS:
      return ` ${p.u16(at)}`
    case TcpOptionKind.WINDOW_SCALE:
      return ` ${p.u8(at)}`
    case TcpOptionKind.TIMESTAMPS:
      return ` val ${p.u32(at)} ecr ${p.u32(at + 4)}`
    case TcpOptionKind.SACK:
      return sackBlocks(p, at, length, base)
    case TcpOptionKind.MD5:
      return ` can't check - ${p.octets(at, 16)}`
    case TcpOptionKind.USER_TIMEOUT:
      return userTimeout(p.u16(at))
    case TcpOptionKind.AUTHENTICATION:
      if (length < 2) return ' (invalid)'
      return ` keyid ${p.u8(at)} rnextkeyid ${p.u8(at + 1)}${length > 2 ? ` mac 0x${p.octets(at + 2, length - 2)}` : ''}`
    case TcpOptionKind.FAST_OPEN:
      return ` ${fastOpen(p, at, length)}`
    case TcpOptionKind.MPTCP:
      return ` ${length} bytes`
    case 6:
    case 7:
    case 11:
    case 12:
    case 13:
      return ` ${p.u32(at)}`
    case 20:
      return ` cap ${hex(p.u8(at), 2)} id ${p.u8(at + 1)}`
    case EXPERIMENT:
      if (length < 2) return undefined
      return p.u16(at) === EXPERIMENT_FAST_OPEN ? `-tfo${fastOpen(p, at + 2, length - 2)}` : `-${hex(p.u16(at), 4)}`
    default:
      return length > 0 ? ` 0x${p.octets(at, length)}` : ''
  }
}

/**
 * Prints `, options [...]` for the options in [from, to); SACK edges count from `base`.
 * False when they are malformed and the line ends here.
 */
export function formatTcpOptions(p: Printer, from: number, to: number, base: Seq): boolean {
  p.put(', options [')
  let separator = ''
  const bad = (): false => {
    p.put(`[bad opt]${separator === '' ? '' : ']'}`)
    return false
  }
  for (let at = from; at < to && !p.silent; ) {
    p.put(separator)
    const kind = p.u8(at)
    const length = isBare(kind) ? 1 : p.u8(at + 1)
    if (p.silent) return false
    if ((length < 2 && !isBare(kind)) || length > to - at) return bad()
    const dataAt = at + (isBare(kind) ? 1 : 2)
    const dataLen = FIXED[kind] ?? length - 2
    p.put(NAMES[kind] ?? `unknown-${kind}`)
    if (dataLen > to - dataAt) return bad()
    if (!p.has(dataAt, dataLen)) {
      p.truncated()
      p.put(separator === '' ? '' : '>')
      return false
    }
    const text = meaning(p, kind, dataAt, dataLen, base)
    if (text === undefined) return bad()
    p.put(text)
    const used = dataAt - at + dataLen
    if (used !== length) p.put(`[len ${length}]`)
    separator = ','
    if (kind === TcpOptionKind.EOL) break
    at += used
  }
  p.put(']')
  return true
}
