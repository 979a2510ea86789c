import { isIP, isIPv6 } from 'node:net'

/** A port of a host, which is a name or an address (IPv6 without brackets): what node:net connects to and listens on. */
export interface HostPort {
  readonly host: string
  readonly port: number
}

const MAX_PORT = 65_535
/** A name as resolvers and /etc/hosts have them; none is longer (RFC 1035 §2.3.4). */
const NAME = /^[a-z0-9_][a-z0-9_.-]{0,252}$/i

/** Whether it can be a host: an address, or a name that nobody takes for one. */
export const isHost = (text: string): boolean =>
  isIP(text) !== 0 || (NAME.test(text) && !/^[\d.]+$/.test(text) && !text.includes('..'))

/** A port in decimal digits, `least` or higher; undefined for anything else. */
export function parsePort(text: string, least = 0): number | undefined {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN
  return port >= least && port <= MAX_PORT ? port : undefined
}

/** Host and port of `host:port` and `[host]:port`, as they stand; `port` is undefined where there is none. */
export function splitHostPort(text: string): { host: string; port: string | undefined } {
  const match = /^\[([^\]]*)\](?::(.*))?$/s.exec(text) ?? /^([^:]*)(?::(.*))?$/s.exec(text)
  if (match === null) return { host: text, port: undefined }
  return { host: match[1]!, port: match[2] }
}

/** Reads `host:port` and `[IPv6]:port`; undefined for anything else. Port 0 is one unless `leastPort` is higher. */
export function parseHostPort(text: string, leastPort = 0): HostPort | undefined {
  const { host, port: digits = '' } = splitHostPort(text)
  const port = parsePort(digits, leastPort)
  const isBracketed = text.startsWith('[')
  return port === undefined || !isHost(host) || isBracketed !== isIPv6(host) ? undefined : { host, port }
}

/** `host:port`, with brackets around IPv6 (RFC 3986 §3.2.2). */
export const formatHostPort = ({ host, port }: HostPort): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
