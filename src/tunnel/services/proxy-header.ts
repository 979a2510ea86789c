import { isIP } from 'node:net'
import { type AddressBits, octetsOf, parseAddress } from '../../transport/address.ts'
import { parseHostPort } from '../../transport/host-port.ts'

/** Of the PROXY protocol, as haproxy's doc/proxy-protocol.txt defines it: 1 is a line of text, 2 is binary. */
export type ProxyVersion = 'v1' | 'v2'

/** §2.2: what no other protocol begins with. */
const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1')
/** §2.2: version and command in one octet, family and protocol in the next. */
const LOCAL = 0x20
const PROXY = 0x21
const TCP4 = 0x11
const TCP6 = 0x21
/** ::ffff:0:0/96, for an IPv4 address beside one of IPv6. */
const MAPPED = 0xffffn << 32n

interface Place {
  readonly address: AddressBits
  readonly port: number
}

/**
 * What a server that expects the PROXY protocol is told before anything else: where the connection comes from and where
 * it was taken. Where the source is no address it says so (UNKNOWN, LOCAL). A destination that is not known is all zeros.
 * @param source `address:port`, or anything else for none
 */
export function proxyHeader(version: ProxyVersion, source: string, destination: string | undefined): Buffer {
  const from = parsePlace(source)
  if (from === undefined) return version === 'v1' ? Buffer.from('PROXY UNKNOWN\r\n') : binary(LOCAL, 0, [])
  const to = parsePlace(destination ?? '') ?? { address: { family: from.address.family, bits: 0n }, port: 0 }
  const isIpv4 = from.address.family === 4 && to.address.family === 4
  if (version === 'v1') {
    const [a, b] = isIpv4 ? [formatIpv4(from), formatIpv4(to)] : [formatIpv6(from), formatIpv6(to)]
    return Buffer.from(`PROXY ${isIpv4 ? 'TCP4' : 'TCP6'} ${a} ${b} ${from.port} ${to.port}\r\n`)
  }
  const width = isIpv4 ? 4 : 16
  const places = [from, to].map(({ address }) => octetsOf(isIpv4 ? address.bits : ipv6(address), width))
  return binary(PROXY, isIpv4 ? TCP4 : TCP6, [...places.flat(), ...octetsOf(ports(from, to), 4)])
}

function binary(command: number, family: number, addresses: readonly number[]): Buffer {
  const length = octetsOf(BigInt(addresses.length), 2)
  return Buffer.concat([SIGNATURE, Buffer.from([command, family, ...length, ...addresses])])
}

function parsePlace(text: string): Place | undefined {
  const parsed = parseHostPort(text)
  if (parsed === undefined || !isIP(parsed.host)) return undefined
  return { address: parseAddress(parsed.host)!, port: parsed.port }
}

const ports = (from: Place, to: Place): bigint => BigInt(from.port * 65_536 + to.port)

const ipv6 = ({ family, bits }: AddressBits): bigint => (family === 6 ? bits : MAPPED | bits)

const formatIpv4 = ({ address }: Place): string => octetsOf(address.bits, 4).join('.')

const formatIpv6 = ({ address }: Place): string =>
  ipv6(address)
    .toString(16)
    .padStart(32, '0')
    .match(/.{4}/g)!
    .map((word) => word.replace(/^0{1,3}/, ''))
    .join(':')
