import type { MacAddr } from '../../base/address.ts'
import { ARP_LEN } from '../arp.ts'
import { EtherType, readMac } from '../ethernet.ts'
import { type FrameLayers, hasPorts } from '../layers.ts'
import { isIn, type Network } from './addresses.ts'

/** A compiled part of an expression. */
export type Predicate = (packet: FrameLayers) => boolean

export type Direction = 'src' | 'dst' | 'src or dst' | 'src and dst'

/** Combines what is true of the source with what is true of the destination. */
function directed(direction: Direction, src: Predicate, dst: Predicate): Predicate {
  switch (direction) {
    case 'src':
      return src
    case 'dst':
      return dst
    case 'src or dst':
      return (packet) => src(packet) || dst(packet)
    default:
      return (packet) => src(packet) && dst(packet)
  }
}

/** Where the address of one end stands: in IP, or, for the sender and target, in ARP; -1 where there is none. */
function addressAt(packet: FrameLayers, isSrc: boolean, length: number): number {
  const at = packet.networkAt
  if (length === 16) return packet.isIpv6 && packet.has(at, 40) ? at + (isSrc ? 8 : 24) : -1
  if (packet.isIpv4) return packet.has(at, 20) ? at + (isSrc ? 12 : 16) : -1
  const isArp = packet.etherType === EtherType.ARP || packet.etherType === EtherType.RARP
  return isArp && packet.has(at, ARP_LEN) ? at + (isSrc ? 14 : 24) : -1
}

/** `host`, `net`: an end of the packet lies in the network; `only` limits it to IP or ARP. */
export function network(network: Network, direction: Direction, only: number | undefined): Predicate {
  const end = (isSrc: boolean): Predicate => {
    return (packet) => {
      if (only !== undefined && packet.etherType !== only) return false
      const at = addressAt(packet, isSrc, network.bytes.length)
      return at >= 0 && isIn(packet.bytes, at, network)
    }
  }
  return directed(direction, end(true), end(false))
}

/** `port`, `portrange`: a port of a TCP, UDP or SCTP packet, or of `only` that protocol, lies in [from, to]. */
export function ports(from: number, to: number, direction: Direction, only: number | undefined): Predicate {
  const end = (offset: number): Predicate => {
    return (packet) => {
      if (only === undefined ? !hasPorts(packet.protocol) : packet.protocol !== only) return false
      if (packet.transportAt < 0 || !packet.has(packet.transportAt + offset, 2)) return false
      const port = packet.view.getUint16(packet.transportAt + offset)
      return port >= from && port <= to
    }
  }
  return directed(direction, end(0), end(2))
}

/** `ether host`. */
export function station(mac: MacAddr, direction: Direction): Predicate {
  const end = (offset: number): Predicate => {
    return (packet) =>
      packet.isEthernet && packet.has(packet.start, 12) && readMac(packet.view, packet.start + offset) === mac
  }
  return directed(direction, end(6), end(0))
}

export const etherType =
  (type: number): Predicate =>
  (packet) =>
    packet.etherType === type

/** `proto`: IP of either version, or only one, carries that protocol. */
export const transport = (protocol: number, only?: number): Predicate => {
  return (packet) => packet.protocol === protocol && (only === undefined || packet.etherType === only)
}

/** `vlan`: any tag, or one with that identifier. */
export const vlan = (id: number | undefined): Predicate => {
  return (packet) => (id === undefined ? packet.vlans.length > 0 : packet.vlans.includes(id))
}

export const isBroadcastFrame: Predicate = (packet) =>
  packet.isEthernet && packet.has(packet.start, 6) && readMac(packet.view, packet.start) === 0xffffffffffff

export const isMulticastFrame: Predicate = (packet) =>
  packet.isEthernet && packet.has(packet.start, 1) && (packet.view.getUint8(packet.start) & 1) === 1

export const isMulticastIp: Predicate = (packet) =>
  packet.isIpv4 && packet.has(packet.networkAt, 20) && packet.view.getUint8(packet.networkAt + 16) >>> 4 === 0xe

export const isMulticastIp6: Predicate = (packet) =>
  packet.isIpv6 && packet.has(packet.networkAt, 40) && packet.view.getUint8(packet.networkAt + 24) === 0xff
