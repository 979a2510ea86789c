import { Ipv4OptionKind } from '../ipv4-options.ts'
import type { Printer } from './printer.ts'

const NAMES: Readonly<Record<number, string>> = {
  [Ipv4OptionKind.EOL]: 'EOL',
  [Ipv4OptionKind.NOP]: 'NOP',
  [Ipv4OptionKind.RR]: 'RR',
  [Ipv4OptionKind.TS]: 'timestamp',
  130: 'security',
  [Ipv4OptionKind.LSRR]: 'LSRR',
  [Ipv4OptionKind.SSRR]: 'SSRR',
  [Ipv4OptionKind.RA]: 'RA',
  82: 'traceroute',
}
const TIMESTAMP_TYPES: Readonly<Record<number, string>> = { 0: 'TSONLY', 1: 'TS+ADDR', 3: 'PRESPEC' }

function route(p: Printer, at: number, length: number): undefined {
  if (length < 3) return p.put(` [bad length ${length}]`)
  if ((length + 1) & 3) p.put(` [bad length ${length}]`)
  const raw = p.u8(at + 2)
  const pointer = raw - 1
  if (pointer < 3 || (pointer + 1) & 3 || pointer > length + 1) p.put(` [bad ptr ${raw}]`)
  for (let i = 3; i < length && !p.silent; i += 4) p.put(` ${p.ip4(at + i)}${pointer > i ? ',' : ''}`)
}

function timestamps(p: Printer, at: number, length: number): undefined {
  if (length < 4) return p.put(`[bad length ${length}]`)
  const flags = p.u8(at + 3)
  const type = flags & 15
  const size = type === 0 ? 4 : 8
  p.put(' TS{')
  if ((length - 4) & (size - 1)) p.put(`[bad length ${length}]`)
  const raw = p.u8(at + 2)
  const pointer = raw - 1
  if (pointer < 4 || (pointer - 4) & (size - 1) || pointer > length + 1) p.put(`[bad ptr ${raw}]`)
  let i = 0
  if (TIMESTAMP_TYPES[type] === undefined) p.put(`[bad ts type ${type}]`)
  else {
    p.put(TIMESTAMP_TYPES[type])
    for (i = 4; i < length && !p.silent; i += size) {
      const address = size === 8 ? p.ip4(at + i) : ''
      p.put(`${pointer === i ? ' ^ ' : ' '}${p.u32(at + i + size - 4)}@${address}`)
    }
  }
  if (pointer === i) p.put(' ^ ')
  p.put(flags >>> 4 === 0 ? '}' : ` [${flags >>> 4} hops not recorded]} `)
}

/** Prints the options in [from, to), separated by commas; false when the capture ends within them. */
export function formatIpv4Options(p: Printer, from: number, to: number): boolean {
  for (let at = from; at < to && !p.silent; ) {
    const kind = p.u8(at)
    const isBare = kind === Ipv4OptionKind.EOL || kind === Ipv4OptionKind.NOP
    p.put(`${at > from ? ',' : ''}${NAMES[kind] ?? `unknown ${kind}`}`)
    const length = isBare ? 1 : p.u8(at + 1)
    if ((length < 2 && !isBare) || length > to - at) {
      p.put(` [bad length ${length}]`)
      return true
    }
    if (!p.has(at, length)) {
      p.put(' [truncated-option]')
      return false
    }
    if (kind === Ipv4OptionKind.EOL) return true
    if (kind === Ipv4OptionKind.TS) timestamps(p, at, length)
    else if (kind === Ipv4OptionKind.RR || kind === Ipv4OptionKind.LSRR || kind === Ipv4OptionKind.SSRR) {
      route(p, at, length)
    } else if (kind === Ipv4OptionKind.RA) {
      if (length < 4) p.put(` [bad length ${length}]`)
      else if (p.u16(at + 2) !== 0) p.put(` value ${p.u16(at + 2)}`)
    }
    at += length
  }
  return true
}
