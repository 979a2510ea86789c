//  0      7 8     15 16    23 24    31
// +--------+--------+--------+--------+
// |   Source Port   | Destination Port|
// +--------+--------+--------+--------+
// |      Length     |     Checksum    |
// +--------+--------+--------+--------+  RFC 768
const SRC_PORT = 0
const DST_PORT = 2
const LENGTH = 4
const CHECKSUM = 6
export const UDP_HEADER_LEN = 8
/** Where the checksum stands in the header. */
export const UDP_CHECKSUM_OFFSET = CHECKSUM

/** Why a datagram was refused. Also the name of the drop counter. */
export type UdpDrop = 'udp-truncated' | 'udp-bad-length'

/** One parsed header; its owner fills it again for each datagram. */
export class UdpHeader {
  srcPort = 0
  dstPort = 0
  /** Header and payload, in bytes. */
  length = 0
  /** 0: the sender computed none. */
  checksum = 0
  payloadAt = 0
  /** Where the datagram ends by its own length. */
  end = 0

  /** Reads the header at [at, end). Never throws; undefined means accepted. */
  parse(view: DataView, at: number, end: number): UdpDrop | undefined {
    if (end - at < UDP_HEADER_LEN) return 'udp-truncated'
    const length = view.getUint16(at + LENGTH)
    if (length < UDP_HEADER_LEN || length > end - at) return 'udp-bad-length'
    this.srcPort = view.getUint16(at + SRC_PORT)
    this.dstPort = view.getUint16(at + DST_PORT)
    this.length = length
    this.checksum = view.getUint16(at + CHECKSUM)
    this.payloadAt = at + UDP_HEADER_LEN
    this.end = at + length
    return undefined
  }

  /** Writes the 8 bytes at `at` with checksum 0; returns their end. */
  write(view: DataView, at: number): number {
    view.setUint16(at + SRC_PORT, this.srcPort)
    view.setUint16(at + DST_PORT, this.dstPort)
    view.setUint16(at + LENGTH, this.length)
    view.setUint16(at + CHECKSUM, 0)
    return at + UDP_HEADER_LEN
  }
}
