import { isIPv6 } from 'node:net'

/**
 * What counts as one address for limits: an IPv4 address, also in IPv6's notation, and of IPv6 the /64 network, for
 * whoever has one address of it has them all (RFC 6177). Anything else, such as the name of a Unix socket, stands for itself.
 */
export function addressKey(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address)
  if (mapped !== null) return mapped[1]!
  const text = address.replace(/%.*$/, '')
  if (!isIPv6(text)) return address
  const [head = '', tail] = text.split('::')
  const before = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  const missing = Math.max(0, 8 - before.length - after.length - (text.includes('.') ? 1 : 0))
  const words = [...before, ...new Array<string>(tail === undefined ? 0 : missing).fill('0'), ...after]
  const network = words.slice(0, 4).map((word) => Number.parseInt(word, 16).toString(16))
  return `${network.join(':')}::/64`
}
