import { LinkType, SLL_HEADER_LEN, SLL2_HEADER_LEN } from '../pcap-record.ts'
import { formatEthernet, formatEtherType } from './ethernet.ts'
import { formatIp, formatRawIp } from './ip.ts'
import type { FormatOptions } from './options.ts'
import { hex, Printer } from './printer.ts'
import type { SequenceBases } from './sequence-bases.ts'

/** A frame as it was captured: `bytes[start, end)`, which may be less than was on the wire. */
export interface CapturedFrame {
  readonly bytes: Uint8Array
  readonly start: number
  readonly end: number
  /** The length on the wire. */
  readonly wireLength: number
  readonly linkType: number
  /** Whether the transport checksum was left to the hardware; false when absent. */
  readonly partialChecksum?: boolean
}

/** How systems number the IPv6 family in a loopback header: Linux, NetBSD, FreeBSD, macOS. */
const IPV6_FAMILIES: readonly number[] = [10, 24, 28, 30]
const SLL2_DIRECTIONS: readonly string[] = ['In', 'B', 'M', 'P', 'Out']

/** The family before a packet on a loopback interface, in the byte order of the machine that wrote it. */
function formatLoopback(p: Printer, at: number, length: number): undefined {
  p.protocol = 'null'
  if (!p.has(at, 4)) return p.truncated()
  const family = p.u8(at) || p.u8(at + 3)
  if (family === 2) return formatIp(p, at + 4, length - 4, 4)
  if (IPV6_FAMILIES.includes(family)) return formatIp(p, at + 4, length - 4, 6)
  p.put(`AF ${family}, length ${length}`)
}

function formatCooked(p: Printer, at: number, length: number): undefined {
  p.protocol = 'sll'
  if (!p.has(at, SLL_HEADER_LEN)) return p.truncated()
  const type = p.u16(at + 14)
  if (p.options.link) p.put(`ethertype 0x${hex(type, 4)}, length ${length}: `)
  if (!formatEtherType(p, type, at + SLL_HEADER_LEN, length - SLL_HEADER_LEN))
    p.put(`ethertype 0x${hex(type, 4)}, length ${length}`)
}

function formatCooked2(p: Printer, at: number, length: number): undefined {
  p.protocol = 'sll2'
  if (!p.has(at, SLL2_HEADER_LEN)) return p.truncated()
  const type = p.u16(at)
  p.put(`ifindex ${p.u32(at + 4)} ${(SLL2_DIRECTIONS[p.u8(at + 10)] ?? '?').padEnd(3)} `)
  if (!formatEtherType(p, type, at + SLL2_HEADER_LEN, length - SLL2_HEADER_LEN))
    p.put(`ethertype 0x${hex(type, 4)}, length ${length}`)
}

/**
 * One frame in tcpdump's words, without the time. Never throws, whatever the
 * bytes: where they end, or make no sense, the text says so. `bases` is what
 * relative sequence numbers count from; keep one for a whole capture.
 */
export function formatFrame(frame: CapturedFrame, options: FormatOptions, bases: SequenceBases): string {
  const p = new Printer(frame.bytes, frame.end, options, bases, frame.partialChecksum ?? false)
  const length = frame.wireLength
  switch (frame.linkType) {
    case LinkType.ETHERNET:
      formatEthernet(p, frame.start, length)
      break
    case LinkType.RAW:
      formatRawIp(p, frame.start, length)
      break
    case LinkType.IPV4:
      formatIp(p, frame.start, length, 4)
      break
    case LinkType.IPV6:
      formatIp(p, frame.start, length, 6)
      break
    case LinkType.NULL:
    case LinkType.LOOP:
      formatLoopback(p, frame.start, length)
      break
    case LinkType.LINUX_SLL:
      formatCooked(p, frame.start, length)
      break
    case LinkType.LINUX_SLL2:
      formatCooked2(p, frame.start, length)
      break
    default:
      p.put(`link type ${frame.linkType}, length ${length}`)
  }
  return p.text
}
