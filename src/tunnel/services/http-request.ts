import { ResetCode } from '../../session/streams/stream-types.ts'
import { formatHostPort, type HostPort, isHost, parseHostPort } from '../../transport/host-port.ts'
import type { Login } from '../../transport/proxy.ts'
import { isLogin } from './login.ts'
import type { Progress, WishParser } from './proxy-front.ts'

export interface HttpWish {
  /** `host:port`. */
  readonly target: string
  /** Of a request that is not CONNECT: what the target is told, and how many octets of content follow. */
  readonly request?: { readonly head: Buffer; readonly length: number }
}

/** The most octets that a request may have before its content. */
const MAX_HEAD = 16 * 1024
const HTTP_PORT = 80
/** RFC 9110 §5.6.2. */
const TOKEN = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/

/** RFC 9110 §7.6.1: what is for us and not for the target, beside what `Connection` names. */
const HOP_BY_HOP = new Set([
  'connection',
  'host',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'upgrade',
  'via',
])

const REASONS: Readonly<Record<number, string>> = {
  400: 'Bad Request',
  403: 'Forbidden',
  407: 'Proxy Authentication Required',
  411: 'Length Required',
  431: 'Request Header Fields Too Large',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Gateway Timeout',
}

/** An answer of ours, after which the connection ends. */
export function httpAnswer(status: number, text: string, fields: readonly string[] = []): Buffer {
  const content = `${text}\n`
  const lines = [
    `HTTP/1.1 ${status} ${REASONS[status]}`,
    'Content-Type: text/plain; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(content)}`,
    'Connection: close',
    ...fields,
  ]
  return Buffer.from(`${lines.join('\r\n')}\r\n\r\n${content}`)
}

type Fields = readonly (readonly [name: string, value: string])[]

/** Why a request is not granted. */
class Refusal extends Error {
  readonly answer: Buffer
  readonly code: ResetCode

  constructor(status: number, text: string, code: ResetCode = ResetCode.PROTOCOL, fields: readonly string[] = []) {
    super(text)
    this.answer = httpAnswer(status, text, fields)
    this.code = code
  }
}

/** Reads one request to a proxy (RFC 9112): CONNECT, or one with the whole `http://` address in it. */
export class HttpRequestParser implements WishParser<HttpWish> {
  readonly #login: Login | undefined
  #bytes: Buffer = Buffer.alloc(0)

  constructor(login: Login | undefined) {
    this.#login = login
  }

  push(chunk: Buffer): Progress<HttpWish> {
    this.#bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk])
    const end = this.#bytes.subarray(0, MAX_HEAD).indexOf('\r\n\r\n')
    try {
      if (end >= 0) {
        const wish = this.#read(this.#bytes.toString('latin1', 0, end))
        return { wish, rest: this.#bytes.subarray(end + 4) }
      }
      if (this.#bytes.length >= MAX_HEAD) throw new Refusal(431, `A request may have ${MAX_HEAD} octets of fields.`)
      // Whoever speaks another protocol need not wait for what ends a request of this one.
      const first = this.#bytes.toString('latin1', 0, 24).split(' ', 1)[0]!
      if (first !== '' && !TOKEN.test(first)) throw new Refusal(400, 'That is no request of HTTP.')
      return {}
    } catch (error) {
      if (!(error instanceof Refusal)) throw error
      return { say: error.answer, failure: error.code }
    }
  }

  #read(head: string): HttpWish {
    const [line = '', ...rest] = head.split('\r\n')
    const [, method, target, version] = /^(\S+) (\S+) HTTP\/1\.([01])$/.exec(line) ?? []
    if (method === undefined || !TOKEN.test(method)) throw new Refusal(400, 'That is no request of HTTP/1.1.')
    const fields = rest.map(parseField)
    this.#checkLogin(fields)
    if (method !== 'CONNECT') return readForwarded(`${method} HTTP/1.${version}`, target!, fields)
    const place = parsePlace(target!)
    if (place === undefined) throw new Refusal(400, 'CONNECT needs host:port.')
    return { target: formatHostPort(place) }
  }

  /** RFC 9110 §11.7 and RFC 7617. */
  #checkLogin(fields: Fields): void {
    const login = this.#login
    if (login === undefined) return
    const [, credentials = ''] = /^basic +(\S+)$/i.exec(listOf(fields, 'proxy-authorization') ?? '') ?? []
    const [, user, password] = /^([^:]*):(.*)$/s.exec(Buffer.from(credentials, 'base64').toString()) ?? []
    if (user !== undefined && isLogin({ user, password: password! }, login)) return
    const challenge = 'Proxy-Authenticate: Basic realm="gotcp", charset="UTF-8"'
    throw new Refusal(407, 'This proxy wants a user name and a password.', ResetCode.FORBIDDEN, [challenge])
  }
}

