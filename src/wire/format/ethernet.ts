import { ETHERNET_HEADER_LEN, EtherType } from '../ethernet.ts'
import { formatArp } from './arp.ts'
import { ETHER_TYPE_NAMES } from './ether-types.ts'
import { hexdump } from './hexdump.ts'
import { formatIp } from './ip.ts'
import { formatLldp } from './lldp.ts'
import { hex, type Printer } from './printer.ts'
import { formatStp } from './stp.ts'

/** The largest value that is a length, not a type (IEEE 802.3 §3.2.6). */
const MAX_LENGTH = 1500
const TAGS: readonly number[] = [EtherType.VLAN, EtherType.QINQ, 0x9100, 0x9200]

const SAP_NAMES: Readonly<Record<number, string>> = {
  0: 'Null',
  6: 'IP',
  66: 'STP',
  170: 'SNAP',
  224: 'IPX',
  240: 'NetBeui',
  254: 'ISO NLPID',
  255: 'Global',
}
const SAP_STP = 0x42
const SAP_SNAP = 0xaa
const UNNUMBERED_INFORMATION = 0x03

const typeText = (p: Printer, type: number): string => {
  const name = ETHER_TYPE_NAMES[type]
  if (p.options.quiet) return name ?? `Unknown Ethertype (0x${hex(type, 4)})`
  return `ethertype ${name ?? 'Unknown'} (0x${hex(type, 4)})`
}

/** The priority, drop-eligible bit and identifier of a tag (IEEE 802.1Q §9.6). */
const tagText = (tci: number): string => `vlan ${tci & 0xfff}, p ${tci >>> 13}${tci & 0x1000 ? ', DEI' : ''}`

/** Prints what an Ethernet type announces; false when the type is unknown. */
export function formatEtherType(p: Printer, type: number, at: number, length: number): boolean {
  switch (type) {
    case EtherType.IPV4:
      formatIp(p, at, length, 4)
      return true
    case EtherType.IPV6:
      formatIp(p, at, length, 6)
      return true
    case EtherType.ARP:
    case EtherType.RARP:
      formatArp(p, at, length)
      return true
    case EtherType.LLDP:
      formatLldp(p, at, length)
      return true
    default:
      return false
  }
}

/** The bytes of what has no printer; not with -q. */
function dumpRest(p: Printer, at: number): undefined {
  if (!p.options.quiet) p.put(hexdump(p.bytes, at, p.end, true))
}

/** Prints the frame of `length` bytes at `at`. */
export function formatEthernet(p: Printer, at: number, length: number): undefined {
  p.protocol = 'ether'
  if (!p.has(at, ETHERNET_HEADER_LEN)) return p.truncated()
  const addresses = `${p.mac(at + 6)} > ${p.mac(at)}, `
  if (p.options.link) p.put(addresses)
  let type = p.u16(at + 12)
  let i = at + ETHERNET_HEADER_LEN
  let named = false
  while (TAGS.includes(type)) {
    p.protocol = 'vlan'
    if (!p.has(i, 4)) return p.truncated()
    if (p.options.link) p.put(`${typeText(p, type)}${named ? ', ' : `, length ${length}: `}${tagText(p.u16(i))}, `)
    named = true
    type = p.u16(i + 2)
    i += 4
  }
  const rest = length - (i - at)
  if (type <= MAX_LENGTH) return formatLlc(p, i, Math.min(type, rest), addresses, named)
  if (p.options.link) p.put(`${typeText(p, type)}${named ? ', ' : `, length ${length}: `}`)
  if (formatEtherType(p, type, i, rest)) return
  if (!p.options.link) p.put(`${addresses}${typeText(p, type)}, length ${length}: `)
  dumpRest(p, i)
}

/** Prints the IEEE 802.2 header and what follows it: spanning tree, or a SNAP header with an Ethernet type. */
function formatLlc(p: Printer, at: number, length: number, addresses: string, named: boolean): undefined {
  const outer = p.narrow(at, length)
  if (p.options.link) p.put(`802.3${named ? '' : `, length ${length}: `}`)
  p.protocol = 'llc'
  if (!p.has(at, 3)) {
    p.truncated()
    dumpRest(p, at)
  } else {
    const [dsap, ssap, control] = [p.u8(at), p.u8(at + 1), p.u8(at + 2)]
    if (p.options.link) p.put(llcText(dsap, ssap, control))
    const isPlain = dsap === ssap && control === UNNUMBERED_INFORMATION
    if (isPlain && dsap === SAP_STP) formatStp(p, at + 3, length - 3)
    else if (isPlain && dsap === SAP_SNAP) formatSnap(p, at + 3, length - 3)
    else formatOtherLlc(p, at, length, addresses)
  }
  p.end = outer
}

function llcText(dsap: number, ssap: number, control: number): string {
  const sap = (value: number): string => `${SAP_NAMES[value & 0xfe] ?? 'Unknown'} (0x${hex(value & 0xfe, 2)})`
  const ends = `dsap ${sap(dsap)} ${dsap & 1 ? 'Group' : 'Individual'}, ssap ${sap(ssap)} ${ssap & 1 ? 'Response' : 'Command'}`
  return `LLC, ${ends}, ctrl 0x${hex(control, 2)}: `
}

function formatSnap(p: Printer, at: number, length: number): undefined {
  p.protocol = 'snap'
  if (!p.has(at, 5)) return p.truncated()
  const organization = p.octets(at, 3)
  const type = p.u16(at + 3)
  if (organization === '000000' && formatEtherType(p, type, at + 5, length - 5)) return
  p.put(`SNAP, oui 0x${organization}, pid 0x${hex(type, 4)}, length ${length - 5}: `)
  dumpRest(p, at + 5)
}

function formatOtherLlc(p: Printer, at: number, length: number, addresses: string): undefined {
  const dsap = p.u8(at) & 0xfe
  if (!p.options.link) p.put(`${addresses.slice(0, -2)} ${SAP_NAMES[dsap] ?? `Unknown DSAP 0x${hex(dsap, 2)}`} `)
  p.put(`LLC, length ${length}`)
  dumpRest(p, at + 3)
}
