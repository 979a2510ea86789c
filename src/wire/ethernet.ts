import { MAC_NONE, type MacAddr } from '../base/address.ts'

// +------------------+------------------+-----------+---------------+
// |  Destination (6) |    Source (6)    |  Type (2) |  Payload ...  |  RFC 894
// +------------------+------------------+-----------+---------------+
// A tag stands before the type: TPID (2), then the TCI (2): priority 3 bits,
// drop-eligible 1 bit, VLAN identifier 12 bits (IEEE 802.1Q §9.6).
const DST = 0
const SRC = 6
const TYPE = 12
export const ETHERNET_HEADER_LEN = 14
export const VLAN_TAG_LEN = 4

/** Values of the type field (IANA, IEEE 802 numbers). */
export const EtherType = {
  IPV4: 0x0800,
  ARP: 0x0806,
  RARP: 0x8035,
  VLAN: 0x8100,
  IPV6: 0x86dd,
  QINQ: 0x88a8,
  LLDP: 0x88cc,
} as const

/** Why a frame was refused. Also the name of the drop counter. */
export type EthernetDrop = 'ethernet-truncated'

const MAX_TAGS = 2
const isTag = (type: number): boolean => type === EtherType.VLAN || type === EtherType.QINQ

/** Reads the six octets at `at`. */
export const readMac = (view: DataView, at: number): MacAddr =>
  (view.getUint16(at) * 0x100000000 + view.getUint32(at + 2)) as MacAddr

/** Writes the six octets at `at`. */
export function writeMac(view: DataView, at: number, mac: MacAddr): void {
  view.setUint16(at, mac / 0x100000000)
  view.setUint32(at + 2, mac)
}

/** One parsed frame header; its owner fills it again for each frame. */
export class EthernetHeader {
  dst: MacAddr = MAC_NONE
  src: MacAddr = MAC_NONE
  /** The type behind the tags; below 0x0600, the length of an IEEE 802.3 frame (RFC 1122 §2.3.3). */
  type = 0
  /** The 16-bit TCI of the outermost tag; -1 without one. */
  vlan = -1
  payloadAt = 0

  /** Reads the header at [at, end), skipping up to two tags. Never throws; undefined means accepted. */
  parse(view: DataView, at: number, end: number): EthernetDrop | undefined {
    if (end - at < ETHERNET_HEADER_LEN) return 'ethernet-truncated'
    this.dst = readMac(view, at + DST)
    this.src = readMac(view, at + SRC)
    this.vlan = -1
    let type = view.getUint16(at + TYPE)
    let payloadAt = at + ETHERNET_HEADER_LEN
    for (let tags = 0; tags < MAX_TAGS && isTag(type); tags++) {
      if (end - payloadAt < VLAN_TAG_LEN) return 'ethernet-truncated'
      if (tags === 0) this.vlan = view.getUint16(payloadAt)
      type = view.getUint16(payloadAt + 2)
      payloadAt += VLAN_TAG_LEN
    }
    this.type = type
    this.payloadAt = payloadAt
    return undefined
  }

  /** The length `write` needs: with the tag, if there is one. */
  get headerLen(): number {
    return this.vlan < 0 ? ETHERNET_HEADER_LEN : ETHERNET_HEADER_LEN + VLAN_TAG_LEN
  }

  /** Writes the header at `at`, with one 802.1Q tag when `vlan` is not -1; returns its end. */
  write(view: DataView, at: number): number {
    writeMac(view, at + DST, this.dst)
    writeMac(view, at + SRC, this.src)
    let typeAt = at + TYPE
    if (this.vlan >= 0) {
      view.setUint16(typeAt, EtherType.VLAN)
      view.setUint16(typeAt + 2, this.vlan)
      typeAt += VLAN_TAG_LEN
    }
    view.setUint16(typeAt, this.type)
    return typeAt + 2
  }
}
