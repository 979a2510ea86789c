import { IPV4_ANY, type Ipv4Addr } from '../base/address.ts'
import { IPV4_HEADER_LEN } from '../wire/ipv4.ts'

const TOTAL_LEN = 2
const FLAGS_OFFSET = 6
const OFFSET_MASK = 0x1fff
const PROTOCOL = 9
const SRC = 12
const DST = 16
/** What every error quotes of the transport header (RFC 792). */
const QUOTED_TRANSPORT_LEN = 8

/** Why a quote was refused. Also the name of the drop counter. */
export type QuoteDrop = 'icmp-quote-truncated' | 'icmp-quote-malformed'

/** The packet an ICMP error is about, of which only the beginning is there. */
export class Quote {
  protocol = 0
  src: Ipv4Addr = IPV4_ANY
  dst: Ipv4Addr = IPV4_ANY
  totalLen = 0
  /** The quoted transport header's first eight bytes. */
  srcPort = 0
  dstPort = 0
  seq = 0
  /** Where they stand. */
  transportAt = 0

  /** Reads the quote at [at, end). A later fragment holds no ports, so nobody could claim it. */
  parse(view: DataView, at: number, end: number): QuoteDrop | undefined {
    if (end - at < IPV4_HEADER_LEN + QUOTED_TRANSPORT_LEN) return 'icmp-quote-truncated'
    const versionIhl = view.getUint8(at)
    const headerLen = (versionIhl & 15) << 2
    if (versionIhl >>> 4 !== 4 || headerLen < IPV4_HEADER_LEN) return 'icmp-quote-malformed'
    if (end - at < headerLen + QUOTED_TRANSPORT_LEN) return 'icmp-quote-truncated'
    if ((view.getUint16(at + FLAGS_OFFSET) & OFFSET_MASK) !== 0) return 'icmp-quote-malformed'
    this.totalLen = view.getUint16(at + TOTAL_LEN)
    this.protocol = view.getUint8(at + PROTOCOL)
    this.src = view.getUint32(at + SRC) as Ipv4Addr
    this.dst = view.getUint32(at + DST) as Ipv4Addr
    const transportAt = at + headerLen
    this.transportAt = transportAt
    this.srcPort = view.getUint16(transportAt)
    this.dstPort = view.getUint16(transportAt + 2)
    this.seq = view.getUint32(transportAt + 4)
    return undefined
  }
}
