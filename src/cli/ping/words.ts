import { ERROR_CODES } from '../../base/errors.ts'
import type { PingFailure, PingReply } from '../../stack/ping-events.ts'
import { ICMP_HEADER_LEN, IcmpCode } from '../../wire/icmp.ts'
import { IPV4_HEADER_LEN } from '../../wire/ipv4.ts'

// The lines of iputils' ping, so that scripts which read one can read the other.

const UNREACHABLE: Readonly<Record<number, string>> = {
  [IcmpCode.NET_UNREACHABLE]: 'Destination Net Unreachable',
  [IcmpCode.HOST_UNREACHABLE]: 'Destination Host Unreachable',
  [IcmpCode.PROTOCOL_UNREACHABLE]: 'Destination Protocol Unreachable',
  [IcmpCode.PORT_UNREACHABLE]: 'Destination Port Unreachable',
  [IcmpCode.SOURCE_ROUTE_FAILED]: 'Source Route Failed',
  [IcmpCode.NET_UNKNOWN]: 'Destination Net Unknown',
  [IcmpCode.HOST_UNKNOWN]: 'Destination Host Unknown',
  [IcmpCode.HOST_ISOLATED]: 'Source Host Isolated',
  [IcmpCode.NET_PROHIBITED]: 'Destination Net Prohibited',
  [IcmpCode.HOST_PROHIBITED]: 'Destination Host Prohibited',
  [IcmpCode.NET_UNREACHABLE_FOR_TOS]: 'Destination Net Unreachable for Type of Service',
  [IcmpCode.HOST_UNREACHABLE_FOR_TOS]: 'Destination Host Unreachable for Type of Service',
  [IcmpCode.ADMIN_PROHIBITED]: 'Packet filtered',
  [IcmpCode.PRECEDENCE_VIOLATION]: 'Precedence Violation',
  [IcmpCode.PRECEDENCE_CUTOFF]: 'Precedence Cutoff',
}

/** `PING 172.20.0.3 (172.20.0.3) 56(84) bytes of data.` */
export function heading(name: string, address: string, size: number, source: string | undefined): string {
  const from = source === undefined ? '' : ` from ${source} :`
  return `PING ${name} (${address})${from} ${size}(${size + ICMP_HEADER_LEN + IPV4_HEADER_LEN}) bytes of data.`
}

/** `PATTERN: 0xff00` */
export const patternLine = (pattern: Uint8Array): string =>
  `PATTERN: 0x${[...pattern].map((byte) => byte.toString(16).padStart(2, '0')).join('')}`

/** `64 bytes from 172.20.0.3: icmp_seq=1 ttl=64 time=0.412 ms` */
export function replyLine(reply: PingReply, size: number): string {
  const { seq, from, ttl, bytes, rttUs } = reply
  let line = `${bytes} bytes from ${from}: icmp_seq=${seq} ttl=${ttl}`
  if (bytes < size + ICMP_HEADER_LEN) return `${line} (truncated)`
  if (rttUs !== undefined) line += ` time=${roundTrip(rttUs)} ms`
  if (reply.isDuplicate) line += ' (DUP!)'
  if (reply.isCorrupt) line += ' (BAD CHECKSUM!)'
  if (reply.isAltered && !reply.isCorrupt) line += ' (WRONG DATA!)'
  return line
}

/** Milliseconds with three significant figures; below one, three decimals. Parts of a microsecond do not count. */
export function roundTrip(time: number): string {
  const micros = Math.trunc(time)
  if (micros >= 99_950) return (micros / 1000).toFixed(0)
  if (micros >= 9995) return (micros / 1000).toFixed(1)
  return (micros / 1000).toFixed(micros >= 1000 ? 2 : 3)
}

/** `From 172.20.0.2 icmp_seq=3 Destination Host Unreachable`; a request that never left is a local error. */
export function errorLine(failure: PingFailure): string {
  const { icmp, code, mtu, seq, from } = failure
  if (icmp === undefined) {
    const reason = code === 'EMSGSIZE' ? `message too long, mtu=${mtu}` : ERROR_CODES[code]
    return `ping: local error: ${reason}`
  }
  return `From ${from} icmp_seq=${seq} ${reasonOf(icmp.kind, icmp.code, mtu)}`
}

export function reasonOf(kind: NonNullable<PingFailure['icmp']>['kind'], code: number, mtu: number): string {
  if (kind === 'parameter-problem') return 'Parameter problem'
  if (kind === 'time-exceeded') {
    return code === IcmpCode.TTL_EXCEEDED ? 'Time to live exceeded' : 'Frag reassembly time exceeded'
  }
  if (code === IcmpCode.FRAGMENTATION_NEEDED) return `Frag needed and DF set (mtu = ${mtu})`
  return UNREACHABLE[code] ?? `Dest Unreachable, Bad Code: ${code}`
}
