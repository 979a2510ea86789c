import { ArpOperation } from '../arp.ts'
import { ETHER_TYPE_NAMES } from './ether-types.ts'
import { hexdump } from './hexdump.ts'
import { hex, type Printer } from './printer.ts'

const IPV4 = 0x0800
const TRAILER = 0x1000
const INVERSE_REQUEST = 8
const INVERSE_REPLY = 9

const HARDWARE: Readonly<Record<number, string>> = {
  1: 'Ethernet',
  6: 'TokenRing',
  7: 'ArcNet',
  15: 'FrameRelay',
  23: 'Strip',
  24: 'IEEE 1394',
  32: 'InfiniBand',
}
const OPERATIONS: Readonly<Record<number, string>> = {
  [ArpOperation.REQUEST]: 'Request',
  [ArpOperation.REPLY]: 'Reply',
  [ArpOperation.REVERSE_REQUEST]: 'Reverse Request',
  [ArpOperation.REVERSE_REPLY]: 'Reverse Reply',
  [INVERSE_REQUEST]: 'Inverse Request',
  [INVERSE_REPLY]: 'Inverse Reply',
}

/** Prints the packet of `length` bytes at `at`; its address lengths are as it says, which need not be Ethernet's. */
export function formatArp(p: Printer, at: number, length: number): undefined {
  p.protocol = 'arp'
  if (!p.has(at, 8)) return p.truncated()
  const hardware = p.u16(at)
  const protocol = p.u16(at + 2)
  const hardwareLen = p.u8(at + 4)
  const protocolLen = p.u8(at + 5)
  const operation = p.u16(at + 6)
  const isIp = protocol === IPV4 || protocol === TRAILER
  const senderMac = at + 8
  const senderIp = senderMac + hardwareLen
  const targetMac = senderIp + protocolLen
  const targetIp = targetMac + hardwareLen
  if (!p.has(targetIp, protocolLen)) return p.truncated()
  const address = (where: number): string =>
    isIp ? (protocolLen === 4 ? p.ip4(where) : '<wrong len>') : '<wrong proto type>'
  const station = (where: number): string => p.octets(where, hardwareLen, ':')

  if (!p.options.link) p.put('ARP, ')
  if (!isIp || protocolLen !== 4 || hardwareLen === 0 || p.options.verbose > 0) {
    const hardwareName = HARDWARE[hardware] ?? `Unknown Hardware (${hardware})`
    const protocolName = ETHER_TYPE_NAMES[protocol] ?? `Unknown Protocol (0x${hex(protocol, 4)})`
    p.put(`${hardwareName} (len ${hardwareLen}), ${protocolName} (len ${protocolLen})`)
    if (p.options.verbose === 0) return p.put(`, length ${length}`)
  }
  p.put(`${p.options.verbose > 0 ? ', ' : ''}${OPERATIONS[operation] ?? `Unknown (${operation})`} `)
  switch (operation) {
    case ArpOperation.REQUEST: {
      const isAsked = p.bytes.subarray(targetMac, targetMac + hardwareLen).some((octet) => octet !== 0)
      p.put(`who-has ${address(targetIp)}${isAsked ? ` (${station(targetMac)})` : ''} tell ${address(senderIp)}`)
      break
    }
    case ArpOperation.REPLY:
      p.put(`${address(senderIp)} is-at ${station(senderMac)}`)
      break
    case ArpOperation.REVERSE_REQUEST:
    case INVERSE_REQUEST:
      p.put(`who-is ${station(targetMac)} tell ${station(senderMac)}`)
      break
    case ArpOperation.REVERSE_REPLY:
      p.put(`${station(targetMac)} at ${address(targetIp)}`)
      break
    case INVERSE_REPLY:
      p.put(`${station(senderMac)} at ${address(senderIp)}`)
      break
    default:
      return p.put(hexdump(p.bytes, at, Math.min(p.end, at + length), true))
  }
  p.put(`, length ${length}`)
}
