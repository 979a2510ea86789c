import { addSum, finishSum, pseudoSum } from '../base/checksum.ts'
import { type Seq, seq } from '../base/seq.ts'
import { ICMP_HEADER_LEN, IcmpCode, IcmpHeader, IcmpType, writeIcmpChecksum } from '../wire/icmp.ts'
import { EcnCodepoint, IPV4_HEADER_LEN, IpProtocol, Ipv4Header } from '../wire/ipv4.ts'
import { TCP_CHECKSUM_OFFSET, TCP_HEADER_LEN, TcpHeader } from '../wire/tcp.ts'
import type { Connection } from './connection.ts'
import { encodeOptions } from './packet-options.ts'
import { flagBits } from './packet-text.ts'
import type { IcmpPart, IpPart, OptionPart, PacketAction, TcpPart } from './syntax.ts'
import { ArgumentError } from './values.ts'

/** What a packet of the script has where it does not say. */
const DEFAULT_TTL = 255
const QUOTED_TTL = 64
/** An ICMP error quotes the IP header and eight octets behind it (RFC 792). */
const QUOTED_OCTETS = 8

const CODEPOINTS = {
  noecn: EcnCodepoint.NOT_ECT,
  ect0: EcnCodepoint.ECT_0,
  ect1: EcnCodepoint.ECT_1,
  ce: EcnCodepoint.CE,
}
const CODES: Readonly<Record<string, number>> = {
  net_unreachable: IcmpCode.NET_UNREACHABLE,
  host_unreachable: IcmpCode.HOST_UNREACHABLE,
  protocol_unreachable: IcmpCode.PROTOCOL_UNREACHABLE,
  port_unreachable: IcmpCode.PORT_UNREACHABLE,
  frag_needed: IcmpCode.FRAGMENTATION_NEEDED,
  source_route_failed: IcmpCode.SOURCE_ROUTE_FAILED,
  net_unreachable_for_tos: IcmpCode.NET_UNREACHABLE_FOR_TOS,
  host_unreachable_for_tos: IcmpCode.HOST_UNREACHABLE_FOR_TOS,
}
const TYPES: Readonly<Record<string, number>> = {
  unreachable: IcmpType.UNREACHABLE,
  time_exceeded: IcmpType.TIME_EXCEEDED,
  source_quench: IcmpType.SOURCE_QUENCH,
}

/** The bytes of a packet of the peer. `isScaled` lets echoed timestamps stand between those that were sent. */
export function buildPacket(packet: PacketAction, connection: Connection, isScaled: boolean): Uint8Array {
  const { body, ip } = packet
  switch (body.kind) {
    case 'tcp':
      return withIp(ip, connection, IpProtocol.TCP, buildTcp(body, connection, isScaled))
    case 'icmp':
      return withIp(ip, connection, IpProtocol.ICMP, buildIcmp(body, connection))
    case 'udp':
      throw new ArgumentError('a UDP packet: scripts of UDP are not supported')
  }
}

function withIp(ip: IpPart, connection: Connection, protocol: number, payload: Uint8Array): Uint8Array {
  const header = new Ipv4Header()
  header.protocol = protocol
  header.ttl = ip.ttl ?? DEFAULT_TTL
  header.tos = ip.tos === undefined ? 0 : ip.tos.kind === 'tos' ? ip.tos.value : codepoint(ip.tos.codepoint)
  header.src = connection.remote
  header.dst = connection.local
  header.totalLen = IPV4_HEADER_LEN + payload.length
  const bytes = new Uint8Array(header.totalLen)
  const at = header.write(new DataView(bytes.buffer), 0)
  bytes.set(payload, at)
  return bytes
}

const codepoint = (name: string): number => CODEPOINTS[name as keyof typeof CODEPOINTS]

function buildTcp(part: TcpPart, connection: Connection, isScaled: boolean): Uint8Array {
  const isSyn = part.flags.includes('S')
  const hasAck = part.flags.includes('.')
  const options = part.options === 'any' ? [] : part.options
  const encoded = encodeOptions(options.map((option) => toWire(option, connection, { isSyn, hasAck, isScaled })))
  const header = new TcpHeader()
  header.srcPort = part.ports?.src ?? connection.remotePort
  header.dstPort = part.ports?.dst ?? connection.localPort
  header.seq = seq(part.seq + connection.remoteOffset(isSyn))
  header.ack = hasAck ? seq((part.ack ?? 0) + connection.localOffset(isSyn)) : (0 as Seq)
  header.flags = flagBits(part.flags)
  header.window = part.window ?? 0
  header.urgent = part.urgent ?? 0
  header.headerLen = TCP_HEADER_LEN + encoded.length
  const bytes = new Uint8Array(header.headerLen + part.length)
  const view = new DataView(bytes.buffer)
  bytes.set(encoded, header.write(view, 0))
  const sum = pseudoSum(connection.remote, connection.local, IpProtocol.TCP, bytes.length)
  view.setUint16(TCP_CHECKSUM_OFFSET, finishSum(addSum(sum, bytes, 0, bytes.length)))
  return bytes
}

/** An option with the script's numbers of our side made the wire's: SACK blocks and echoed timestamps. */
function toWire(
  option: OptionPart,
  connection: Connection,
  segment: { isSyn: boolean; hasAck: boolean; isScaled: boolean },
): OptionPart {
  if (option.kind === 'sack') {
    const offset = connection.localOffset(segment.isSyn)
    return { ...option, blocks: option.blocks.map(([start, end]) => [start + offset, end + offset] as const) }
  }
  if (option.kind !== 'timestamp' || !segment.hasAck) return option
  const ecr = connection.liveTimestamp(option.ecr, segment.isScaled)
  if (ecr !== undefined) return { ...option, ecr }
  throw new ArgumentError(`a segment that echoes the timestamp ${option.ecr}, which no segment of ours has had`)
}

function buildIcmp(part: IcmpPart, connection: Connection): Uint8Array {
  const type = TYPES[part.type]
  if (type === undefined) throw new ArgumentError(`an ICMP message ${part.type}, which is not known here`)
  const code = part.code === undefined ? 0 : CODES[part.code]
  if (code === undefined) throw new ArgumentError(`an ICMP code ${part.code}, which is not known here`)
  const header = new IcmpHeader()
  header.type = type
  header.code = code
  header.mtu = part.mtu ?? 0
  const quoted = quote(part, connection)
  const bytes = new Uint8Array(ICMP_HEADER_LEN + quoted.length)
  bytes.set(quoted, header.write(new DataView(bytes.buffer), 0))
  writeIcmpChecksum(bytes, 0, bytes.length)
  return bytes
}

/** The beginning of a segment of ours, as a router would send it back. */
function quote(part: IcmpPart, connection: Connection): Uint8Array {
  const ip = new Ipv4Header()
  ip.protocol = IpProtocol.TCP
  ip.ttl = QUOTED_TTL
  ip.src = connection.local
  ip.dst = connection.remote
  ip.totalLen = IPV4_HEADER_LEN + TCP_HEADER_LEN + (part.quoted?.length ?? 0)
  const bytes = new Uint8Array(IPV4_HEADER_LEN + QUOTED_OCTETS)
  const view = new DataView(bytes.buffer)
  const at = ip.write(view, 0)
  view.setUint16(at, connection.localPort)
  view.setUint16(at + 2, connection.remotePort)
  view.setInt32(at + 4, (part.quoted?.seq ?? 0) + connection.localOffset(false))
  return bytes
}
