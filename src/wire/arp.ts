import { IPV4_ANY, type Ipv4Addr, MAC_NONE, type MacAddr } from '../base/address.ts'
import { EtherType, readMac, writeMac } from './ethernet.ts'

//  0                   1                   2                   3
//  0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
// +-------------------------------+-------------------------------+
// |      Hardware address space   |     Protocol address space    |
// +---------------+---------------+-------------------------------+
// | Hardware len  | Protocol len  |           Operation           |
// +---------------+---------------+-------------------------------+
// | Sender hardware address (6), sender protocol address (4),     |
// | target hardware address (6), target protocol address (4)      |
// +---------------------------------------------------------------+  RFC 826, for Ethernet and IPv4
const HARDWARE = 0
const PROTOCOL = 2
const HARDWARE_LEN = 4
const PROTOCOL_LEN = 5
const OPERATION = 6
const SENDER_MAC = 8
const SENDER_IP = 14
const TARGET_MAC = 18
const TARGET_IP = 24
export const ARP_LEN = 28

const HARDWARE_ETHERNET = 1
const MAC_LEN = 6
const IPV4_LEN = 4

/** Values of the operation field (RFC 826; RFC 903 for the reverse pair). */
export const ArpOperation = { REQUEST: 1, REPLY: 2, REVERSE_REQUEST: 3, REVERSE_REPLY: 4 } as const

/** Why a packet was refused. Also the name of the drop counter. */
export type ArpDrop = 'arp-truncated' | 'arp-bad-hardware' | 'arp-bad-protocol' | 'arp-bad-length'

/** One parsed packet; its owner fills it again for each packet. */
export class ArpHeader {
  operation = 0
  senderMac: MacAddr = MAC_NONE
  senderIp: Ipv4Addr = IPV4_ANY
  targetMac: MacAddr = MAC_NONE
  targetIp: Ipv4Addr = IPV4_ANY
  /** What follows the packet: padding. */
  payloadAt = 0

  /** Reads the packet at [at, end). Never throws; undefined means accepted. */
  parse(view: DataView, at: number, end: number): ArpDrop | undefined {
    if (end - at < ARP_LEN) return 'arp-truncated'
    if (view.getUint16(at + HARDWARE) !== HARDWARE_ETHERNET) return 'arp-bad-hardware'
    if (view.getUint16(at + PROTOCOL) !== EtherType.IPV4) return 'arp-bad-protocol'
    if (view.getUint8(at + HARDWARE_LEN) !== MAC_LEN) return 'arp-bad-length'
    if (view.getUint8(at + PROTOCOL_LEN) !== IPV4_LEN) return 'arp-bad-length'
    this.operation = view.getUint16(at + OPERATION)
    this.senderMac = readMac(view, at + SENDER_MAC)
    this.senderIp = view.getUint32(at + SENDER_IP) as Ipv4Addr
    this.targetMac = readMac(view, at + TARGET_MAC)
    this.targetIp = view.getUint32(at + TARGET_IP) as Ipv4Addr
    this.payloadAt = at + ARP_LEN
    return undefined
  }

  /** Writes the 28 bytes at `at`; returns their end. */
  write(view: DataView, at: number): number {
    view.setUint16(at + HARDWARE, HARDWARE_ETHERNET)
    view.setUint16(at + PROTOCOL, EtherType.IPV4)
    view.setUint8(at + HARDWARE_LEN, MAC_LEN)
    view.setUint8(at + PROTOCOL_LEN, IPV4_LEN)
    view.setUint16(at + OPERATION, this.operation)
    writeMac(view, at + SENDER_MAC, this.senderMac)
    view.setUint32(at + SENDER_IP, this.senderIp)
    writeMac(view, at + TARGET_MAC, this.targetMac)
    view.setUint32(at + TARGET_IP, this.targetIp)
    return at + ARP_LEN
  }
}
