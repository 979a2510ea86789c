import { EtherType } from '../wire/ethernet.ts'
import { IPV4_HEADER_LEN, IpProtocol } from '../wire/ipv4.ts'
import { TCP_CHECKSUM_OFFSET, TCP_HEADER_LEN } from '../wire/tcp.ts'
import { UDP_CHECKSUM_OFFSET, UDP_HEADER_LEN } from '../wire/udp.ts'
import type { Link } from './link.ts'

type Medium = Link['medium']

const ETHERTYPE_AT = 12
const TAG_LENGTH = 4
/** 802.1Q and 802.1ad tags; more than two on one frame are not looked behind. */
const TAGS: readonly number[] = [EtherType.VLAN, EtherType.QINQ]
const MAX_TAGS = 2

/** More fragments, and the offset. */
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
    if (ip + IPV4_HEADER_LEN > end || bytes[ip]! >>> 4 !== 4) return false
    if (medium === 'ethernet' && ((bytes[ip - 2]! << 8) | bytes[ip - 1]!) !== EtherType.IPV4) return false
    const transport = ip + (bytes[ip]! & 15) * 4
    const packetEnd = ip + ((bytes[ip + 2]! << 8) | bytes[ip + 3]!)
    if (transport < ip + IPV4_HEADER_LEN || transport > end || packetEnd < transport || packetEnd > start + length)
      return false
    this.ip = ip
    this.transport = transport
    this.payload = transport
    this.end = packetEnd
    this.protocol = bytes[ip + 9]!
    this.checksumAt = -1
    if ((((bytes[ip + 6]! << 8) | bytes[ip + 7]!) & FRAGMENT_BITS) !== 0) return true
    if (this.protocol === IpProtocol.TCP && transport + TCP_HEADER_LEN <= end) {
      const payload = transport + (bytes[transport + 12]! >>> 4) * 4
      if (payload < transport + TCP_HEADER_LEN || payload > end || payload > packetEnd) return false
      this.payload = payload
      this.checksumAt = transport + TCP_CHECKSUM_OFFSET
    } else if (this.protocol === IpProtocol.UDP && transport + UDP_HEADER_LEN <= Math.min(end, packetEnd)) {
      this.payload = transport + UDP_HEADER_LEN
      this.checksumAt = transport + UDP_CHECKSUM_OFFSET
    }
    return true
  }

  get isTcp(): boolean {
    return this.protocol === IpProtocol.TCP && this.checksumAt >= 0
  }
}