/** A request that names its target by a whole address (RFC 9112 §3.2.2), as the target is to see it. */
function readForwarded(start: string, target: string, fields: Fields): HttpWish {
  const [method, version] = start.split(' ') as [string, string]
  const [, authority, path] = /^http:\/\/([^/?#]+)([^#]*)$/i.exec(target) ?? []
  if (authority === undefined) {
    throw new Refusal(400, 'This is a proxy: it takes CONNECT, and requests with a whole address such as http://host/.')
  }
  const place = parsePlace(/:\d+$/.test(authority) ? authority : `${authority}:${HTTP_PORT}`)
  if (place === undefined) throw new Refusal(400, `"${authority}" is no host.`)
  const length = contentLength(fields)
  const named = (listOf(fields, 'connection') ?? '').split(',').map((name) => name.trim().toLowerCase())
  const kept = fields.filter(([name]) => !HOP_BY_HOP.has(name.toLowerCase()) && !named.includes(name.toLowerCase()))
  // Not RFC: what the target answers is handed on untouched, without Via; see docs/deviations.md#http-proxy.
  const lines = [
    `${method} ${path!.startsWith('/') ? path : `/${path}`} HTTP/1.1`,
    `Host: ${authority}`,
    ...kept.map(([name, value]) => `${name}: ${value}`),
    `Via: ${[listOf(fields, 'via'), `${version.slice('HTTP/'.length)} gotcp`].filter(Boolean).join(', ')}`,
    // One request for each connection: the end of the answer is the end of the connection.
    'Connection: close',
  ]
  const head = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1')
  return { target: formatHostPort(place), request: { head, length } }
}

function parsePlace(text: string): HostPort | undefined {
  const place = parseHostPort(text)
  return place !== undefined && isHost(place.host) ? place : undefined
}

/** How much content follows (RFC 9112 §6.3). */
function contentLength(fields: Fields): number {
  if (listOf(fields, 'transfer-encoding') !== undefined) {
    throw new Refusal(411, 'This proxy forwards content whose Content-Length is known; use CONNECT for other.')
  }
  const lengths = new Set(fields.filter(([name]) => name.toLowerCase() === 'content-length').map(([, value]) => value))
  const [length = '0'] = lengths
  if (lengths.size > 1 || !/^\d{1,15}$/.test(length)) throw new Refusal(400, 'The Content-Length makes no sense.')
  return Number(length)
}

function parseField(line: string): readonly [string, string] {
  const [, name, value] = /^([^:]+):[ \t]*(.*?)[ \t]*$/.exec(line) ?? []
  if (name === undefined || !TOKEN.test(name) || /[\0\r\n]/.test(value!)) {
    throw new Refusal(400, 'A field of the request makes no sense.')
  }
  return [name, value!]
}

/** All values of a field, as one list. */
function listOf(fields: Fields, name: string): string | undefined {
  const values = fields.filter(([each]) => each.toLowerCase() === name).map(([, value]) => value)
  return values.length === 0 ? undefined : values.join(', ')
}
