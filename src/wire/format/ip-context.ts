import { addSum, finishSum, foldSum } from '../../base/checksum.ts'
import { Ipv4OptionKind } from '../ipv4-options.ts'
import type { Printer } from './printer.ts'

/** The packet a transport header lies in. */
export interface IpContext {
  readonly version: 4 | 6
  /** Where the IP header stands. */
  readonly at: number
  /** The protocol or next-header field of the IP header itself. */
  readonly protocol: number
  /** Whether more fragments follow, so that the payload is not whole. */
  readonly fragmented: boolean
}

/** Prints an IP packet of `length` bytes at `at`; passed down, for packets within packets. */
export type FormatIp = (p: Printer, at: number, length: number, version: 4 | 6) => undefined

export const sourceOf = (p: Printer, ip: IpContext): string => (ip.version === 4 ? p.ip4(ip.at + 12) : p.ip6(ip.at + 8))
export const destinationOf = (p: Printer, ip: IpContext): string =>
  ip.version === 4 ? p.ip4(ip.at + 16) : p.ip6(ip.at + 24)

/** `a.1 > b.2: `; only the ports when headers stand between IP and the transport. */
export function endpoints(p: Printer, ip: IpContext, protocol: number, srcPort: string, dstPort: string): string {
  if (ip.protocol !== protocol) return `${srcPort} > ${dstPort}: `
  return `${sourceOf(p, ip)}.${srcPort} > ${destinationOf(p, ip)}.${dstPort}: `
}

/** Where the final destination of a packet stands: behind a source route, its last address (RFC 791 §3.1). */
function finalDestinationAt(p: Printer, at: number): number {
  const end = Math.min(at + ((p.view.getUint8(at) & 15) << 2), p.end)
  for (let i = at + 20; i < end; ) {
    const kind = p.view.getUint8(i)
    if (kind === Ipv4OptionKind.EOL) break
    const length = kind === Ipv4OptionKind.NOP ? 1 : i + 1 < end ? p.view.getUint8(i + 1) : 0
    if (length === 0 || (length < 2 && kind !== Ipv4OptionKind.NOP) || i + length > end) break
    if ((kind === Ipv4OptionKind.LSRR || kind === Ipv4OptionKind.SSRR) && length >= 7) return i + length - 4
    i += length
  }
  return at + 16
}

/**
 * What `bytes[from, to)` sums to with the pseudo-header of `ip` (RFC 9293 §3.1,
 * RFC 8200 §8.1): 0 when the checksum within is correct.
 */
export function transportSum(p: Printer, ip: IpContext, protocol: number, from: number, to: number): number {
  const addresses =
    ip.version === 4
      ? addSum(
          addSum(0, p.bytes, ip.at + 12, ip.at + 16),
          p.bytes,
          finalDestinationAt(p, ip.at),
          finalDestinationAt(p, ip.at) + 4,
        )
      : addSum(0, p.bytes, ip.at + 8, ip.at + 40)
  return finishSum(addSum(addresses + protocol + foldSum(to - from), p.bytes, from, to))
}

/** The checksum that belongs where `found` stands, given what the whole sums to. */
export const rightSum = (found: number, sum: number): number => foldSum(found + sum)
