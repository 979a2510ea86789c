import { IPV4_ANY, type Ipv4Addr } from '../base/address.ts'
import { finishSum, foldSum } from '../base/checksum.ts'

//  0                   1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-------+-------+---------------+-------------------------------+
// |Version|  IHL  |Type of Service|          Total Length         |
// +-------+-------+---------------+-----+-------------------------+
// |         Identification        |Flags|      Fragment Offset    |
// +---------------+---------------+-----+-------------------------+
// |  Time to Live |    Protocol   |         Header Checksum       |
// +---------------+---------------+-------------------------------+
// |                       Source Address                          |
// +---------------------------------------------------------------+
// |                    Destination Address                        |
// +---------------------------------------------------------------+
// |                    Options                    |    Padding    |
// +-----------------------------------------------+---------------+  RFC 791 §3.1
const VERSION_IHL = 0
const TOS = 1
const TOTAL_LEN = 2
const ID = 4
const FLAGS_OFFSET = 6
const TTL = 8
const PROTOCOL = 9
const CHECKSUM = 10
const SRC = 12
const DST = 16
/** The header without options. */
export const IPV4_HEADER_LEN = 20
/** The largest packet: what the total length can say. */
export const IPV4_MAX_LEN = 65535
/** Fragments begin at multiples of this. */
export const FRAGMENT_UNIT = 8

const VERSION = 4
const VERSION_AND_LEN = 0x45
const DONT_FRAGMENT = 0x4000
const MORE_FRAGMENTS = 0x2000
const OFFSET_MASK = 0x1fff

/** Values of the protocol field (IANA, protocol numbers). */
export const IpProtocol = {
  ICMP: 1,
  IGMP: 2,
  IPIP: 4,
  TCP: 6,
  UDP: 17,
  IPV6: 41,
  GRE: 47,
  ESP: 50,
  AH: 51,
  ICMPV6: 58,
  OSPF: 89,
  VRRP: 112,
  SCTP: 132,
} as const

/** The two low bits of the former Type of Service (RFC 3168 §5). */
export const EcnCodepoint = {
  /** The sender knows nothing of congestion marks. */
  NOT_ECT: 0,
  ECT_1: 1,
  /** A router that is congested may mark the packet. */
  ECT_0: 2,
  /** It has. */
  CE: 3,
} as const
export type EcnCodepoint = (typeof EcnCodepoint)[keyof typeof EcnCodepoint]

/** The bits of the codepoint within the byte. */
export const ECN_MASK = 3

/** Why a packet was refused. Also the name of the drop counter. */
export type Ipv4Drop = 'ip-truncated' | 'ip-bad-version' | 'ip-bad-header-length' | 'ip-bad-total-length'

/** One parsed header; its owner fills it again for each packet. */
export class Ipv4Header {
  /** 20 to 60 bytes. */
  headerLen = IPV4_HEADER_LEN
  /** The former Type of Service: DSCP (6 bits) and ECN (2 bits), RFC 2474 and RFC 3168. */
  tos = 0
  /** Header and payload, in bytes. */
  totalLen = 0
  id = 0
  dontFragment = false
  moreFragments = false
  /** In bytes. */
  fragmentOffset = 0
  ttl = 0
  protocol = 0
  checksum = 0
  src: Ipv4Addr = IPV4_ANY
  dst: Ipv4Addr = IPV4_ANY
  /** Where the options start; 0 without any. They end at `payloadAt`. */
  optionsAt = 0
  payloadAt = 0
  /** Where the packet ends; the frame may go on with padding. */
  end = 0

  /** Reads the header at [at, end). The checksum is not verified. Never throws; undefined means accepted. */
  parse(view: DataView, at: number, end: number): Ipv4Drop | undefined {
    if (end - at < IPV4_HEADER_LEN) return 'ip-truncated'
    const versionIhl = view.getUint8(at + VERSION_IHL)
    if (versionIhl >>> 4 !== VERSION) return 'ip-bad-version'
    const headerLen = (versionIhl & 15) << 2
    if (headerLen < IPV4_HEADER_LEN || headerLen > end - at) return 'ip-bad-header-length'
    const totalLen = view.getUint16(at + TOTAL_LEN)
    if (totalLen < headerLen || totalLen > end - at) return 'ip-bad-total-length'
    const flags = view.getUint16(at + FLAGS_OFFSET)
    this.headerLen = headerLen
    this.tos = view.getUint8(at + TOS)
    this.totalLen = totalLen
    this.id = view.getUint16(at + ID)
    this.dontFragment = (flags & DONT_FRAGMENT) !== 0
    this.moreFragments = (flags & MORE_FRAGMENTS) !== 0
    this.fragmentOffset = (flags & OFFSET_MASK) * FRAGMENT_UNIT
    this.ttl = view.getUint8(at + TTL)
    this.protocol = view.getUint8(at + PROTOCOL)
    this.checksum = view.getUint16(at + CHECKSUM)
    this.src = view.getUint32(at + SRC) as Ipv4Addr
    this.dst = view.getUint32(at + DST) as Ipv4Addr
    this.optionsAt = headerLen > IPV4_HEADER_LEN ? at + IPV4_HEADER_LEN : 0
    this.payloadAt = at + headerLen
    this.end = at + totalLen
    return undefined
  }

  /** Writes the 20 bytes of a header without options at `at`, checksum included; returns their end. */
  write(view: DataView, at: number): number {
    const flags =
      (this.dontFragment ? DONT_FRAGMENT : 0) |
      (this.moreFragments ? MORE_FRAGMENTS : 0) |
      (this.fragmentOffset / FRAGMENT_UNIT)
    view.setUint8(at + VERSION_IHL, VERSION_AND_LEN)
    view.setUint8(at + TOS, this.tos)
    view.setUint16(at + TOTAL_LEN, this.totalLen)
    view.setUint16(at + ID, this.id)
    view.setUint16(at + FLAGS_OFFSET, flags)
    view.setUint8(at + TTL, this.ttl)
    view.setUint8(at + PROTOCOL, this.protocol)
    view.setUint16(at + CHECKSUM, 0)
    view.setUint32(at + SRC, this.src)
    view.setUint32(at + DST, this.dst)
    this.checksum = finishSum(headerSum(view, at, IPV4_HEADER_LEN))
    view.setUint16(at + CHECKSUM, this.checksum)
    return at + IPV4_HEADER_LEN
  }
}

function headerSum(view: DataView, at: number, headerLen: number): number {
  let sum = 0
  for (let i = at; i < at + headerLen; i += 2) sum += view.getUint16(i)
  return sum
}

/** Whether the header of `headerLen` bytes at `at` holds a correct checksum (RFC 1122 §3.2.1.2). */
export const ipv4ChecksumOk = (view: DataView, at: number, headerLen: number): boolean =>
  foldSum(headerSum(view, at, headerLen)) === 0xffff
