import { TcpFlag } from '../wire/tcp.ts'
import { formatOption } from './packet-options.ts'
import type { IpPart, OptionPart, PacketAction, TcpPart } from './syntax.ts'

const LETTERS: readonly (readonly [string, number])[] = [
  ['F', TcpFlag.FIN],
  ['S', TcpFlag.SYN],
  ['R', TcpFlag.RST],
  ['P', TcpFlag.PSH],
  ['U', TcpFlag.URG],
  ['E', TcpFlag.ECE],
  ['W', TcpFlag.CWR],
  ['.', TcpFlag.ACK],
]

/** The control bits that letters stand for. */
export const flagBits = (letters: string): number =>
  LETTERS.reduce((bits, [letter, bit]) => (letters.includes(letter) ? bits | bit : bits), 0)

/** Letters for control bits, `-` for none. */
export function flagLetters(bits: number): string {
  const letters = LETTERS.filter(([, bit]) => (bits & bit) !== 0).map(([letter]) => letter)
  return letters.length === 0 ? '-' : letters.join('')
}

/** A packet as scripts write it, without its direction. */
export function formatPacket(packet: PacketAction): string {
  const { body, ip } = packet
  if (body.kind === 'tcp') return `${formatIp(ip)}${formatTcp(body)}`
  if (body.kind === 'udp') return `${formatIp(ip)}udp (${body.length})`
  const code = body.code === undefined ? '' : ` ${body.code}`
  return `${formatIp(ip)}icmp ${body.type}${code}`
}

function formatIp({ tos, ttl }: IpPart): string {
  if (tos?.kind === 'ecn') return `[${tos.codepoint}] `
  if (tos?.kind === 'tos') return `[tos 0x${tos.value.toString(16)}] `
  return ttl === undefined ? '' : `[ttl ${ttl}] `
}

/** The same for a segment alone. */
export function formatTcp(part: Omit<TcpPart, 'kind' | 'ports'>): string {
  const { seq, length } = part
  const words = [part.flags === '' ? '-' : part.flags, `${seq}:${(seq + length) % 2 ** 32}(${length})`]
  if (part.ack !== undefined) words.push(`ack ${part.ack}`)
  if (part.window !== undefined) words.push(`win ${part.window}`)
  if (part.urgent !== undefined && part.urgent > 0) words.push(`urg ${part.urgent}`)
  const options = formatOptions(part.options)
  if (options !== '') words.push(`<${options}>`)
  return words.join(' ')
}

const formatOptions = (options: readonly OptionPart[] | 'any'): string =>
  options === 'any' ? '...' : options.map(formatOption).join(',')
