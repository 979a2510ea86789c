import { isIPv4, isIPv6 } from 'node:net'

/** An address as a number, with the family that tells how many bits it has. */
export interface AddressBits {
  readonly family: 4 | 6
  readonly bits: bigint
}

/** An address and how many of its leading bits count. */
export interface AddressRange extends AddressBits {
  readonly prefix: number
}

const WIDTH = { 4: 32, 6: 128 } as const

/** ::ffff:0:0/96: an IPv4 address that calls itself IPv6 (RFC 4291 §2.5.5.2). */
const MAPPED = 0xffffn

/** Reads an address of either family; an IPv4 address that is written as IPv6 is one of IPv4. */
export function parseAddress(text: string): AddressBits | undefined {
  if (isIPv4(text)) return { family: 4, bits: ipv4Bits(text) }
  if (!isIPv6(text)) return undefined
  const bits = ipv6Bits(text)
  return bits >> 32n === MAPPED ? { family: 4, bits: bits & 0xffffffffn } : { family: 6, bits }
}

/** Reads `10.0.0.0/8`, `2001:db8::/32`, or an address alone. */
export function parseRange(text: string): AddressRange | undefined {
  const [host = '', prefix, ...rest] = text.split('/')
  const address = parseAddress(host)
  if (address === undefined || rest.length > 0) return undefined
  const width = WIDTH[address.family]
  if (prefix === undefined) return { ...address, prefix: width }
  if (!/^\d{1,3}$/.test(prefix) || Number(prefix) > width) return undefined
  return { ...address, prefix: Number(prefix) }
}

/** Whether the address lies in the range. */
export function isInRange(address: AddressBits, range: AddressRange): boolean {
  if (address.family !== range.family) return false
  const shift = BigInt(WIDTH[range.family] - range.prefix)
  return address.bits >> shift === range.bits >> shift
}

/** Whether all of `inner` lies in `outer`. */
export const isWithin = (inner: AddressRange, outer: AddressRange): boolean =>
  inner.prefix >= outer.prefix && isInRange(inner, outer)

const ipv4Bits = (text: string): bigint => text.split('.').reduce((bits, part) => (bits << 8n) | BigInt(part), 0n)

/** The 128 bits of what `node:net` has found to be an IPv6 address; its zone does not count. */
export function ipv6Bits(text: string): bigint {
  const [head = '', tail] = text.replace(/%.*$/, '').split('::')
  const before = words(head)
  const after = tail === undefined ? [] : words(tail)
  const between = new Array<bigint>(8 - before.length - after.length).fill(0n)
  return [...before, ...between, ...after].reduce((bits, word) => (bits << 16n) | word, 0n)
}

function words(part: string): bigint[] {
  if (part === '') return []
  return part.split(':').flatMap((word) => {
    if (!word.includes('.')) return [BigInt(`0x${word}`)]
    const bits = ipv4Bits(word)
    return [bits >> 16n, bits & 0xffffn]
  })
}
