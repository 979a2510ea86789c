import { IPV4_ANY, type Ipv4Addr } from '../base/address.ts'
import { checksum } from '../base/checksum.ts'

//  0                   1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +---------------+---------------+-------------------------------+
// |      Type     | Max Resp Time |           Checksum            |
// +---------------+---------------+-------------------------------+
// |                         Group Address                         |
// +---------------------------------------------------------------+  RFC 2236 §2
const TYPE = 0
const MAX_RESPONSE = 1
const CHECKSUM = 2
const GROUP = 4
export const IGMP_LEN = 8

/** Values of the type field (RFC 2236 §2.1, RFC 3376 §4). */
export const IgmpType = { QUERY: 0x11, V1_REPORT: 0x12, V2_REPORT: 0x16, LEAVE: 0x17, V3_REPORT: 0x22 } as const

/** Why a message was refused. Also the name of the drop counter. */
export type IgmpDrop = 'igmp-truncated' | 'igmp-bad-checksum'

/** One parsed message; its owner fills it again for each. */
export class IgmpHeader {
  type = 0
  /** Of a query, in tenths of a second; 0 from an IGMPv1 router. */
  maxResponse = 0
  /** Zero in a general query. */
  group: Ipv4Addr = IPV4_ANY

  /** Reads the message at `bytes[at, end)`, which `view` is over too. Never throws; undefined means accepted. */
  parse(bytes: Uint8Array, view: DataView, at: number, end: number): IgmpDrop | undefined {
    if (end - at < IGMP_LEN) return 'igmp-truncated'
    // RFC 2236 §2.3: the sum covers the whole IP payload, of which a later version has more.
    if (checksum(bytes, at, end) !== 0) return 'igmp-bad-checksum'
    this.type = view.getUint8(at + TYPE)
    this.maxResponse = view.getUint8(at + MAX_RESPONSE)
    this.group = view.getUint32(at + GROUP) as Ipv4Addr
    return undefined
  }

  /** Writes the 8 bytes at `at`, checksum included; returns their end. */
  write(bytes: Uint8Array, view: DataView, at: number): number {
    view.setUint8(at + TYPE, this.type)
    view.setUint8(at + MAX_RESPONSE, this.maxResponse)
    view.setUint16(at + CHECKSUM, 0)
    view.setUint32(at + GROUP, this.group)
    view.setUint16(at + CHECKSUM, checksum(bytes, at, at + IGMP_LEN))
    return at + IGMP_LEN
  }
}
