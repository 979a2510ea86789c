import { isIPv4, isIPv6 } from 'node:net'

/** The octets of an IPv6 address, which `node:net` has found to be one. */
export function ipv6Octets(text: string): readonly number[] {
  const [head = '', tail] = text.replace(/%.*$/, '').split('::')
  const words = (part: string): number[] =>
    part === ''
      ? []
      : part.split(':').flatMap((word) => (word.includes('.') ? pairs(word) : [Number.parseInt(word, 16)]))
  const before = words(head)
  const after = tail === undefined ? [] : words(tail)
  const all = [...before, ...new Array<number>(8 - before.length - after.length).fill(0), ...after]
  return all.flatMap((word) => [word >>> 8, word & 0xff])
}

/** An IPv4 address at the end of an IPv6 one. */
function pairs(text: string): number[] {
  const [a, b, c, d] = text.split('.').map(Number)
  return [(a! << 8) | b!, (c! << 8) | d!]
}

/** An IPv4 address as itself, where a socket of both families has written it as one of IPv6 (RFC 4291 §2.5.5.2). */
export function plainAddress(address: string): string {
  const [, mapped = ''] = /^::ffff:([\d.]+)$/i.exec(address) ?? []
  return isIPv4(mapped) ? mapped : address
}

/** Who is one and the same for limits: an IPv4 address, or the network of an IPv6 one, where a host has 2^64 of them. */
export function originOf(address: string): string {
  const plain = plainAddress(address)
  if (!isIPv6(plain)) return plain
  return Buffer.from(ipv6Octets(plain).slice(0, 8)).toString('hex')
}
