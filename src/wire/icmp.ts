import { IPV4_ANY, type Ipv4Addr } from '../base/address.ts'
import { checksum } from '../base/checksum.ts'

//  0                   1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +---------------+---------------+-------------------------------+
// |     Type      |     Code      |            Checksum           |
// +---------------+---------------+-------------------------------+
// |  by type: identifier, sequence number; or next-hop MTU in the |
// |  second half (RFC 1191 §4); or pointer; or gateway address    |
// +---------------------------------------------------------------+
// |  Data: of an echo, or the packet an error is about            |
// +---------------------------------------------------------------+  RFC 792
const TYPE = 0
const CODE = 1
const CHECKSUM = 2
const POINTER = 4
const GATEWAY = 4
const ID = 4
const SEQ = 6
const MTU = 6
export const ICMP_HEADER_LEN = 8

/** Values of the type field (RFC 792; IANA, ICMP type numbers). */
export const IcmpType = {
  ECHO_REPLY: 0,
  UNREACHABLE: 3,
  SOURCE_QUENCH: 4,
  REDIRECT: 5,
  ECHO_REQUEST: 8,
  ROUTER_ADVERTISEMENT: 9,
  ROUTER_SOLICITATION: 10,
  TIME_EXCEEDED: 11,
  PARAMETER_PROBLEM: 12,
  TIMESTAMP: 13,
  TIMESTAMP_REPLY: 14,
  INFO_REQUEST: 15,
  INFO_REPLY: 16,
  MASK_REQUEST: 17,
  MASK_REPLY: 18,
} as const

/** Values of the code field, by type (RFC 792, RFC 1122 §3.2.2.1, RFC 1812 §5.2.7.1). */
export const IcmpCode = {
  NET_UNREACHABLE: 0,
  HOST_UNREACHABLE: 1,
  PROTOCOL_UNREACHABLE: 2,
  PORT_UNREACHABLE: 3,
  FRAGMENTATION_NEEDED: 4,
  SOURCE_ROUTE_FAILED: 5,
  NET_UNKNOWN: 6,
  HOST_UNKNOWN: 7,
  HOST_ISOLATED: 8,
  NET_PROHIBITED: 9,
  HOST_PROHIBITED: 10,
  NET_UNREACHABLE_FOR_TOS: 11,
  HOST_UNREACHABLE_FOR_TOS: 12,
  ADMIN_PROHIBITED: 13,
  PRECEDENCE_VIOLATION: 14,
  PRECEDENCE_CUTOFF: 15,
  REDIRECT_NET: 0,
  REDIRECT_HOST: 1,
  REDIRECT_TOS_NET: 2,
  REDIRECT_TOS_HOST: 3,
  TTL_EXCEEDED: 0,
  REASSEMBLY_TIMEOUT: 1,
} as const

/** Why a message was refused. Also the name of the drop counter. */
export type IcmpDrop = 'icmp-truncated'

/** Whether a message of this type is an error, so that none may be sent about it (RFC 1122 §3.2.2). */
export const isIcmpError = (type: number): boolean =>
  type === IcmpType.UNREACHABLE ||
  type === IcmpType.SOURCE_QUENCH ||
  type === IcmpType.REDIRECT ||
  type === IcmpType.TIME_EXCEEDED ||
  type === IcmpType.PARAMETER_PROBLEM

/** One parsed header; its owner fills it again for each message. */
export class IcmpHeader {
  type = 0
  code = 0
  checksum = 0
  /** Of an echo, its identifier and sequence number. */
  id = 0
  seq = 0
  /** Of "fragmentation needed", the next-hop MTU; 0 from a router older than RFC 1191. */
  mtu = 0
  /** Of a parameter problem, the octet where it is. */
  pointer = 0
  /** Of a redirect, the better router. */
  gateway: Ipv4Addr = IPV4_ANY
  payloadAt = 0

  /** Reads the header at [at, end); fields of other types hold no meaning. Never throws; undefined means accepted. */
  parse(view: DataView, at: number, end: number): IcmpDrop | undefined {
    if (end - at < ICMP_HEADER_LEN) return 'icmp-truncated'
    this.type = view.getUint8(at + TYPE)
    this.code = view.getUint8(at + CODE)
    this.checksum = view.getUint16(at + CHECKSUM)
    this.id = view.getUint16(at + ID)
    this.seq = view.getUint16(at + SEQ)
    this.mtu = view.getUint16(at + MTU)
    this.pointer = view.getUint8(at + POINTER)
    this.gateway = view.getUint32(at + GATEWAY) as Ipv4Addr
    this.payloadAt = at + ICMP_HEADER_LEN
    return undefined
  }

  /** Writes the 8 bytes at `at` as the type asks, with checksum 0; returns their end. */
  write(view: DataView, at: number): number {
    view.setUint8(at + TYPE, this.type)
    view.setUint8(at + CODE, this.code)
    view.setUint16(at + CHECKSUM, 0)
    view.setUint32(at + GATEWAY, 0)
    switch (this.type) {
      case IcmpType.UNREACHABLE:
        view.setUint16(at + MTU, this.mtu)
        break
      case IcmpType.REDIRECT:
        view.setUint32(at + GATEWAY, this.gateway)
        break
      case IcmpType.PARAMETER_PROBLEM:
        view.setUint8(at + POINTER, this.pointer)
        break
      case IcmpType.SOURCE_QUENCH:
      case IcmpType.TIME_EXCEEDED:
        break
      default:
        view.setUint16(at + ID, this.id)
        view.setUint16(at + SEQ, this.seq)
    }
    return at + ICMP_HEADER_LEN
  }
}

/** Whether the message `bytes[at, end)` holds a correct checksum. */
export const icmpChecksumOk = (bytes: Uint8Array, at: number, end: number): boolean => checksum(bytes, at, end) === 0

/** Sums the message `bytes[at, end)`, whose checksum field is 0, and writes the result into it. */
export function writeIcmpChecksum(bytes: Uint8Array, at: number, end: number): void {
  const sum = checksum(bytes, at, end)
  bytes[at + CHECKSUM] = sum >>> 8
  bytes[at + CHECKSUM + 1] = sum
}
