import { type Ipv4Addr, type MacAddr, parseIpv4, parseMac } from '../../src/base/address.ts'
import { addSum, checksum, finishSum, pseudoSum } from '../../src/base/checksum.ts'
import { seq } from '../../src/base/seq.ts'
import { ArpHeader } from '../../src/wire/arp.ts'
import { EthernetHeader, EtherType } from '../../src/wire/ethernet.ts'
import { ICMP_HEADER_LEN, IcmpHeader, writeIcmpChecksum } from '../../src/wire/icmp.ts'
import { IPV4_HEADER_LEN, IpProtocol, Ipv4Header } from '../../src/wire/ipv4.ts'
import { TCP_CHECKSUM_OFFSET, TcpHeader } from '../../src/wire/tcp.ts'
import { TcpOptions } from '../../src/wire/tcp-options.ts'
import { UDP_CHECKSUM_OFFSET, UDP_HEADER_LEN, UdpHeader } from '../../src/wire/udp.ts'

/** Builds whole frames for tests, correct unless a test says otherwise. */

export const MAC_A = parseMac('02:42:0a:00:00:02')!
export const MAC_B = parseMac('02:42:0a:00:00:03')!
export const A = parseIpv4('10.0.0.2')!
export const B = parseIpv4('10.0.0.3')!

export const ip = (text: string): Ipv4Addr => parseIpv4(text)!
export const mac = (text: string): MacAddr => parseMac(text)!
export const viewOf = (bytes: Uint8Array): DataView => new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
/** Bytes from hexadecimal text; white space is for the reader. */
export const hex = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text.replace(/\s/g, ''), 'hex'))
export const ascii = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'))

export function join(...parts: readonly Uint8Array[]): Uint8Array {
  const out = new Uint8Array(parts.reduce((length, part) => length + part.length, 0))
  let at = 0
  for (const part of parts) {
    out.set(part, at)
    at += part.length
  }
  return out
}

export function ethernet(type: number, payload: Uint8Array, fields: Partial<EthernetHeader> = {}): Uint8Array {
  const header = Object.assign(new EthernetHeader(), { dst: MAC_B, src: MAC_A, type }, fields)
  const bytes = new Uint8Array(header.headerLen)
  header.write(viewOf(bytes), 0)
  return join(bytes, payload)
}

export function arp(fields: Partial<ArpHeader>): Uint8Array {
  const header = Object.assign(new ArpHeader(), { operation: 1, senderMac: MAC_A, senderIp: A, targetIp: B }, fields)
  const bytes = new Uint8Array(28)
  header.write(viewOf(bytes), 0)
  return ethernet(EtherType.ARP, bytes, { src: header.senderMac })
}

type Ipv4Fields = Partial<Omit<Ipv4Header, 'parse' | 'write'>> & { readonly options?: Uint8Array }

export function ipv4Packet(protocol: number, payload: Uint8Array, fields: Ipv4Fields = {}): Uint8Array {
  const { options = new Uint8Array(0), ...rest } = fields
  const header = new Ipv4Header()
  const totalLen = IPV4_HEADER_LEN + options.length + payload.length
  Object.assign(header, { totalLen, ttl: 64, protocol, src: A, dst: B, id: 4242, dontFragment: true }, rest)
  const bytes = new Uint8Array(IPV4_HEADER_LEN)
  header.write(viewOf(bytes), 0)
  const packet = join(bytes, options, payload)
  if (options.length > 0) {
    packet[0] = 0x45 + options.length / 4
    packet.fill(0, 10, 12)
    viewOf(packet).setUint16(10, checksum(packet, 0, IPV4_HEADER_LEN + options.length))
  }
  return packet
}

export const ipv4 = (protocol: number, payload: Uint8Array, fields: Ipv4Fields = {}): Uint8Array =>
  ethernet(EtherType.IPV4, ipv4Packet(protocol, payload, fields))

function finish(bytes: Uint8Array, protocol: number, at: number, src: Ipv4Addr, dst: Ipv4Addr): Uint8Array {
  const sum = addSum(pseudoSum(src, dst, protocol, bytes.length), bytes, 0, bytes.length)
  viewOf(bytes).setUint16(at, finishSum(sum))
  return bytes
}

