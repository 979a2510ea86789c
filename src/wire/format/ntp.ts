import type { Printer } from './printer.ts'

const MODES: readonly string[] = [
  'unspecified',
  'symmetric active',
  'symmetric passive',
  'Client',
  'Server',
  'Broadcast',
  'Control Message',
  'Reserved',
]

/** Prints the message of `length` bytes at `at`: version and mode (RFC 5905 §7.3), and with -v its stratum. */
export function formatNtp(p: Printer, at: number, length: number): undefined {
  p.protocol = 'ntp'
  const first = p.u8(at)
  p.put(`NTPv${(first >>> 3) & 7}, ${MODES[first & 7]}, length ${length}`)
  if (p.options.verbose > 0) p.put(`, Stratum ${p.u8(at + 1)}`)
}
