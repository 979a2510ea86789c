import { isIP } from 'node:net'
import { parseCidr } from '../../base/address.ts'
import { formatHostPort } from '../../transport/proxy.ts'
import type { Endpoint, HostPort } from './types.ts'

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

/** An IPv4 address with its prefix. */
export const isInterfaceAddress = (text: string): boolean => text.includes('/') && parseCidr(text) !== undefined

/** For people; `host:port`, brackets around IPv6, `unix:/path`. */
export const formatEndpoint = (endpoint: Endpoint): string =>
  'path' in endpoint ? `unix:${endpoint.path}` : formatHostPort(endpoint)

/** Whether only this machine reaches it. */
export const isLoopbackHost = (host: string): boolean =>
  host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'))
