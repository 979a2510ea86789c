import { isIPv4, isIPv6 } from 'node:net'

/** An address as a number, with the family that tells how many bits it has. */
export interface AddressBits {
  readonly family: 4 | 6
  readonly bits: bigint
}

/** ::ffff:0:0/96: an IPv4 address that calls itself IPv6 (RFC 4291 §2.5.5.2). */
const MAPPED = 0xffffn

/** Reads an address of either family, with a zone or without; an IPv4 address that is written as IPv6 is one of IPv4. */
export function parseAddress(text: string): AddressBits | undefined {
  if (isIPv4(text)) return { family: 4, bits: ipv4Bits(text) }
  if (!isIPv6(text)) return undefined
  const bits = ipv6Bits(text)
  return bits >> 32n === MAPPED ? { family: 4, bits: bits & 0xffffffffn } : { family: 6, bits }
}

/** An IPv4 address as itself, where a socket of both families has written it as one of IPv6. */
export function plainAddress(address: string): string {
  const [, mapped = ''] = /^::ffff:([\d.]+)$/i.exec(address) ?? []
  return isIPv4(mapped) ? mapped : address
}

/**
 * Who is one and the same for limits: an IPv4 address, or the /64 network of an IPv6 one, for whoever has one address of it
 * has them all (RFC 6177). Anything else, such as the name of a Unix socket, stands for itself.
 */
export function originOf(address: string): string {
  const plain = plainAddress(address)
  const parsed = parseAddress(plain)
  if (parsed === undefined) return address
  if (parsed.family === 4) return octetsOf(parsed.bits, 4).join('.')
  const words = Array.from({ length: 4 }, (_, i) => ((parsed.bits >> BigInt(112 - 16 * i)) & 0xffffn).toString(16))
  return `${words.join(':')}::/64`
}

/** The octets of a number, the highest first. */
export const octetsOf = (bits: bigint, count: number): number[] =>
  Array.from({ length: count }, (_, i) => Number((bits >> BigInt(8 * (count - 1 - i))) & 0xffn))

/** The 128 bits of what `node:net` has found to be an IPv6 address; its zone does not count. */
export function ipv6Bits(text: string): bigint {
  const [head = '', tail] = text.replace(/%.*$/, '').split('::')
  const before = words(head)
  const after = tail === undefined ? [] : words(tail)
  const between = new Array<bigint>(8 - before.length - after.length).fill(0n)
  return [...before, ...between, ...after].reduce((bits, word) => (bits << 16n) | word, 0n)
}

const ipv4Bits = (text: string): bigint => text.split('.').reduce((bits, part) => (bits << 8n) | BigInt(part), 0n)

function words(part: string): bigint[] {
  if (part === '') return []
  return part.split(':').flatMap((word) => {
    if (!word.includes('.')) return [BigInt(`0x${word}`)]
    const bits = ipv4Bits(word)
    return [bits >> 16n, bits & 0xffffn]
  })
}
