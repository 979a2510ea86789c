import { type Ipv4Addr, MAC_BROADCAST, type MacAddr, parseMac } from '../../src/base/address.ts'
import { addSum, finishSum, pseudoSum } from '../../src/base/checksum.ts'
import { type Micros, NEVER } from '../../src/base/types.ts'
import { type ChecksumState, InFrame, type Link, type OutFrame } from '../../src/link/link.ts'
import { ARP_LEN, ArpHeader } from '../../src/wire/arp.ts'
import { ETHERNET_HEADER_LEN, EthernetHeader, EtherType } from '../../src/wire/ethernet.ts'
import { IPV4_HEADER_LEN, Ipv4Header } from '../../src/wire/ipv4.ts'
import { UDP_HEADER_LEN, UdpHeader } from '../../src/wire/udp.ts'

export const OUR_MAC = parseMac('02:00:00:00:00:01')!
export const PEER_MAC = parseMac('02:00:00:00:00:02')!

/** A link in the hands of a test: what the stack sends is kept, what the test feeds is received. */
export class TestLink implements Link {
  readonly name = 'test'
  readonly medium: 'ethernet' | 'ip'
  readonly mac: MacAddr
  mtu = 1500
  readonly offload = { checksum: false, segmentation: false }
  onWake: (() => void) | undefined
  sent: Uint8Array[] = []
  isFull = false
  isClosed = false
  #fed: { bytes: Uint8Array; checksum: ChecksumState; segmentSize: number }[] = []

  constructor(medium: 'ethernet' | 'ip' = 'ethernet') {
    this.medium = medium
    this.mac = medium === 'ethernet' ? OUR_MAC : (0 as MacAddr)
  }

  feed(bytes: Uint8Array, checksum: ChecksumState = 'complete', segmentSize = 0): void {
    this.#fed.push({ bytes, checksum, segmentSize })
  }

  send(frame: OutFrame): boolean {
    if (this.isFull) return false
    const bytes = new Uint8Array(frame.length)
    frame.copyTo(bytes, 0)
    this.sent.push(bytes)
    return true
  }

  flush(): void {}

  receive(_now: Micros, onFrame: (frame: InFrame) => void): void {
    for (const { bytes, checksum, segmentSize } of this.#fed.splice(0)) {
      const frame = new InFrame(bytes)
      frame.end = bytes.length
      frame.checksum = checksum
      frame.segmentSize = segmentSize
      onFrame(frame)
    }
  }

  pollAt(): Micros {
    return this.#fed.length > 0 ? (0 as Micros) : NEVER
  }

  close(): void {
    this.isClosed = true
  }

  /** What was sent since the last call. */
  take(): Uint8Array[] {
    return this.sent.splice(0)
  }
}

/** A frame with the given payload. */
export function ethernet(payload: Uint8Array, type: number, options: Partial<EthernetHeader> = {}): Uint8Array {
  const header = Object.assign(new EthernetHeader(), { dst: OUR_MAC, src: PEER_MAC, type }, options)
  const bytes = new Uint8Array(header.headerLen + payload.length)
  bytes.set(payload, header.write(new DataView(bytes.buffer), 0))
  return bytes
}

export function arp(fields: Partial<ArpHeader>, options: Partial<EthernetHeader> = {}): Uint8Array {
  const bytes = new Uint8Array(ARP_LEN)
  Object.assign(new ArpHeader(), fields).write(new DataView(bytes.buffer), 0)
  return ethernet(bytes, EtherType.ARP, { dst: MAC_BROADCAST, ...options })
}

/** An IP packet. */
export function packet(fields: Partial<Ipv4Header>, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(IPV4_HEADER_LEN + payload.length)
  const header = Object.assign(new Ipv4Header(), { ttl: 64, totalLen: bytes.length }, fields)
  header.write(new DataView(bytes.buffer), 0)
  bytes.set(payload, IPV4_HEADER_LEN)
  return bytes
}

/** A UDP datagram with a correct checksum, for `packet`. */
export function udp(src: Ipv4Addr, srcPort: number, dst: Ipv4Addr, dstPort: number, data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(UDP_HEADER_LEN + data.length)
  const view = new DataView(bytes.buffer)
  Object.assign(new UdpHeader(), { srcPort, dstPort, length: bytes.length }).write(view, 0)
  bytes.set(data, UDP_HEADER_LEN)
  const sum = addSum(pseudoSum(src, dst, 17, bytes.length), bytes, 0, bytes.length)
  view.setUint16(6, finishSum(sum) || 0xffff)
  return bytes
}

export function parseEthernet(bytes: Uint8Array): EthernetHeader {
  const header = new EthernetHeader()
  header.parse(new DataView(bytes.buffer), 0, bytes.length)
  return header
}

/** The ARP packets among the frames. */
export function arpsOf(frames: readonly Uint8Array[]): (ArpHeader & { to: MacAddr })[] {
  return frames.flatMap((bytes) => {
    const ether = parseEthernet(bytes)
    const header = new ArpHeader()
    if (ether.type !== EtherType.ARP) return []
    header.parse(new DataView(bytes.buffer), ether.payloadAt, bytes.length)
    return [Object.assign(header, { to: ether.dst })]
  })
}

/** The IP headers among the frames of a link, each with its packet. */
export function packetsOf(frames: readonly Uint8Array[], medium = 'ethernet'): (Ipv4Header & { bytes: Uint8Array })[] {
  return frames.flatMap((bytes) => {
    const at = medium === 'ethernet' ? ETHERNET_HEADER_LEN : 0
    if (medium === 'ethernet' && parseEthernet(bytes).type !== EtherType.IPV4) return []
    const own = bytes.slice(at)
    const header = new Ipv4Header()
    header.parse(new DataView(own.buffer), 0, own.length)
    return [Object.assign(header, { bytes: own })]
  })
}
