import { isIP } from 'node:net'
import { parseCidr } from '../../base/address.ts'
import { formatHostPort } from '../../transport/proxy.ts'
import type { Endpoint, HostPort, Subnet, TargetRule } from './types.ts'

/** A name as resolvers and /etc/hosts have them. */
const NAME = /^[a-z0-9_]([a-z0-9_.-]{0,252})$/i
/** Linux keeps 108 octets for a socket's path, the last of them 0. */
const LONGEST_SOCKET_PATH = 107
const MAX_PORT = 65_535

/** A host without brackets: a name, an IPv4 or an IPv6 address. */
export const isHost = (text: string): boolean =>
  isIP(text) !== 0 || (NAME.test(text) && !/^[\d.]+$/.test(text) && !text.includes('..'))

const toPort = (text: string, least: number): number | undefined => {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN
  return port >= least && port <= MAX_PORT ? port : undefined
}

/** Host and port of `host:port` and `[host]:port`, as they stand; `port` is undefined where there is none. */
export function splitHostPort(text: string): { host: string; port: string | undefined } {
  const match = /^\[([^\]]*)\](?::(.*))?$/s.exec(text) ?? /^([^:]*)(?::(.*))?$/s.exec(text)
  if (match === null) return { host: text, port: undefined }
  return { host: match[1]!, port: match[2] }
}

/** `host:port` or `[v6]:port`, to connect to. Undefined for anything else. */
export function parseRemote(text: string): HostPort | undefined {
  const { host, port } = splitHostPort(text)
  const number = toPort(port ?? '', 1)
  return number === undefined || !isHost(host) ? undefined : { host, port: number }
}

/** As `parseRemote`, to listen on: port 0 is any free one, and `:7000` or `*:7000` are all addresses of this machine. */
export function parseListen(text: string): HostPort | undefined {
  const { host, port } = splitHostPort(text)
  const number = toPort(port ?? '', 0)
  if (number === undefined) return undefined
  if ((host === '' && text.startsWith(':')) || host === '*') return { host: '::', port: number }
  return isHost(host) ? { host, port: number } : undefined
}

/** Whether the kernel takes it as the path of a Unix socket. */
export const fitsSocket = (path: string): boolean => Buffer.byteLength(path) <= LONGEST_SOCKET_PATH

/** `10.0.0.0/8`, `2001:db8::/32`, or one address. */
export function parseSubnet(text: string): Subnet | undefined {
  const [address = '', bits, ...rest] = text.split('/')
  const version = isIP(address)
  if (version === 0 || rest.length > 0) return undefined
  const most = version === 4 ? 32 : 128
  const prefix = bits === undefined ? most : /^\d{1,3}$/.test(bits) ? Number(bits) : Number.NaN
  return prefix <= most ? { address, prefix, family: version === 4 ? 'ipv4' : 'ipv6' } : undefined
}

/** An IPv4 address with its prefix. */
export const isInterfaceAddress = (text: string): boolean => text.includes('/') && parseCidr(text) !== undefined

/** `host:port`, where the host may be a pattern or a network, and the port a range or `*`. */
export function parseTarget(text: string): TargetRule | undefined {
  const { host, port } = splitHostPort(text)
  const range = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(port ?? '')
  const first = port === '*' ? 1 : toPort(range?.[1] ?? '', 1)
  const last = port === '*' ? MAX_PORT : toPort(range?.[2] ?? range?.[1] ?? '', 1)
  if (first === undefined || last === undefined || first > last) return undefined
  const ports = { first, last }
  const subnet = parseSubnet(host)
  if (subnet !== undefined) return { text, host: subnet, ports }
  const name = host.startsWith('*.') ? host.slice(2) : host
  return host === '*' || (isHost(name) && !name.includes('*')) ? { text, host: host.toLowerCase(), ports } : undefined
}

/** For people; `host:port`, brackets around IPv6, `unix:/path`. */
export const formatEndpoint = (endpoint: Endpoint): string =>
  'path' in endpoint ? `unix:${endpoint.path}` : formatHostPort(endpoint)

/** Whether only this machine reaches it. */
export const isLoopbackHost = (host: string): boolean =>
  host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
