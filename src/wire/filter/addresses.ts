import { maskOf, parseIpv4 } from '../../base/address.ts'

/** A network to compare addresses with: 4 or 16 bytes, and as many mask bytes. */
export interface Network {
  readonly bytes: readonly number[]
  readonly mask: readonly number[]
}

const IPV6_WORDS = 8

/** The 16 bytes of an IPv6 address in text (RFC 4291 §2.2); undefined for anything else. */
export function parseIpv6(text: string): number[] | undefined {
  const halves = text.split('::')
  if (halves.length > 2 || !text.includes(':')) return undefined
  const words = halves.map(parseWords)
  const [left, right] = words
  if (left === undefined || (halves.length === 2 && right === undefined)) return undefined
  const given = left.length + (right?.length ?? 0)
  if (halves.length === 1 ? given !== IPV6_WORDS : given >= IPV6_WORDS) return undefined
  const all = [...left, ...new Array<number>(IPV6_WORDS - given).fill(0), ...(right ?? [])]
  return all.flatMap((word) => [word >>> 8, word & 255])
}

function parseWords(text: string): number[] | undefined {
  if (text === '') return []
  const words: number[] = []
  for (const part of text.split(':')) {
    const quad = part.includes('.') ? parseIpv4(part) : undefined
    if (quad !== undefined) words.push(quad >>> 16, quad & 0xffff)
    else if (/^[0-9a-f]{1,4}$/i.test(part)) words.push(Number.parseInt(part, 16))
    else return undefined
  }
  return words
}

const bytesOf = (word: number): number[] => [word >>> 24, (word >>> 16) & 255, (word >>> 8) & 255, word & 255]

/** `prefix` ones, then zeros, over `length` bytes. */
function maskBytes(prefix: number, length: number): number[] {
  return Array.from({ length }, (_, i) => {
    const bits = Math.min(8, Math.max(0, prefix - 8 * i))
    return (0xff << (8 - bits)) & 0xff
  })
}

/** A single address of either family; undefined for anything else. */
export function parseHost(text: string): Network | undefined {
  const quad = parseIpv4(text)
  if (quad !== undefined) return { bytes: bytesOf(quad), mask: maskBytes(32, 4) }
  const bytes = parseIpv6(text)
  return bytes === undefined ? undefined : { bytes, mask: maskBytes(128, 16) }
}

/**
 * A network: `10.0.0.0/8`, `2001:db8::/32`, or the leading octets alone, as in
 * `net 192.168`. `mask` is that of `net 10.0.0.0 mask 255.0.0.0`.
 */
export function parseNetwork(text: string, mask?: string): Network | undefined {
  const [address, bits, ...rest] = text.split('/')
  if (rest.length > 0 || address === undefined) return undefined
  if (address.includes(':')) {
    const bytes = parseIpv6(address)
    const prefix = bits === undefined ? 128 : Number(bits)
    if (bytes === undefined || !(prefix >= 0 && prefix <= 128)) return undefined
    return clean(bytes, maskBytes(prefix, 16))
  }
  const octets = address.split('.')
  if (octets.length > 4 || !octets.every((octet) => /^\d{1,3}$/.test(octet) && Number(octet) < 256)) return undefined
  const prefix = bits === undefined ? 8 * octets.length : Number(bits)
  const given = mask === undefined ? maskOf(prefix) : parseIpv4(mask)
  if (!(prefix >= 0 && prefix <= 32) || given === undefined) return undefined
  const value = octets
    .concat('0', '0', '0')
    .slice(0, 4)
    .reduce((sum, octet) => sum * 256 + Number(octet), 0)
  return clean(bytesOf(value), bytesOf(given))
}

/** A network whose host bits are zero, so that it can match; undefined otherwise. */
const clean = (bytes: readonly number[], mask: readonly number[]): Network | undefined =>
  bytes.every((byte, i) => (byte & ~mask[i]! & 255) === 0) ? { bytes, mask } : undefined

/** Whether the address at `at` lies in the network. */
export function isIn(bytes: Uint8Array, at: number, network: Network): boolean {
  for (let i = 0; i < network.bytes.length; i++) {
    if ((bytes[at + i]! & network.mask[i]!) !== network.bytes[i]) return false
  }
  return true
}
