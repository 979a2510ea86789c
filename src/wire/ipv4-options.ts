// +--------+--------+--------+---------//--------+
// |  kind  | length | pointer|     data ...      |  RFC 791 §3.1; EOL and NOP are the kind alone
// +--------+--------+--------+---------//--------+
const POINTER = 2

/** Option kinds: the whole octet, copy flag and class included (IANA, IP option numbers). */
export const Ipv4OptionKind = { EOL: 0, NOP: 1, RR: 7, TS: 68, LSRR: 131, SSRR: 137, RA: 148 } as const

/** Why a packet was refused. Also the name of the drop counter. */
export type Ipv4OptionDrop = 'ip-bad-option' | 'ip-source-routed'

const ADDRESS_LEN = 4
const ROUTE_HEADER_LEN = 3
const TS_HEADER_LEN = 4
const RA_LEN = 4

/** Whether the option of `length` bytes at `at` is well formed inside. */
function isWellFormed(view: DataView, at: number, length: number): boolean {
  switch (view.getUint8(at)) {
    case Ipv4OptionKind.RR:
    case Ipv4OptionKind.LSRR:
    case Ipv4OptionKind.SSRR:
      // RFC 791: the pointer counts from 1 and is at least 4, the first octet of route data.
      return (
        length >= ROUTE_HEADER_LEN &&
        (length - ROUTE_HEADER_LEN) % ADDRESS_LEN === 0 &&
        view.getUint8(at + POINTER) > ROUTE_HEADER_LEN
      )
    case Ipv4OptionKind.TS:
      return length >= TS_HEADER_LEN && (length & 3) === 0 && view.getUint8(at + POINTER) > TS_HEADER_LEN
    case Ipv4OptionKind.RA:
      // RFC 2113 §2.1
      return length === RA_LEN
    default:
      return true
  }
}

/** The length of the option at `at`, one for EOL and NOP; 0 when the octets make none. */
export function ipv4OptionLen(view: DataView, at: number, end: number): number {
  const kind = view.getUint8(at)
  if (kind === Ipv4OptionKind.EOL || kind === Ipv4OptionKind.NOP) return 1
  if (end - at < 2) return 0
  const length = view.getUint8(at + 1)
  return length < 2 || length > end - at || !isWellFormed(view, at, length) ? 0 : length
}

/**
 * What a host asks before it accepts a packet with options: malformed ones and
 * source routes are refused (RFC 6274 §3.13.2.3), all others are of no concern to it.
 */
export function checkIpv4Options(view: DataView, at: number, end: number): Ipv4OptionDrop | undefined {
  let length = 0
  for (let i = at; i < end; i += length) {
    length = ipv4OptionLen(view, i, end)
    if (length === 0) return 'ip-bad-option'
    const kind = view.getUint8(i)
    if (kind === Ipv4OptionKind.LSRR || kind === Ipv4OptionKind.SSRR) return 'ip-source-routed'
    if (kind === Ipv4OptionKind.EOL) return undefined
  }
  return undefined
}
