import { formatName } from './dns-name.ts'
import { hexdump } from './hexdump.ts'
import { type BitNames, bitNames, type Printer } from './printer.ts'

/** Neighbour-discovery options (RFC 4861 §4.6, RFC 8106, RFC 4191). */
const Option = { SOURCE: 1, TARGET: 2, PREFIX: 3, REDIRECTED: 4, MTU: 5, ROUTE: 24, RDNSS: 25, DNSSL: 31 } as const

const NAMES: Readonly<Record<number, string>> = {
  [Option.SOURCE]: 'source link-address',
  [Option.TARGET]: 'destination link-address',
  [Option.PREFIX]: 'prefix info',
  [Option.REDIRECTED]: 'redirected header',
  [Option.MTU]: 'mtu',
  7: 'advertisement interval',
  8: 'homeagent information',
  [Option.ROUTE]: 'route info',
  [Option.RDNSS]: 'rdnss',
  [Option.DNSSL]: 'dnssl',
}
const PREFIX_FLAGS: BitNames = [
  [0x80, 'onlink'],
  [0x40, 'auto'],
  [0x20, 'router'],
]
const PREFERENCES: readonly string[] = ['medium', 'high', 'rsv', 'low']

/** RFC 4191 §2.1: two bits of the flags. */
export const preferenceOf = (flags: number): string => PREFERENCES[(flags >>> 3) & 3]!

const lifetime = (seconds: number): string => (seconds === 0xffffffff ? 'infinity' : `${seconds}s`)

function meaning(p: Printer, at: number, type: number, length: number): undefined {
  switch (type) {
    case Option.SOURCE:
    case Option.TARGET:
      return p.put(p.octets(at + 2, length - 2, ':'))
    case Option.PREFIX: {
      const flags = bitNames(p.u8(at + 3), PREFIX_FLAGS)
      p.put(`${p.ip6(at + 16)}/${p.u8(at + 2)}${length === 32 ? '' : 'badlen'}, Flags [${flags}]`)
      return p.put(`, valid time ${lifetime(p.u32(at + 4))}, pref. time ${lifetime(p.u32(at + 8))}`)
    }
    case Option.MTU:
      return p.put(` ${p.u32(at + 4)}${length === 8 ? '' : 'bad option length'}`)
    case Option.RDNSS:
      p.put(` lifetime ${p.u32(at + 4)}s,`)
      for (let i = at + 8; i + 16 <= at + length; i += 16) p.put(` addr: ${p.ip6(i)}`)
      return
    case Option.DNSSL: {
      p.put(` lifetime ${p.u32(at + 4)}s, domain(s):`)
      for (let i = at + 8; i >= 0 && i < at + length && p.u8(i) !== 0; ) {
        p.put(' ')
        i = formatName(p, i, at)
      }
      return
    }
    case Option.ROUTE:
      return p.put(` /${p.u8(at + 2)}, pref=${preferenceOf(p.u8(at + 3))}, lifetime=${lifetime(p.u32(at + 4))}`)
    default:
      return p.put(hexdump(p.bytes, at + 2, Math.min(at + length, p.end), false, '\n\t  '))
  }
}

/** Prints the options in [from, to), each on a line. */
export function formatNeighbourOptions(p: Printer, from: number, to: number): undefined {
  for (let at = from; at < to && at < p.end && !p.silent; ) {
    if (!p.has(at, 2)) return p.truncated()
    const type = p.u8(at)
    const units = p.u8(at + 1)
    if (units === 0 || !p.has(at, units * 8)) return p.truncated()
    p.put(`\n\t  ${NAMES[type] ?? 'unknown'} option (${type}), length ${units * 8} (${units}): `)
    meaning(p, at, type, units * 8)
    if (p.options.verbose > 1) p.put(hexdump(p.bytes, at + 2, at + units * 8, false, '\n\t    '))
    at += units * 8
  }
}
