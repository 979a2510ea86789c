import { EtherType } from '../wire/ethernet.ts'
import { IPV4_HEADER_LEN, IpProtocol } from '../wire/ipv4.ts'
import { IPV6_HEADER_LEN } from '../wire/ipv6.ts'
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
 * Where the headers of an IP frame lie, for those links that must touch them:
 * to cut a segment, to finish a checksum, to flip a bit. One object is filled
 * again for each frame. Behind IPv6 extension headers it does not look.
 */
export class FrameLayout {
  version: 4 | 6 = 4
  /** Offset of the IP header. */
  ip = 0
  /** Offset of what it carries. */
  transport = 0
  /** Offset of the transport's payload; equals `transport` where the transport is not TCP or UDP. */
  payload = 0
  /** End of the IP packet; Ethernet's padding lies behind it. */
  end = 0
  protocol = 0
  /** Offset of the TCP or UDP checksum; -1 for a fragment and for any other protocol. */
  checksumAt = -1

  /**
   * Reads a frame of `length` bytes whose headers are `bytes[start, end)`.
   * False: it is not IP, or its lengths contradict each other.
   */
  locate(medium: Medium, bytes: Uint8Array, start: number, end: number, length: number): boolean {
    const below = headerLengthOf(medium, bytes, start, end)
    if (below < 0) return false
    const ip = start + below
    const type = medium === 'ethernet' ? (bytes[ip - 2]! << 8) | bytes[ip - 1]! : -1
    this.ip = ip
    this.checksumAt = -1
    if (ip + IPV4_HEADER_LEN <= end && bytes[ip]! >>> 4 === 4 && (type < 0 || type === EtherType.IPV4)) {
      return this.#locate4(bytes, end, start + length)
    }
    if (ip + IPV6_HEADER_LEN <= end && bytes[ip]! >>> 4 === 6 && (type < 0 || type === EtherType.IPV6)) {
      return this.#locate6(bytes, end, start + length)
    }
    return false
  }

  get isTcp(): boolean {
    return this.protocol === IpProtocol.TCP && this.checksumAt >= 0
  }

  #locate4(bytes: Uint8Array, end: number, frameEnd: number): boolean {
    const { ip } = this
    this.version = 4
    this.transport = ip + (bytes[ip]! & 15) * 4
    this.end = ip + ((bytes[ip + 2]! << 8) | bytes[ip + 3]!)
    this.protocol = bytes[ip + 9]!
    if (this.transport < ip + IPV4_HEADER_LEN) return false
    const isFragment = (((bytes[ip + 6]! << 8) | bytes[ip + 7]!) & FRAGMENT_BITS) !== 0
    return this.#locateTransport(bytes, end, frameEnd, isFragment)
  }

  #locate6(bytes: Uint8Array, end: number, frameEnd: number): boolean {
    const { ip } = this
    this.version = 6
    this.transport = ip + IPV6_HEADER_LEN
    this.end = this.transport + ((bytes[ip + 4]! << 8) | bytes[ip + 5]!)
    this.protocol = bytes[ip + 6]!
    return this.#locateTransport(bytes, end, frameEnd, false)
  }

  #locateTransport(bytes: Uint8Array, end: number, frameEnd: number, isFragment: boolean): boolean {
    const { transport, protocol } = this
    this.payload = transport
    if (transport > end || this.end < transport || this.end > frameEnd) return false
    if (isFragment) return true
    if (protocol === IpProtocol.TCP && transport + TCP_HEADER_LEN <= end) {
      const payload = transport + (bytes[transport + 12]! >>> 4) * 4
      if (payload < transport + TCP_HEADER_LEN || payload > end || payload > this.end) return false
      this.payload = payload
      this.checksumAt = transport + TCP_CHECKSUM_OFFSET
    } else if (protocol === IpProtocol.UDP && transport + UDP_HEADER_LEN <= Math.min(end, this.end)) {
      this.payload = transport + UDP_HEADER_LEN
      this.checksumAt = transport + UDP_CHECKSUM_OFFSET
    }
    return true
  }
}
