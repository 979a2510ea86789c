import { ECN_MASK, EcnCodepoint } from '../wire/ipv4.ts'
import { headerLengthOf } from './layout.ts'
import type { InFrame, Link } from './link.ts'

/**
 * Marks the packet of a sender that takes marks (RFC 3168 §5): sets the codepoint to CE, and adapts IPv4's checksum.
 * False, with nothing done, where it may not be marked.
 */
export function markCongestion(frame: InFrame, medium: Link['medium']): boolean {
  const { bytes, start, end } = frame
  const below = headerLengthOf(medium, bytes, start, end)
  const ip = start + below
  if (below < 0 || ip + 20 > end) return false
  // IPv4's Type of Service is the second byte; IPv6's Traffic Class lies across the first two.
  const version = bytes[ip]! >>> 4
  const shift = version === 6 ? 4 : 0
  if (version !== 4 && version !== 6) return false
  const codepoint = (bytes[ip + 1]! >>> shift) & ECN_MASK
  if (codepoint === EcnCodepoint.NOT_ECT) return false
  const added = EcnCodepoint.CE - codepoint
  bytes[ip + 1] = bytes[ip + 1]! | (EcnCodepoint.CE << shift)
  if (version === 6 || added === 0) return true
  // RFC 1624 (eqn. 3): HC' = ~(~HC + ~m + m'), where the word that holds the byte has grown by `added`.
  let sum = (~((bytes[ip + 10]! << 8) | bytes[ip + 11]!) & 0xffff) + added
  sum = (sum & 0xffff) + (sum >>> 16)
  bytes[ip + 10] = (~sum >>> 8) & 0xff
  bytes[ip + 11] = ~sum & 0xff
  return true
}
