/** A SOCKS5 proxy (RFC 1928), and who we are to it (RFC 1929). */
export interface Socks5Proxy {
  readonly host: string
  readonly port: number
  readonly login: { readonly user: string; readonly password: string } | undefined
}

/** IANA's port for SOCKS. */
const DEFAULT_PORT = 1080
/** RFC 1929 §2: the lengths of name and password are one octet each. */
const MAX_LOGIN = 255

/** Reads `socks5://[user:password@]host[:port]`; the scheme may be missing. Undefined for anything else. */
export function parseSocks5Proxy(text: string): Socks5Proxy | undefined {
  let url: URL
  try {
    url = new URL(text.includes('://') ? text : `socks5://${text}`)
  } catch {
    return undefined
  }
  const { protocol, hostname, port, username, password, pathname, search, hash } = url
  if (protocol !== 'socks5:' && protocol !== 'socks5h:') return undefined
  if (hostname === '' || (pathname !== '' && pathname !== '/') || search !== '' || hash !== '') return undefined
  const login = readLogin(username, password)
  if (login === null) return undefined
  const host = hostname.startsWith('[') ? hostname.slice(1, -1) : hostname
  return { host, port: port === '' ? DEFAULT_PORT : Number(port), login }
}

/** Undefined without a name, null where it cannot be sent. */
function readLogin(username: string, password: string): Socks5Proxy['login'] | null {
  if (username === '' && password === '') return undefined
  try {
    const login = { user: decodeURIComponent(username), password: decodeURIComponent(password) }
    const fits = (part: string): boolean => part !== '' && Buffer.byteLength(part) <= MAX_LOGIN
    return fits(login.user) && fits(login.password) ? login : null
  } catch {
    return null
  }
}

/** For people: without the password. */
export function formatSocks5Proxy({ host, port, login }: Socks5Proxy): string {
  const name = host.includes(':') ? `[${host}]` : host
  return `socks5://${login === undefined ? '' : `${encodeURIComponent(login.user)}@`}${name}:${port}`
}
