import { isIP } from 'node:net'
import { domainToASCII } from 'node:url'
import { formatHostPort, isHost } from './host-port.ts'

/** Who we are to a proxy. */
export interface Login {
  readonly user: string
  readonly password: string
}

/** Where a proxy is, and who we are to it. */
export interface ProxyAddress {
  /** A name or an address, IPv6 without brackets. */
  readonly host: string
  readonly port: number
  readonly login: Login | undefined
}

/**
 * - `socks5`: RFC 1928, user and password by RFC 1929; the proxy resolves the target's name
 * - `http`: the method CONNECT (RFC 9110 §9.3.6), user and password by Basic (RFC 7617)
 * - `https`: the same, and TLS to the proxy
 * - `tcp`: a redirector; who connects to it is connected to the target without a word
 */
export type ProxyKind = 'socks5' | 'http' | 'https' | 'tcp'

export interface PathProxy extends ProxyAddress {
  readonly kind: ProxyKind
}

export type Socks5Proxy = ProxyAddress

const KINDS: Readonly<Record<string, ProxyKind>> = {
  socks5: 'socks5',
  socks5h: 'socks5',
  socks: 'socks5',
  http: 'http',
  https: 'https',
  tcp: 'tcp',
}

/** IANA's port for SOCKS; socktopus's for HTTP proxies and its own redirectors; that of HTTPS. */
const DEFAULT_PORTS: Readonly<Record<ProxyKind, number>> = { socks5: 1080, http: 8080, https: 443, tcp: 23461 }

const CONTROLS = /[\0-\x1f\x7f]/

/** RFC 1929 §2: the lengths of name and password are one octet each. */
const MAX_SOCKS_LOGIN = 255

/**
 * Reads `scheme://[user:password@]host[:port]`. The schemes are socks5, socks5h, socks (all the same), http, https and
 * tcp; without a port it is 1080, 8080 for http, 443 for https, 23461 for tcp. User and password are percent-encoded.
 * Undefined for anything else; whoever says so must not repeat the text, which may hold a password.
 */
export function parseProxy(text: string): PathProxy | undefined {
  const [, scheme = '', rest = ''] = /^([a-z0-9]+):\/\/(.*)$/i.exec(text) ?? []
  const name = scheme.toLowerCase()
  const kind = Object.hasOwn(KINDS, name) ? KINDS[name] : undefined
  if (kind === undefined) return undefined
  let url: URL
  try {
    // By a scheme that URL knows nothing of: of http and https it hides the port that is usual on the web.
    url = new URL(`proxy://${rest}`)
  } catch {
    return undefined
  }
  const { hostname, port, username, password, pathname, search, hash } = url
  if ((pathname !== '' && pathname !== '/') || search !== '' || hash !== '') return undefined
  const host = readHost(hostname)
  const login = readLogin(kind, username, password)
  if (host === undefined || login === null || port === '0') return undefined
  return { kind, host, port: port === '' ? DEFAULT_PORTS[kind] : Number(port), login }
}

/** Reads `socks5://[user:password@]host[:port]`; the scheme may be missing. Undefined for anything else. */
export function parseSocks5Proxy(text: string): Socks5Proxy | undefined {
  const proxy = parseProxy(text.includes('://') ? text : `socks5://${text}`)
  if (proxy?.kind !== 'socks5') return undefined
  const { host, port, login } = proxy
  return { host, port, login }
}

/** For people: without the password. */
export function formatProxy({ kind, host, port, login }: PathProxy): string {
  return `${kind}://${login === undefined ? '' : `${encodeURIComponent(login.user)}@`}${formatHostPort({ host, port })}`
}

/** For people: without the password. */
export const formatSocks5Proxy = (proxy: Socks5Proxy): string => formatProxy({ kind: 'socks5', ...proxy })

function readHost(hostname: string): string | undefined {
  if (hostname.startsWith('[')) return hostname.slice(1, -1)
  try {
    const name = decodeURIComponent(hostname)
    const host = isIP(name) === 4 || CONTROLS.test(name) ? name : domainToASCII(name)
    return isHost(host) ? host : undefined
  } catch {
    return undefined
  }
}

/** Undefined without a name, null where it cannot be sent. */
function readLogin(kind: ProxyKind, username: string, password: string): Login | undefined | null {
  if (username === '' && password === '') return undefined
  try {
    const login = { user: decodeURIComponent(username), password: decodeURIComponent(password) }
    return canSend(kind, login) ? login : null
  } catch {
    return null
  }
}

function canSend(kind: ProxyKind, { user, password }: Login): boolean {
  if (kind === 'tcp') return false
  if (kind === 'socks5') {
    return [user, password].every((part) => part !== '' && Buffer.byteLength(part) <= MAX_SOCKS_LOGIN)
  }
  // RFC 7617 §2: neither has control characters, and the first colon ends the name.
  return user !== '' && !user.includes(':') && !CONTROLS.test(user + password)
}
