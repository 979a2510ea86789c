import { type Seq, seq, seqAdd, seqDiff, seqToU32 } from '../../base/seq.ts'
import { IpProtocol } from '../ipv4.ts'
import { TCP_HEADER_LEN, TcpFlag } from '../tcp.ts'
import { formatDns } from './dns.ts'
import { formatHttp } from './http.ts'
import { destinationOf, endpoints, type IpContext, rightSum, sourceOf, transportSum } from './ip-context.ts'
import { type BitNames, bitNames, hex, type Printer } from './printer.ts'
import { NO_BASE, type SequenceBase } from './sequence-bases.ts'
import { formatTcpOptions } from './tcp-options.ts'

const FLAG_LETTERS: BitNames = [
  [TcpFlag.FIN, 'F'],
  [TcpFlag.SYN, 'S'],
  [TcpFlag.RST, 'R'],
  [TcpFlag.PSH, 'P'],
  [TcpFlag.ACK, '.'],
  [TcpFlag.URG, 'U'],
  [TcpFlag.ECE, 'E'],
  [TcpFlag.CWR, 'W'],
]
const DNS_PORT = 53
const HTTP_PORTS = [80, 8080]
const MAX_RESET_TEXT = 30

/** `[S.]`'s inside, in tcpdump's letters. */
export const tcpFlagLetters = (flags: number): string => bitNames(flags, FLAG_LETTERS, '')

interface Numbers {
  readonly seq: Seq
  readonly ack: Seq
  readonly base: SequenceBase
  readonly reversed: boolean
}

/** The numbers as shown: relative to the first ones of the flow, except in the segment that began it. */
function shownNumbers(p: Printer, at: number, ip: IpContext, flags: number): Numbers {
  const from = seq(p.u32(at + 4))
  const ack = seq(p.u32(at + 8))
  if (p.options.absoluteSeq || !(flags & TcpFlag.ACK) || p.silent) {
    return { seq: from, ack, base: NO_BASE, reversed: false }
  }
  const srcPort = p.u16(at)
  const dstPort = p.u16(at + 2)
  const src = sourceOf(p, ip)
  const dst = destinationOf(p, ip)
  const reversed = srcPort > dstPort || (srcPort === dstPort && isAfter(p, ip))
  const key = reversed ? `${dst} ${dstPort} ${src} ${srcPort}` : `${src} ${srcPort} ${dst} ${dstPort}`
  const { base, fresh } = p.bases.learn(key, reversed, (flags & TcpFlag.SYN) !== 0, from, ack)
  if (fresh) return { seq: from, ack, base, reversed }
  const mine = reversed ? base.second : base.first
  const theirs = reversed ? base.first : base.second
  return { seq: seq(seqDiff(from, mine)), ack: seq(seqDiff(ack, theirs)), base, reversed }
}

/** Whether the source address is behind the destination address, octet by octet. */
function isAfter(p: Printer, ip: IpContext): boolean {
  const [srcAt, length] = ip.version === 4 ? [ip.at + 12, 4] : [ip.at + 8, 16]
  for (let i = 0; i < length; i++) {
    const difference = p.u8(srcAt + i) - p.u8(srcAt + length + i)
    if (difference !== 0) return difference > 0
  }
  return false
}

function formatChecksum(p: Printer, at: number, length: number, ip: IpContext): undefined {
  if (p.options.verbose === 0 || ip.fragmented || !p.has(at, length)) return
  const found = p.u16(at + 16)
  p.put(`, cksum 0x${hex(found, 4)}`)
  if (p.partialChecksum) return p.put(' (offloaded)')
  const sum = transportSum(p, ip, IpProtocol.TCP, at, at + length)
  p.put(sum === 0 ? ' (correct)' : ` (incorrect -> 0x${hex(rightSum(found, sum), 4)})`)
}

function formatPayload(p: Printer, at: number, length: number, flags: number, ports: readonly number[]): undefined {
  if (flags & TcpFlag.RST && p.options.verbose > 0) {
    const shown = Math.min(length, MAX_RESET_TEXT)
    const mark = `${p.has(at, length) ? '' : '!'}RST${length > shown ? '+' : ''}`
    p.put(` [${mark} ${p.string(at, shown)}]`)
  } else if (ports.includes(DNS_PORT)) {
    formatDns(p, at, length, { overTcp: true, multicast: false })
  } else if (ports.some((port) => HTTP_PORTS.includes(port))) {
    p.put(': ')
    formatHttp(p, at, length)
  }
}

/** Prints the segment of `length` bytes at `at`. */
export function formatTcp(p: Printer, at: number, length: number, ip: IpContext): undefined {
  p.protocol = 'tcp'
  if (!p.has(at, 4)) {
    p.put(`${sourceOf(p, ip)} > ${destinationOf(p, ip)}:`)
    return p.truncated()
  }
  const ports = [p.u16(at), p.u16(at + 2)]
  p.put(endpoints(p, ip, IpProtocol.TCP, p.port(ports[0]!, 'tcp'), p.port(ports[1]!, 'tcp')))
  if (!p.has(at, TCP_HEADER_LEN)) return p.truncated()
  const headerLen = (p.u8(at + 12) >>> 4) << 2
  if (headerLen < TCP_HEADER_LEN) {
    return p.put(` tcp ${(length - headerLen) >>> 0} [bad hdr length ${headerLen} - too short, < ${TCP_HEADER_LEN}]`)
  }
  const tooLong = ` [bad hdr length ${headerLen} - too long, > ${length}]`
  if (p.options.quiet) return p.put(`tcp ${(length - headerLen) >>> 0}${headerLen > length ? tooLong : ''}`)
  const flags = p.u8(at + 13)
  p.put(`Flags [${tcpFlagLetters(flags)}]`)
  const shown = shownNumbers(p, at, ip, flags)
  if (headerLen > length) return p.put(tooLong)
  formatChecksum(p, at, length, ip)

  const payloadLen = length - headerLen
  if (p.options.verbose > 1 || payloadLen > 0 || flags & (TcpFlag.SYN | TcpFlag.FIN | TcpFlag.RST)) {
    p.put(`, seq ${seqToU32(shown.seq)}`)
    if (payloadLen > 0) p.put(`:${seqToU32(seqAdd(shown.seq, payloadLen))}`)
  }
  if (flags & TcpFlag.ACK) p.put(`, ack ${seqToU32(shown.ack)}`)
  p.put(`, win ${p.u16(at + 14)}`)
  if (flags & TcpFlag.URG) p.put(`, urg ${p.u16(at + 18)}`)
  if (headerLen > TCP_HEADER_LEN) {
    const base = shown.reversed ? shown.base.first : shown.base.second
    if (!formatTcpOptions(p, at + TCP_HEADER_LEN, at + headerLen, base)) return
  }
  p.put(`, length ${payloadLen}`)
  if (payloadLen === 0) return
  if (!p.has(at, headerLen)) {
    p.put(` [remaining caplen(${p.end - at}) < header length(${headerLen})]`)
    return p.truncated()
  }
  formatPayload(p, at + headerLen, payloadLen, flags, ports)
}
