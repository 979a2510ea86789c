import type { Ipv6Addr } from '../base/address.ts'

//  0                   1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-------+---------------+---------------------------------------+
// |Version| Traffic Class |           Flow Label                  |
// +-------+---------------+-------+---------------+---------------+
// |         Payload Length        |  Next Header  |   Hop Limit   |
// +-------------------------------+---------------+---------------+
// |            Source Address (16), Destination Address (16)      |
// +---------------------------------------------------------------+  RFC 8200 §3
const FIRST_WORD = 0
const PAYLOAD_LEN = 4
const NEXT_HEADER = 6
const HOP_LIMIT = 7
const SRC = 8
const DST = 24
export const IPV6_HEADER_LEN = 40

const VERSION = 6

/** Next-header values that are extension headers (RFC 8200 §4.1). */
export const Ipv6Extension = { HOP_BY_HOP: 0, ROUTING: 43, FRAGMENT: 44, NO_NEXT: 59, DESTINATION: 60 } as const

/** Why a packet was refused. Also the name of the drop counter. */
export type Ipv6Drop = 'ip6-truncated' | 'ip6-bad-version' | 'ip6-bad-length'

/** One parsed header; its owner fills it again for each packet. Addresses stay where they are, for `readIpv6`. */
export class Ipv6Header {
  trafficClass = 0
  flowLabel = 0
  payloadLen = 0
  nextHeader = 0
  hopLimit = 0
  srcAt = 0
  dstAt = 0
  payloadAt = 0
  /** Where the packet ends; the frame may go on with padding. */
  end = 0

  /** Reads the header at [at, end). Never throws; undefined means accepted. */
  parse(view: DataView, at: number, end: number): Ipv6Drop | undefined {
    if (end - at < IPV6_HEADER_LEN) return 'ip6-truncated'
    const first = view.getUint32(at + FIRST_WORD)
    if (first >>> 28 !== VERSION) return 'ip6-bad-version'
    const payloadLen = view.getUint16(at + PAYLOAD_LEN)
    if (payloadLen > end - at - IPV6_HEADER_LEN) return 'ip6-bad-length'
    this.trafficClass = (first >>> 20) & 0xff
    this.flowLabel = first & 0xfffff
    this.payloadLen = payloadLen
    this.nextHeader = view.getUint8(at + NEXT_HEADER)
    this.hopLimit = view.getUint8(at + HOP_LIMIT)
    this.srcAt = at + SRC
    this.dstAt = at + DST
    this.payloadAt = at + IPV6_HEADER_LEN
    this.end = this.payloadAt + payloadLen
    return undefined
  }
}

/** The address of 16 bytes at `at` as canonical text (RFC 5952). */
export function readIpv6(view: DataView, at: number): Ipv6Addr {
  const words: number[] = []
  for (let i = 0; i < 8; i++) words.push(view.getUint16(at + 2 * i))
  const [from, to] = longestZeroRun(words)
  // RFC 5952 §5: an IPv4-mapped address ends in dotted quad; so does the older IPv4-compatible form.
  const embedded = from === 0 && (to === 6 || (to === 5 && words[5] === 0xffff))
  const hex = (part: number[]): string => part.map((word) => word.toString(16)).join(':')
  if (embedded) {
    const quad = `${words[6]! >>> 8}.${words[6]! & 255}.${words[7]! >>> 8}.${words[7]! & 255}`
    return (to === 6 ? `::${quad}` : `::ffff:${quad}`) as Ipv6Addr
  }
  if (to - from < 2) return hex(words) as Ipv6Addr
  return `${hex(words.slice(0, from))}::${hex(words.slice(to))}` as Ipv6Addr
}

/** The first of the longest runs of zero words, as [from, to) (RFC 5952 §4.2.3). */
function longestZeroRun(words: readonly number[]): [number, number] {
  let best: [number, number] = [0, 0]
  for (let from = 0; from < 8; from++) {
    let to = from
    while (to < 8 && words[to] === 0) to++
    if (to - from > best[1] - best[0]) best = [from, to]
    from = to
  }
  return best
}
