import type { Ipv4Addr } from '../base/address.ts'
import { addSum, finishSum, pseudoSum } from '../base/checksum.ts'

/**
 * Whether the TCP segment or UDP datagram `bytes[from, to)` holds a correct
 * checksum (RFC 9293 §3.1, RFC 768). A UDP checksum of zero means none was
 * computed: the caller looks at that first.
 */
export const transportChecksumOk = (
  bytes: Uint8Array,
  src: Ipv4Addr,
  dst: Ipv4Addr,
  protocol: number,
  from: number,
  to: number,
): boolean => finishSum(addSum(pseudoSum(src, dst, protocol, to - from), bytes, from, to)) === 0
