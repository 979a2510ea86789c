import { checksum } from '../../base/checksum.ts'
import { spanOf } from './dns.ts'
import { hex, type Printer } from './printer.ts'

const QUERY = 0x11
const REPORT_V1 = 0x12
const REPORT_V2 = 0x16
const LEAVE = 0x17
const REPORT_V3 = 0x22

const RECORD_TYPES: readonly string[] = ['', 'is_in', 'is_ex', 'to_in', 'to_ex', 'allow', 'block']

/** RFC 3376 §4.1.1: a code from 128 on is a small floating-point number. */
const responseTime = (code: number): number => (code < 128 ? code : ((code & 15) | 16) << (((code >>> 4) & 7) + 3))

function queryV3(p: Printer, at: number, length: number): undefined {
  p.put(' v3')
  if (length < 12 || length % 4 !== 0) return p.put(` [invalid len ${length}]`)
  const code = p.u8(at + 1)
  const tenths = responseTime(code)
  if (code !== 100) {
    const time = tenths < 600 ? `${(tenths * 0.1).toFixed(1)}s` : spanOf(Math.floor(tenths / 10))
    p.put(` [max resp time ${time}]`)
  }
  if (p.u32(at + 4) === 0) return
  p.put(` [gaddr ${p.ip4(at + 4)}`)
  const sources = p.u16(at + 10)
  if (sources > 0) p.put(length < 12 + 4 * sources ? ' [invalid number of sources]' : `, ${sources} source(s)`)
  p.put(']')
}

function reportV3(p: Printer, at: number, length: number): undefined {
  if (length < 16 || length % 4 !== 0) return p.put(` [invalid len ${length}]`)
  const count = p.u16(at + 6)
  p.put(`, ${count} group record(s)`)
  if (p.options.verbose === 0) return
  let group = 8
  for (let n = 0; n < count && !p.silent; n++) {
    if (length < group + 8) return p.put(' [invalid number of groups]')
    const type = p.u8(at + group)
    p.put(` [gaddr ${p.ip4(at + group + 4)} ${RECORD_TYPES[type] || ` [v3-report-#${type}]`}`)
    const sources = p.u16(at + group + 2)
    if (length < group + 8 + 4 * sources) return p.put(` [invalid number of sources ${sources}]`)
    p.put(p.options.verbose === 1 ? `, ${sources} source(s)` : sourceList(p, at + group + 8, sources))
    group += 8 + 4 * sources
    p.put(']')
  }
}

function sourceList(p: Printer, at: number, count: number): string {
  let out = ' {'
  for (let i = 0; i < count; i++) out += ` ${p.ip4(at + 4 * i)}`
  return `${out} }`
}

function olderQuery(p: Printer, at: number, length: number): undefined {
  const code = p.u8(at + 1)
  p.put(code === 0 ? ' v1' : ' v2')
  if (code !== 0 && code !== 100) p.put(` [max resp time ${code}]`)
  if (p.u32(at + 4) !== 0) p.put(` [gaddr ${p.ip4(at + 4)}]`)
  if (length !== 8) p.put(` [len ${length}]`)
}

/** Prints the message of `length` bytes at `at` (RFC 2236, RFC 3376). */
export function formatIgmp(p: Printer, at: number, length: number): undefined {
  p.protocol = 'igmp'
  if (p.options.quiet) return p.put('igmp')
  const type = p.u8(at)
  switch (type) {
    case QUERY:
      p.put('igmp query')
      if (length >= 12) queryV3(p, at, length)
      else olderQuery(p, at, length)
      break
    case REPORT_V1:
      p.put(`igmp v1 report ${p.ip4(at + 4)}${length === 8 ? '' : ` [len ${length}]`}`)
      break
    case REPORT_V2:
      p.put(`igmp v2 report ${p.ip4(at + 4)}`)
      break
    case REPORT_V3:
      p.put('igmp v3 report')
      reportV3(p, at, length)
      break
    case LEAVE:
      p.put(`igmp leave ${p.ip4(at + 4)}`)
      break
    default:
      p.put(`igmp-${type}`)
  }
  if (p.options.verbose > 0 && length >= 4 && p.has(at, length) && checksum(p.bytes, at, at + length) !== 0) {
    p.put(` bad igmp cksum ${hex(p.u16(at + 2))}!`)
  }
}
