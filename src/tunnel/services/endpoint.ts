import { isIPv6 } from 'node:net'
import { NetError } from '../../base/errors.ts'

/** A port of a host, by name or address. */
export interface HostPort {
  readonly host: string
  readonly port: number
}

/** Where a service listens, or connects to: a port, or a Unix socket. */
export type Endpoint = HostPort | { readonly path: string }

/** The most octets that a host's name may have here; DNS knows none longer than 253 (RFC 1035 §2.3.4). */
const MAX_HOST = 255
/** What a Unix socket's path may be at most, in octets: what the kernel's `sun_path` holds, with its end. */
const MAX_PATH = 107

/** Reads `host:port` and `[IPv6]:port`; undefined for anything else. Port 0 counts as one. */
export function parseHostPort(text: string): HostPort | undefined {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]+)\]|([^:[\]\s]+)):(\d{1,5})$/.exec(text) ?? []
  if (digits === undefined || Number(digits) > 65_535) return undefined
  const host = (bracketed ?? plain)!
  if (bracketed !== undefined && !isIPv6(bracketed)) return undefined
  return Buffer.byteLength(host) > MAX_HOST ? undefined : { host, port: Number(digits) }
}

/**
 * Reads `host:port`, `[IPv6]:port` and `unix:/path`.
 * @param what the option it comes from, for the error
 * @throws {NetError} EINVAL when it is none of them.
 */
export function parseEndpoint(text: string, what: string): Endpoint {
  if (!text.startsWith('unix:')) {
    const parsed = parseHostPort(text)
    if (parsed === undefined) throw invalid(text, what, 'it is neither host:port nor unix:/path')
    return parsed
  }
  const path = text.slice('unix:'.length)
  if (path === '') throw invalid(text, what, 'the path is missing')
  if (Buffer.byteLength(path) > MAX_PATH) throw invalid(text, what, `the path is longer than ${MAX_PATH} octets`)
  return { path }
}

/** Whether a name or an address from outside can stand before `:port`; the colons are those of IPv6. */
export const isHost = (host: string): boolean => /^[\x21-\x7e]{1,255}$/.test(host) && !/[[\]/@]/.test(host)

/** `host:port`, with brackets around IPv6. */
export const formatHostPort = (host: string, port: number): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`

export const formatEndpoint = (endpoint: Endpoint): string =>
  'path' in endpoint ? `unix:${endpoint.path}` : formatHostPort(endpoint.host, endpoint.port)

const invalid = (text: string, what: string, why: string): NetError =>
  new NetError('EINVAL', `Cannot use "${text}" for ${what}: ${why}`)
