import type { Duplex } from 'node:stream'
import { getSystemErrorMap } from 'node:util'
import { ERROR_CODES, type ErrorCode, type NetError } from '../base/errors.ts'
import type { Attempt } from './attempt.ts'
import { formatHostPort, type HostPort } from './host-port.ts'
import { type HttpHead, parseHead } from './http-head.ts'
import type { PathProxy } from './proxy.ts'
import { connectWords, loginError, protocolError, refusal, talk } from './proxy-talk.ts'
import { readSome } from './read.ts'

/** The text of errno codes as squid numbers them, which is as Linux does. */
const SYSTEM_CODES = new Map([...getSystemErrorMap()].map(([errno, [code]]) => [-errno, code]))

/**
 * Has the proxy at the other end of `socket` connect it to `to` (RFC 9110 §9.3.6). What the target has said already stays
 * in the socket.
 * @throws {NetError} ERR_PROXY when it speaks no HTTP, ERR_PROXY_AUTH when it does not know us, ERR_PROXY_REFUSED when it
 * will not; ECONNREFUSED, EHOSTUNREACH, ETIMEDOUT about `to`, as far as the proxy tells.
 */
export function connectByHttp(socket: Duplex, proxy: PathProxy, to: HostPort, attempt: Attempt): Promise<void> {
  return talk(proxy, attempt, async () => {
    socket.write(connectRequest(proxy, to))
    const head = await readHead(socket, proxy)
    // RFC 9110 §9.3.6: any 2xx, and nothing of a body is behind it whatever the fields say.
    if (head.status >= 300) throw wordsOf(head, proxy, to)
  })
}

function connectRequest({ login }: PathProxy, to: HostPort): string {
  const target = formatHostPort(to)
  const lines = [`CONNECT ${target} HTTP/1.1`, `Host: ${target}`]
  if (login !== undefined) {
    const secret = Buffer.from(`${login.user}:${login.password}`).toString('base64')
    lines.push(`Proxy-Authorization: Basic ${secret}`)
  }
  return `${lines.join('\r\n')}\r\n\r\n`
}

/** The head of the final answer; what came behind it is put back. */
async function readHead(socket: Duplex, proxy: PathProxy): Promise<HttpHead> {
  let bytes: Buffer = Buffer.alloc(0)
  for (;;) {
    bytes = Buffer.concat([bytes, await readSome(socket)])
    for (let head = parseHead(bytes); head !== 'more'; head = parseHead(bytes)) {
      if ('problem' in head) throw protocolError(proxy, head.problem)
      bytes = bytes.subarray(head.length)
      // RFC 9110 §15.2: interim answers may come before the final one.
      if (head.status < 200) continue
      if (bytes.length > 0) socket.unshift(bytes)
      return head
    }
  }
}

function wordsOf(head: HttpHead, proxy: PathProxy, to: HostPort): NetError {
  // Not RFC: some answer 401, which is a server's; see docs/deviations.md#proxy-401
  if (head.status === 407 || head.status === 401) return loginError(proxy, whyNoLogin(head, proxy))
  const { code, why } = explain(head)
  const answer = `${head.status} ${head.reason}`.trim()
  return refusal(proxy, connectWords(to), code, `${why}; it answered "${answer}"`, to)
}

function whyNoLogin({ fields }: HttpHead, { login }: PathProxy): string {
  const wanted = fields.get('proxy-authenticate') ?? ''
  const schemes = [...wanted.matchAll(/(?:^|,)\s*([a-z][\w-]*)(?=\s|,|$)/gi)].map(([, scheme]) => scheme!)
  if (schemes.length > 0 && !schemes.some((scheme) => scheme.toLowerCase() === 'basic')) {
    return `it wants ${schemes.join(' or ')}, and we know only Basic`
  }
  return login === undefined ? 'it wants a user name and a password' : 'user name or password is wrong'
}

function explain({ status, fields }: HttpHead): { readonly code: ErrorCode; readonly why: string } {
  // Of squid: the error's name, and the system's number of it.
  const number = Number(/^ERR_CONNECT_FAIL (\d+)$/.exec(fields.get('x-squid-error') ?? '')?.[1])
  const system = SYSTEM_CODES.get(number)
  if (system !== undefined && Object.hasOwn(ERROR_CODES, system)) {
    const why = system === 'ECONNREFUSED' ? 'the destination refused the connection' : 'the proxy cannot reach it'
    return { code: system as ErrorCode, why }
  }
  switch (status) {
    case 500:
    case 502:
    case 503:
      return { code: 'EHOSTUNREACH', why: 'the proxy cannot reach it' }
    case 504:
      return { code: 'ETIMEDOUT', why: 'the proxy waited for the destination in vain' }
    default:
      return { code: 'ERR_PROXY_REFUSED', why: 'the proxy will not' }
  }
}
