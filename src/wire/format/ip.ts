import { formatIpv4 } from './ipv4.ts'
import { formatIpv6 } from './ipv6.ts'
import type { Printer } from './printer.ts'

/** Packets within packets are followed this deep; a crafted frame could nest thousands. */
const MAX_DEPTH = 16

/** Prints the packet of the given version at `at`, of which `length` bytes are said to exist. */
export function formatIp(p: Printer, at: number, length: number, version: 4 | 6): undefined {
  if (p.depth >= MAX_DEPTH) return p.put('[nested too deep]')
  p.depth++
  if (version === 4) formatIpv4(p, at, length, formatIp)
  else formatIpv6(p, at, length, formatIp)
  p.depth--
}

/** Prints a bare packet, whose first octet tells its version. */
export function formatRawIp(p: Printer, at: number, length: number): undefined {
  p.protocol = 'raw'
  if (length < 1) return p.put(`truncated-ip ${length}`)
  const version = p.u8(at) >>> 4
  if (version === 4 || version === 6) formatIp(p, at, length, version)
  else p.put(`unknown ip ${version}`)
}
