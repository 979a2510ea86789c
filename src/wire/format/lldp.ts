import type { Printer } from './printer.ts'

const TLV_NAMES: Readonly<Record<number, string>> = {
  0: 'End',
  1: 'Chassis ID',
  2: 'Port ID',
  3: 'Time to Live',
  4: 'Port Description',
  5: 'System Name',
  6: 'System Description',
  7: 'System Capabilities',
  8: 'Management Address',
  127: 'Organization specific',
}
const TIME_TO_LIVE = 3
const SYSTEM_NAME = 5
const TEXTS: readonly number[] = [4, SYSTEM_NAME, 6]

/** Prints the message of `length` bytes at `at`: the system's name, and with -v every TLV (IEEE 802.1AB §8). */
export function formatLldp(p: Printer, at: number, length: number): undefined {
  p.protocol = 'lldp'
  p.put(`LLDP, length ${length}`)
  for (let i = at; i + 2 <= at + length && !p.silent; ) {
    const head = p.u16(i)
    const type = head >>> 9
    const size = head & 0x1ff
    if (p.options.verbose > 0) p.put(`\n\t${TLV_NAMES[type] ?? 'Unknown'} TLV (${type}), length ${size}`)
    if (type === 0 || size === 0) return
    i += 2
    if (!p.has(i, size) || i + size > at + length) return p.truncated()
    if (type === SYSTEM_NAME || (TEXTS.includes(type) && p.options.verbose > 0)) p.put(`: ${p.paddedString(i, size)}`)
    if (type === TIME_TO_LIVE && p.options.verbose > 0) {
      if (size < 2) return p.truncated()
      p.put(`: TTL ${p.u16(i)}s`)
    }
    i += size
  }
}
