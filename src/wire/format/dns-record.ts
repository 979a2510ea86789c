import { formatName } from './dns-name.ts'
import { EDNS_OPTIONS } from './dns-names.ts'
import type { Printer } from './printer.ts'

/** The data of one resource record: [at, end) of the message at `message`. */
export interface RecordData {
  readonly type: number
  readonly at: number
  readonly end: number
  readonly message: number
}

const named = (p: Printer, at: number, message: number): boolean => formatName(p, at, message) >= 0

function startOfAuthority(p: Printer, data: RecordData): boolean {
  p.put(' ')
  const second = formatName(p, data.at, data.message)
  if (second < 0) return false
  p.put(' ')
  const numbers = formatName(p, second, data.message)
  if (numbers < 0 || !p.has(numbers, 20)) return false
  for (let i = 0; i < 20; i += 4) p.put(` ${p.u32(numbers + i)}`)
  return true
}

function texts(p: Printer, data: RecordData): boolean {
  for (let i = data.at; i < data.end; ) {
    if (!p.has(i, 1)) return false
    const length = p.u8(i)
    p.put(` "${p.string(i + 1, length)}`)
    if (!p.has(i + 1, length)) return false
    p.put('"')
    i += 1 + length
  }
  return true
}

function ednsOptions(p: Printer, data: RecordData): boolean {
  if (data.at >= data.end) return true
  p.put(' [')
  for (let i = data.at; i < data.end; ) {
    if (!p.has(i, 4)) return false
    const length = p.u16(i + 2)
    p.put(EDNS_OPTIONS[p.u16(i)] ?? `Opt${p.u16(i)}`)
    if (!p.has(i + 4, length)) return false
    if (length > 0) p.put(` ${p.octets(i + 4, length)}`)
    i += 4 + length
    if (i < data.end) p.put(',')
  }
  p.put(']')
  return true
}

/** Prints what a record says, for the types people look at; false when it is broken. */
export function formatRecordData(p: Printer, data: RecordData): boolean {
  const { type, at, end, message } = data
  switch (type) {
    // A
    case 1:
      if (!p.has(at, 4)) return false
      p.put(` ${p.ip4(at)}`)
      return true
    // AAAA
    case 28:
      if (!p.has(at, 16)) return false
      p.put(` ${p.ip6(at)}`)
      return true
    // NS, CNAME, PTR, DNAME
    case 2:
    case 5:
    case 12:
    case 39:
      p.put(' ')
      return named(p, at, message)
    // SOA
    case 6:
      return p.options.verbose === 0 || startOfAuthority(p, data)
    // MX
    case 15:
      p.put(' ')
      if (!p.has(at, 2) || !named(p, at + 2, message)) return false
      p.put(` ${p.u16(at)}`)
      return true
    // TXT
    case 16:
      return texts(p, data)
    // SRV
    case 33:
      p.put(' ')
      if (!p.has(at, 6) || !named(p, at + 6, message)) return false
      p.put(`:${p.u16(at + 4)} ${p.u16(at)} ${p.u16(at + 2)}`)
      return true
    // OPT
    case 41:
      return ednsOptions(p, data)
    // URI
    case 256:
      if (end - at < 4) return false
      p.put(` ${p.u16(at)} ${p.u16(at + 2)} ${p.string(at + 4, end - at - 4)}`)
      return true
    default:
      return true
  }
}
