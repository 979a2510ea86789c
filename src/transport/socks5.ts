import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { Attempt, type AttemptOptions } from './attempt.ts'
import { connectTo } from './connect.ts'
import type { HostPort } from './host-port.ts'
import type { Socks5Proxy } from './proxy.ts'
import { connectWords, loginError, protocolError, proxyHop, proxyName, refusal, talk } from './proxy-talk.ts'
import { readExactly } from './read.ts'
import {
  addressLength,
  Command,
  greeting,
  LOGIN_VERSION,
  loginRequest,
  Method,
  REPLIES,
  readAddress,
  request,
  SOCKS5_VERSION,
} from './socks5-wire.ts'

export type Socks5Options = AttemptOptions

const UNSPECIFIED: HostPort = { host: '0.0.0.0', port: 0 }

/**
 * A connection to `to` by way of the proxy (RFC 1928). The socket is half-open by choice, and nothing of what the
 * destination has sent already is taken out of it: it flows when its owner lets it.
 * @throws {NetError} ERR_PROXY when the proxy cannot be reached or speaks another protocol, ERR_PROXY_AUTH when it does
 * not know us, ERR_PROXY_REFUSED when it will not; ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, ETIMEDOUT about `to`.
 */
export function connectBySocks5(proxy: Socks5Proxy, to: HostPort, options: Socks5Options = {}): Promise<Socket> {
  return Attempt.run(options, async (attempt) => {
    const socket = await connectTo(proxyHop(proxy), {}, attempt)
    await negotiateSocks5(socket, proxy, { command: Command.CONNECT, to }, attempt)
    return socket
  })
}

/**
 * Asks the proxy to carry datagrams: the connection that the association lasts as long as, and where to send to.
 * @throws {NetError} as `connectBySocks5`.
 */
export function openAssociation(
  proxy: Socks5Proxy,
  options: Socks5Options = {},
): Promise<{ readonly control: Socket; readonly relay: HostPort }> {
  return Attempt.run(options, async (attempt) => {
    const control = await connectTo(proxyHop(proxy), {}, attempt)
    const wish: Socks5Wish = { command: Command.UDP_ASSOCIATE, to: UNSPECIFIED }
    const bound = await negotiateSocks5(control, proxy, wish, attempt)
    const isAnywhere = /^[0:.]+$/.test(bound.host)
    return { control, relay: isAnywhere ? { host: control.remoteAddress!, port: bound.port } : bound }
  })
}

/** Whether the proxy is there and knows us. @throws {NetError} ERR_PROXY or ERR_PROXY_AUTH. */
export function probeSocks5(proxy: Socks5Proxy, options: Socks5Options = {}): Promise<void> {
  return Attempt.run(options, async (attempt) => {
    const socket = await connectTo(proxyHop(proxy), {}, attempt)
    await talk(proxy, attempt, () => authenticate(socket, proxy))
    socket.destroy()
  })
}

/** What is asked of the proxy. */
export interface Socks5Wish {
  readonly command: Command
  readonly to: HostPort
}

/** On a connection to the proxy: where the proxy has bound what it grants. @throws {NetError} as `connectBySocks5`. */
export function negotiateSocks5(
  socket: Duplex,
  proxy: Socks5Proxy,
  wish: Socks5Wish,
  attempt: Attempt,
): Promise<HostPort> {
  return talk(proxy, attempt, async () => {
    await authenticate(socket, proxy)
    attempt.waitFor('ETIMEDOUT', `${proxyName(proxy)} did not ${whatOf(wish)}`)
    return await ask(socket, proxy, wish)
  })
}

/** RFC 1928 §3 and RFC 1929. */
async function authenticate(socket: Duplex, proxy: Socks5Proxy): Promise<void> {
  const { login } = proxy
  socket.write(greeting(login !== undefined))
  const [version, method] = await readExactly(socket, 2)
  if (version !== SOCKS5_VERSION) throw protocolError(proxy, `it speaks no SOCKS5: its first octet is ${version}`)
  if (method === Method.NONE) return
  if (method === Method.NOT_ACCEPTABLE) {
    const why = login === undefined ? 'it wants a user name and a password' : 'it takes neither a password nor nothing'
    throw loginError(proxy, why)
  }
  if (method !== Method.LOGIN || login === undefined) throw protocolError(proxy, `it chose method ${method} by itself`)
  socket.write(loginRequest(login.user, login.password))
  const [answer, status] = await readExactly(socket, 2)
  if (answer !== LOGIN_VERSION) throw protocolError(proxy, 'its answer to user name and password is none')
  if (status !== 0) throw loginError(proxy, 'user name or password is wrong')
}

/** RFC 1928 §4 and §6: the request, and where the proxy has bound what it grants. */
async function ask(socket: Duplex, proxy: Socks5Proxy, wish: Socks5Wish): Promise<HostPort> {
  const { command, to } = wish
  socket.write(request(command, to))
  const head = await readExactly(socket, 5)
  const [version, reply] = head
  if (version !== SOCKS5_VERSION) throw protocolError(proxy, 'its answer to the request is none of SOCKS5')
  if (reply !== 0) {
    const { code, why } = REPLIES[reply!] ?? { code: 'ERR_PROXY_REFUSED', why: `the proxy answered ${reply}` }
    throw refusal(proxy, whatOf(wish), code, why, to)
  }
  const length = addressLength(head, 3)
  if (length === undefined) throw protocolError(proxy, `its answer has an address of type ${head[3]}`)
  const rest = await readExactly(socket, 3 + length - head.length)
  return readAddress(Buffer.concat([head, rest]), 3)
}

const whatOf = ({ command, to }: Socks5Wish): string =>
  command === Command.CONNECT ? connectWords(to) : 'carry datagrams'