export interface TcpFields {
  readonly src?: Ipv4Addr
  readonly dst?: Ipv4Addr
  readonly srcPort?: number
  readonly dstPort?: number
  readonly seq?: number
  readonly ack?: number
  readonly flags?: number
  readonly window?: number
  readonly urgent?: number
  readonly options?: Partial<TcpOptions>
  /** The options' bytes as they stand, in place of `options`. */
  readonly rawOptions?: Uint8Array
  readonly data?: Uint8Array
}

export function tcpSegment(fields: TcpFields): Uint8Array {
  const { src = A, dst = B, options = {}, rawOptions, data = new Uint8Array(0) } = fields
  const written = Object.assign(new TcpOptions(), options)
  const header = new TcpHeader()
  header.srcPort = fields.srcPort ?? 40000
  header.dstPort = fields.dstPort ?? 8888
  header.seq = seq(fields.seq ?? 1000)
  header.ack = seq(fields.ack ?? 0)
  header.flags = fields.flags ?? 0x10
  header.window = fields.window ?? 64240
  header.urgent = fields.urgent ?? 0
  header.headerLen = 20 + (rawOptions?.length ?? written.length())
  const bytes = new Uint8Array(header.headerLen)
  const at = header.write(viewOf(bytes), 0)
  if (rawOptions !== undefined) bytes.set(rawOptions, at)
  else written.write(viewOf(bytes), at)
  return finish(join(bytes, data), IpProtocol.TCP, TCP_CHECKSUM_OFFSET, src, dst)
}

export const tcp = (fields: TcpFields): Uint8Array =>
  ipv4(IpProtocol.TCP, tcpSegment(fields), { src: fields.src ?? A, dst: fields.dst ?? B })

export interface UdpFields {
  readonly src?: Ipv4Addr
  readonly dst?: Ipv4Addr
  readonly srcPort?: number
  readonly dstPort?: number
  readonly checksum?: boolean
  readonly data?: Uint8Array
}

export function udpDatagram(fields: UdpFields): Uint8Array {
  const { src = A, dst = B, data = new Uint8Array(0) } = fields
  const header = new UdpHeader()
  header.srcPort = fields.srcPort ?? 5000
  header.dstPort = fields.dstPort ?? 6000
  header.length = UDP_HEADER_LEN + data.length
  const bytes = new Uint8Array(UDP_HEADER_LEN)
  header.write(viewOf(bytes), 0)
  const datagram = join(bytes, data)
  return fields.checksum === false ? datagram : finish(datagram, IpProtocol.UDP, UDP_CHECKSUM_OFFSET, src, dst)
}

export const udp = (fields: UdpFields): Uint8Array =>
  ipv4(IpProtocol.UDP, udpDatagram(fields), { src: fields.src ?? A, dst: fields.dst ?? B })

export interface IcmpFields {
  readonly type: number
  readonly code?: number
  readonly id?: number
  readonly seq?: number
  readonly mtu?: number
  readonly pointer?: number
  readonly gateway?: Ipv4Addr
  readonly data?: Uint8Array
  readonly src?: Ipv4Addr
  readonly dst?: Ipv4Addr
}

export function icmpMessage(fields: IcmpFields): Uint8Array {
  const { data = new Uint8Array(0), src: _src, dst: _dst, ...rest } = fields
  const bytes = new Uint8Array(ICMP_HEADER_LEN)
  Object.assign(new IcmpHeader(), rest).write(viewOf(bytes), 0)
  const message = join(bytes, data)
  writeIcmpChecksum(message, 0, message.length)
  return message
}

export const icmp = (fields: IcmpFields): Uint8Array =>
  ipv4(IpProtocol.ICMP, icmpMessage(fields), { src: fields.src ?? A, dst: fields.dst ?? B })

/** The IPv6 packet with addresses in hexadecimal, 32 digits each. */
export function ipv6(next: number, payload: Uint8Array, src: string, dst: string): Uint8Array {
  const header = hex(
    `60012345 ${payload.length.toString(16).padStart(4, '0')} ${next.toString(16).padStart(2, '0')} ff`,
  )
  return ethernet(EtherType.IPV6, join(header, hex(src), hex(dst), payload))
}
