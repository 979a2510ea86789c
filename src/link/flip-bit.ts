import { below, type Rng } from '../base/rng.ts'
import { IpProtocol } from '../wire/ipv4.ts'
import { FrameLayout } from './layout.ts'
import type { InFrame, Link } from './link.ts'

const layout = new FrameLayout()

/**
 * Flips one bit of a frame where its receiver can notice: anywhere in the IPv4
 * header, which IPv6 has no checksum for, and in all that follows where one covers
 * it. False, with nothing done, for a frame that only Ethernet's own check sequence protects.
 */
export function flipBit(frame: InFrame, medium: Link['medium'], rng: Rng): boolean {
  const { bytes, start, end } = frame
  if (!layout.locate(medium, bytes, start, end, end - start)) return false
  const from = layout.version === 4 ? layout.ip : layout.transport
  const length = (covered(bytes) ? layout.end : layout.transport) - from
  if (length === 0) return false
  const bit = below(rng, length * 8)
  let at = from + (bit >>> 3)
  let mask = 1 << (bit & 7)
  // Two fields say how far a checksum reaches and one whether there is any: wrong, they could hide themselves.
  if (at === layout.ip && mask < 0x10) mask <<= 4
  if (layout.protocol === IpProtocol.UDP && at >= layout.transport + 4 && at < layout.transport + 8) at -= 4
  bytes[at] = bytes[at]! ^ mask
  return true
}

/** Whether a checksum covers what the packet carries. */
function covered(bytes: Uint8Array): boolean {
  const { protocol, checksumAt } = layout
  if (protocol === IpProtocol.UDP) return checksumAt >= 0 && (bytes[checksumAt]! | bytes[checksumAt + 1]!) !== 0
  return checksumAt >= 0 || protocol === IpProtocol.ICMP || protocol === IpProtocol.IGMP
}
