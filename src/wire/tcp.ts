import { type Seq, seq } from '../base/seq.ts'

//  0                   1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-------------------------------+-------------------------------+
// |          Source Port          |       Destination Port        |
// +-------------------------------+-------------------------------+
// |                        Sequence Number                        |
// +---------------------------------------------------------------+
// |                    Acknowledgment Number                      |
// +-------+-------+---------------+-------------------------------+
// |  Data |       |C|E|U|A|P|R|S|F|                               |
// | Offset| Rsrvd |W|C|R|C|S|S|Y|I|            Window             |
// |       |       |R|E|G|K|H|T|N|N|                               |
// +-------+-------+---------------+-------------------------------+
// |           Checksum            |         Urgent Pointer        |
// +-------------------------------+-------------------------------+
// |                           [Options]                           |
// +---------------------------------------------------------------+  RFC 9293 §3.1
const SRC_PORT = 0
const DST_PORT = 2
const SEQ_NUM = 4
const ACK_NUM = 8
const DATA_OFFSET = 12
const FLAGS = 13
const WINDOW = 14
const CHECKSUM = 16
const URGENT = 18
/** The header without options. */
export const TCP_HEADER_LEN = 20
/** Where the checksum stands in the header. */
export const TCP_CHECKSUM_OFFSET = CHECKSUM

export const TcpFlag = {
  FIN: 0x01,
  SYN: 0x02,
  RST: 0x04,
  PSH: 0x08,
  ACK: 0x10,
  URG: 0x20,
  ECE: 0x40,
  CWR: 0x80,
} as const

/** Why a segment was refused. Also the name of the drop counter. */
export type TcpDrop = 'tcp-truncated' | 'tcp-bad-offset'

/** One parsed header; its owner fills it again for each segment. */
export class TcpHeader {
  srcPort = 0
  dstPort = 0
  seq: Seq = seq(0)
  ack: Seq = seq(0)
  /** 20 to 60 bytes. */
  headerLen = TCP_HEADER_LEN
  /** The eight control bits, as in TcpFlag. */
  flags = 0
  /** As on the wire, not scaled. */
  window = 0
  checksum = 0
  urgent = 0
  /** The options are [optionsAt, payloadAt). */
  optionsAt = 0
  payloadAt = 0
  payloadLen = 0

  /** Reads the header at [at, end). Never throws; undefined means accepted. */
  parse(view: DataView, at: number, end: number): TcpDrop | undefined {
    if (end - at < TCP_HEADER_LEN) return 'tcp-truncated'
    const headerLen = (view.getUint8(at + DATA_OFFSET) >>> 4) << 2
    if (headerLen < TCP_HEADER_LEN || headerLen > end - at) return 'tcp-bad-offset'
    this.srcPort = view.getUint16(at + SRC_PORT)
    this.dstPort = view.getUint16(at + DST_PORT)
    this.seq = view.getInt32(at + SEQ_NUM) as Seq
    this.ack = view.getInt32(at + ACK_NUM) as Seq
    this.headerLen = headerLen
    this.flags = view.getUint8(at + FLAGS)
    this.window = view.getUint16(at + WINDOW)
    this.checksum = view.getUint16(at + CHECKSUM)
    this.urgent = view.getUint16(at + URGENT)
    this.optionsAt = at + TCP_HEADER_LEN
    this.payloadAt = at + headerLen
    this.payloadLen = end - this.payloadAt
    return undefined
  }

  /** Writes 20 bytes at `at`, `headerLen` in the offset field and checksum 0; returns their end, where options go. */
  write(view: DataView, at: number): number {
    view.setUint16(at + SRC_PORT, this.srcPort)
    view.setUint16(at + DST_PORT, this.dstPort)
    view.setInt32(at + SEQ_NUM, this.seq)
    view.setInt32(at + ACK_NUM, this.ack)
    view.setUint8(at + DATA_OFFSET, (this.headerLen >>> 2) << 4)
    view.setUint8(at + FLAGS, this.flags)
    view.setUint16(at + WINDOW, this.window)
    view.setUint16(at + CHECKSUM, 0)
    view.setUint16(at + URGENT, this.urgent)
    return at + TCP_HEADER_LEN
  }
}
