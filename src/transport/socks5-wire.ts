import { isIPv4, isIPv6 } from 'node:net'
import type { ErrorCode } from '../base/errors.ts'
import { ipv6Bits, octetsOf } from './address.ts'
import type { HostPort } from './host-port.ts'

export const SOCKS5_VERSION = 5
/** RFC 1929 §2: of the exchange of name and password. */
export const LOGIN_VERSION = 1
/** RFC 1928 §3. */
export const Method = { NONE: 0, LOGIN: 2, NOT_ACCEPTABLE: 0xff } as const
/** RFC 1928 §4. */
export const Command = { CONNECT: 1, UDP_ASSOCIATE: 3 } as const
export type Command = (typeof Command)[keyof typeof Command]
const AddressType = { IPV4: 1, DOMAIN: 3, IPV6: 4 } as const

/** RFC 1928 §7: two reserved octets and the fragment's number. */
const UDP_PREFIX = 3

/** RFC 1928 §6: why a request was not granted. */
export const REPLIES: { readonly [reply: number]: { readonly code: ErrorCode; readonly why: string } } = {
  1: { code: 'ERR_PROXY_REFUSED', why: 'the proxy failed, and does not say why' },
  2: { code: 'ERR_PROXY_REFUSED', why: 'the rules of the proxy do not allow it' },
  3: { code: 'ENETUNREACH', why: 'the proxy finds no way to that network' },
  4: { code: 'EHOSTUNREACH', why: 'the proxy cannot reach that host' },
  5: { code: 'ECONNREFUSED', why: 'the destination refused the connection' },
  6: { code: 'ETIMEDOUT', why: 'the proxy waited for the destination in vain' },
  7: { code: 'ERR_PROXY_REFUSED', why: 'the proxy does not support the command' },
  8: { code: 'EAFNOSUPPORT', why: 'the proxy does not support that kind of address' },
}

/** What is asked first: which methods of proving who we are we know (RFC 1928 §3). */
export const greeting = (withLogin: boolean): Uint8Array =>
  Uint8Array.from(withLogin ? [SOCKS5_VERSION, 2, Method.NONE, Method.LOGIN] : [SOCKS5_VERSION, 1, Method.NONE])

/** Name and password (RFC 1929 §2). */
export function loginRequest(user: string, password: string): Uint8Array {
  const name = Buffer.from(user)
  const secret = Buffer.from(password)
  return Buffer.concat([Buffer.from([LOGIN_VERSION, name.length]), name, Buffer.from([secret.length]), secret])
}

/** RFC 1928 §4. */
export const request = (command: Command, to: HostPort): Uint8Array =>
  Buffer.concat([Buffer.from([SOCKS5_VERSION, command, 0]), writeAddress(to)])

/** A header of a datagram (RFC 1928 §7) that stands before what goes to `to`. */
export const udpHeader = (to: HostPort): Buffer => Buffer.concat([Buffer.alloc(UDP_PREFIX), writeAddress(to)])

/** A datagram of the proxy: from where, and where its data begins; undefined when it is none, or a fragment. */
export function parseUdp(bytes: Buffer): { readonly from: HostPort; readonly dataAt: number } | undefined {
  // RFC 1928 §7: an implementation that does not support fragmentation must drop what has a number.
  if (bytes.length <= UDP_PREFIX || bytes[2] !== 0) return undefined
  const length = addressLength(bytes, UDP_PREFIX)
  if (length === undefined || bytes.length < UDP_PREFIX + length) return undefined
  return { from: readAddress(bytes, UDP_PREFIX), dataAt: UDP_PREFIX + length }
}

/** How long type, address and port are that begin at `at`; undefined when the type is not known, or too little is there. */
export function addressLength(bytes: Uint8Array, at: number): number | undefined {
  switch (bytes[at]) {
    case AddressType.IPV4:
      return 1 + 4 + 2
    case AddressType.IPV6:
      return 1 + 16 + 2
    case AddressType.DOMAIN: {
      const length = bytes[at + 1]
      return length === undefined ? undefined : 1 + 1 + length + 2
    }
    default:
      return undefined
  }
}

/** The address whose type stands at `at`; all of it is there. */
export function readAddress(bytes: Buffer, at: number): HostPort {
  const end = at + addressLength(bytes, at)! - 2
  const port = bytes.readUInt16BE(end)
  if (bytes[at] === AddressType.DOMAIN) return { host: bytes.toString('latin1', at + 2, end), port }
  if (bytes[at] === AddressType.IPV4) return { host: bytes.subarray(at + 1, end).join('.'), port }
  const words = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(at + 1 + 2 * i).toString(16))
  return { host: words.join(':'), port }
}

function writeAddress({ host, port }: HostPort): Buffer {
  const end = Buffer.from([port >>> 8, port & 0xff])
  if (isIPv4(host)) return Buffer.concat([Buffer.from([AddressType.IPV4, ...host.split('.').map(Number)]), end])
  if (isIPv6(host)) return Buffer.concat([Buffer.from([AddressType.IPV6, ...octetsOf(ipv6Bits(host), 16)]), end])
  const name = Buffer.from(host, 'latin1').subarray(0, 255)
  return Buffer.concat([Buffer.from([AddressType.DOMAIN, name.length]), name, end])
}
