import type { Link } from './link.ts'

type Medium = Link['medium']

const ETHERTYPE_AT = 12
const TAG_LENGTH = 4
const IPV4 = 0x0800
/** 802.1Q and 802.1ad tags; more than two on one frame are not looked behind. */
const TAGS: readonly number[] = [0x8100, 0x88a8]
const MAX_TAGS = 2

const TCP = 6
const UDP = 17
const FRAGMENT_BITS = 0x3fff

/** The length of what stands before the network header: 0, or Ethernet with its tags; -1 when cut short. */
export function headerLengthOf(medium: Medium, bytes: Uint8Array, start: number, end: number): number {
  if (medium === 'ip') return 0
  let at = start + ETHERTYPE_AT
  for (let tags = 0; tags < MAX_TAGS && at + 2 <= end; tags++) {
    if (!TAGS.includes((bytes[at]! << 8) | bytes[at + 1]!)) break
    at += TAG_LENGTH
  }
  return at + 2 <= end ? at + 2 - start : -1
}

/**
 * Where the headers of an IPv4 frame lie, for those links that must touch them:
 * to cut a segment, to finish a checksum, to flip a bit. One object is filled
 * again for each frame.
 */
export class FrameLayout {
  /** Offset of the IPv4 header. */
  ip = 0
  /** Offset of what it carries. */
  transport = 0
  /** Offset of the transport's payload; equals `transport` where the transport is not TCP or UDP. */
  payload = 0
  /** End of the IPv4 packet; Ethernet's padding lies behind it. */
  end = 0
  protocol = 0
  /** Offset of the TCP or UDP checksum; -1 for a fragment and for any other protocol. */
  checksumAt = -1

  /**
   * Reads a frame of `length` bytes whose headers are `bytes[start, end)`.
   * False: it is not IPv4, or its lengths contradict each other.
   */
  locate(medium: Medium, bytes: Uint8Array, start: number, end: number, length: number): boolean {
    const below = headerLengthOf(medium, bytes, start, end)
    if (below < 0) return false
    const ip = start + below
    if (ip + 20 > end || bytes[ip]! >>> 4 !== 4) return false
    if (medium === 'ethernet' && ((bytes[ip - 2]! << 8) | bytes[ip - 1]!) !== IPV4) return false
    const transport = ip + (bytes[ip]! & 15) * 4
    const packetEnd = ip + ((bytes[ip + 2]! << 8) | bytes[ip + 3]!)
    if (transport < ip + 20 || transport > end || packetEnd < transport || packetEnd > start + length) return false
    this.ip = ip
    this.transport = transport
    this.payload = transport
    this.end = packetEnd
    this.protocol = bytes[ip + 9]!
    this.checksumAt = -1
    if ((((bytes[ip + 6]! << 8) | bytes[ip + 7]!) & FRAGMENT_BITS) !== 0) return true
    if (this.protocol === TCP && transport + 20 <= end) {
      const payload = transport + (bytes[transport + 12]! >>> 4) * 4
      if (payload < transport + 20 || payload > end || payload > packetEnd) return false
      this.payload = payload
      this.checksumAt = transport + 16
    } else if (this.protocol === UDP && transport + 8 <= end && transport + 8 <= packetEnd) {
      this.payload = transport + 8
      this.checksumAt = transport + 6
    }
    return true
  }

  get isTcp(): boolean {
    return this.protocol === TCP && this.checksumAt >= 0
  }
}
