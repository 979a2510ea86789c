import { TcpOptionKind } from '../wire/tcp-options.ts'
import type { OptionPart } from './syntax.ts'
import { ArgumentError } from './values.ts'

/** RFC 7413 §2: the number under which Fast Open was an experiment. */
const FAST_OPEN_EXPERIMENT = 0xf989

const u32 = (value: number): number[] => [value >>> 24, (value >>> 16) & 255, (value >>> 8) & 255, value & 255]

/** The octets of options in the order a script names them. */
export function encodeOptions(options: readonly OptionPart[]): Uint8Array {
  const bytes = options.flatMap(encodeOption)
  if (bytes.length % 4 === 0) return Uint8Array.from(bytes)
  throw new ArgumentError(`options of ${bytes.length} octets: a header has a multiple of four, so add nop or eol`)
}

function encodeOption(option: OptionPart): number[] {
  switch (option.kind) {
    case 'nop':
      return [TcpOptionKind.NOP]
    case 'eol':
      return [TcpOptionKind.EOL]
    case 'mss':
      return [TcpOptionKind.MSS, 4, option.value >>> 8, option.value & 255]
    case 'wscale':
      return [TcpOptionKind.WINDOW_SCALE, 3, option.shift]
    case 'sackOK':
      return [TcpOptionKind.SACK_PERMITTED, 2]
    case 'sack':
      return [TcpOptionKind.SACK, 2 + 8 * option.blocks.length, ...option.blocks.flat().flatMap(u32)]
    case 'timestamp':
      return [TcpOptionKind.TIMESTAMPS, 10, ...u32(option.val), ...u32(option.ecr)]
    case 'fastOpen': {
      const cookie = fromHex(option.cookie)
      if (!option.experimental) return [TcpOptionKind.FAST_OPEN, 2 + cookie.length, ...cookie]
      const number = [FAST_OPEN_EXPERIMENT >>> 8, FAST_OPEN_EXPERIMENT & 255]
      return [TcpOptionKind.EXPERIMENT, 4 + cookie.length, ...number, ...cookie]
    }
    case 'md5':
      return [TcpOptionKind.MD5, 2 + option.digest.length / 2, ...fromHex(option.digest)]
  }
}

/** The options in `bytes`, or in words what is wrong with them. */
export function decodeOptions(bytes: Uint8Array): OptionPart[] | string {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
  const options: OptionPart[] = []
  for (let at = 0; at < bytes.length; ) {
    const kind = view.getUint8(at)
    if (kind === TcpOptionKind.NOP || kind === TcpOptionKind.EOL) {
      options.push({ kind: kind === TcpOptionKind.NOP ? 'nop' : 'eol' })
      at++
      continue
    }
    const length = at + 1 < bytes.length ? view.getUint8(at + 1) : 0
    if (length < 2 || at + length > bytes.length) return `an option of kind ${kind} whose length leads nowhere`
    const option = decodeOption(kind, new DataView(view.buffer, view.byteOffset + at, length))
    if (option === undefined) return `an option of kind ${kind} and length ${length}`
    options.push(option)
    at += length
  }
  return options
}

function decodeOption(kind: number, view: DataView): OptionPart | undefined {
  const length = view.byteLength
  switch (kind) {
    case TcpOptionKind.MSS:
      return length === 4 ? { kind: 'mss', value: view.getUint16(2) } : undefined
    case TcpOptionKind.WINDOW_SCALE:
      return length === 3 ? { kind: 'wscale', shift: view.getUint8(2) } : undefined
    case TcpOptionKind.SACK_PERMITTED:
      return length === 2 ? { kind: 'sackOK' } : undefined
    case TcpOptionKind.TIMESTAMPS:
      return length === 10 ? { kind: 'timestamp', val: view.getUint32(2), ecr: view.getUint32(6) } : undefined
    case TcpOptionKind.SACK: {
      const count = (length - 2) / 8
      const block = (_: unknown, i: number) => [view.getUint32(2 + 8 * i), view.getUint32(6 + 8 * i)] as const
      return Number.isInteger(count) ? { kind: 'sack', blocks: Array.from({ length: count }, block) } : undefined
    }
    case TcpOptionKind.FAST_OPEN:
      return { kind: 'fastOpen', experimental: false, cookie: toHex(view, 2) }
    case TcpOptionKind.EXPERIMENT:
      if (length < 4 || view.getUint16(2) !== FAST_OPEN_EXPERIMENT) return undefined
      return { kind: 'fastOpen', experimental: true, cookie: toHex(view, 4) }
    case TcpOptionKind.MD5:
      return { kind: 'md5', digest: toHex(view, 2) }
    default:
      return undefined
  }
}

const fromHex = (text: string): number[] => (text.match(/../g) ?? []).map((octet) => Number.parseInt(octet, 16))

function toHex(view: DataView, from: number): string {
  let text = ''
  for (let i = from; i < view.byteLength; i++) text += view.getUint8(i).toString(16).padStart(2, '0')
  return text
}

/** An option as scripts write it. */
export function formatOption(option: OptionPart): string {
  switch (option.kind) {
    case 'mss':
      return `mss ${option.value}`
    case 'wscale':
      return `wscale ${option.shift}`
    case 'sack':
      return `sack ${option.blocks.map((block) => block.join(':')).join(' ')}`
    case 'timestamp':
      return `TS val ${option.val} ecr ${option.ecr}`
    case 'fastOpen':
      return `${option.experimental ? 'FOEXP' : 'FO'} ${option.cookie}`.trimEnd()
    case 'md5':
      return `md5 ${option.digest}`
    default:
      return option.kind
  }
}
