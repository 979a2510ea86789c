import { connect, type Socket } from 'node:net'
import { NetError } from '../base/errors.ts'
import { readExactly } from './read-exactly.ts'
import type { Socks5Proxy } from './socks5-proxy.ts'
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
  type Socks5Address,
} from './socks5-wire.ts'

export interface Socks5Options {
  /** Gives up with the signal's reason. */
  readonly signal?: AbortSignal
  /** Milliseconds until it is given up. Default 30,000. */
  readonly timeout?: number
}

const DEFAULT_TIMEOUT = 30_000
const UNSPECIFIED: Socks5Address = { host: '0.0.0.0', port: 0 }

/**
 * A connection to `to` by way of the proxy (RFC 1928). The socket is half-open by choice, and nothing of what the
 * destination has sent already is taken out of it: it flows when its owner lets it.
 * @throws {NetError} ERR_PROXY when the proxy cannot be reached or speaks another protocol, ERR_PROXY_AUTH when it does
 * not know us, ERR_PROXY_REFUSED when it will not; ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, ETIMEDOUT about `to`.
 */
export async function connectBySocks5(
  proxy: Socks5Proxy,
  to: Socks5Address,
  options: Socks5Options = {},
): Promise<Socket> {
  const { socket } = await negotiate(proxy, { command: Command.CONNECT, to }, options)
  return socket
}

/**
 * Asks the proxy to carry datagrams: the connection that the association lasts as long as, and where to send to.
 * @throws {NetError} as `connectBySocks5`.
 */
export async function openAssociation(
  proxy: Socks5Proxy,
  options: Socks5Options = {},
): Promise<{ readonly control: Socket; readonly relay: Socks5Address }> {
  const { socket, bound } = await negotiate(proxy, { command: Command.UDP_ASSOCIATE, to: UNSPECIFIED }, options)
  const isAnywhere = /^[0:.]+$/.test(bound.host)
  return { control: socket, relay: isAnywhere ? { host: socket.remoteAddress!, port: bound.port } : bound }
}

/** Whether the proxy is there and knows us. @throws {NetError} ERR_PROXY or ERR_PROXY_AUTH. */
export async function probeSocks5(proxy: Socks5Proxy, options: Socks5Options = {}): Promise<void> {
  await withSocket(proxy, options, async (socket) => {
    await authenticate(socket, proxy)
    socket.destroy()
  })
}

interface Wish {
  readonly command: Command
  readonly to: Socks5Address
}

function negotiate(proxy: Socks5Proxy, wish: Wish, options: Socks5Options) {
  return withSocket(proxy, options, async (socket) => {
    await authenticate(socket, proxy)
    return { socket, bound: await ask(socket, proxy, wish) }
  })
}

/** Connects to the proxy and lets `body` speak with it; when that fails, nothing is left. */
async function withSocket<T>(
  proxy: Socks5Proxy,
  { signal, timeout = DEFAULT_TIMEOUT }: Socks5Options,
  body: (socket: Socket) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted()
  const socket = connect({ host: proxy.host, port: proxy.port, allowHalfOpen: true, noDelay: true })
  // Whoever owns it later learns of errors by 'close', or listens himself.
  socket.on('error', () => undefined)
  const onAbort = (): void => void socket.destroy(signal?.reason)
  const late = new NetError('ETIMEDOUT', `${nameOf(proxy)} did not answer within ${timeout / 1000} s`)
  const timer = setTimeout(() => socket.destroy(late), timeout)
  signal?.addEventListener('abort', onAbort, { once: true })
  try {
    await connected(socket, proxy)
    return await body(socket)
  } catch (error) {
    socket.destroy()
    throw error
  } finally {
    clearTimeout(timer)
    signal?.removeEventListener('abort', onAbort)
  }
}

function connected(socket: Socket, proxy: Socks5Proxy): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('connect', resolve)
    socket.once('error', (error: NodeJS.ErrnoException) => {
      const isOurs = error instanceof NetError && error.code !== 'ETIMEDOUT'
      const isAbort = error.syscall === undefined && !(error instanceof NetError)
      if (isOurs || isAbort) return reject(error)
      const why = error instanceof NetError ? 'it does not answer' : (error.code ?? error.message)
      reject(new NetError('ERR_PROXY', `Cannot reach ${nameOf(proxy)}: ${why}`, where(proxy)))
    })
  })
}

/** RFC 1928 §3 and RFC 1929. */
async function authenticate(socket: Socket, proxy: Socks5Proxy): Promise<void> {
  const { login } = proxy
  socket.write(greeting(login !== undefined))
  const [version, method] = await readExactly(socket, 2)
  if (version !== SOCKS5_VERSION) throw protocolError(proxy, `it speaks no SOCKS5: its first octet is ${version}`)
  if (method === Method.NONE) return
  if (method === Method.NOT_ACCEPTABLE) {
    const why = login === undefined ? 'it wants a user name and a password' : 'it takes neither a password nor nothing'
    throw new NetError('ERR_PROXY_AUTH', `${nameOf(proxy)} does not let us in: ${why}`, where(proxy))
  }
  if (method !== Method.LOGIN || login === undefined) throw protocolError(proxy, `it chose method ${method} by itself`)
  socket.write(loginRequest(login.user, login.password))
  const [answer, status] = await readExactly(socket, 2)
  if (answer !== LOGIN_VERSION) throw protocolError(proxy, 'its answer to user name and password is none')
  if (status !== 0) {
    const why = 'user name or password is wrong'
    throw new NetError('ERR_PROXY_AUTH', `${nameOf(proxy)} does not let us in: ${why}`, where(proxy))
  }
}

/** RFC 1928 §4 and §6: the request, and where the proxy has bound what it grants. */
async function ask(socket: Socket, proxy: Socks5Proxy, { command, to }: Wish): Promise<Socks5Address> {
  socket.write(request(command, to))
  const head = await readExactly(socket, 5)
  const [version, reply] = head
  if (version !== SOCKS5_VERSION) throw protocolError(proxy, 'its answer to the request is none of SOCKS5')
  if (reply !== 0) {
    const { code, why } = REPLIES[reply!] ?? { code: 'ERR_PROXY_REFUSED', why: `the proxy answered ${reply}` }
    const what = command === Command.CONNECT ? `connect to ${to.host}:${to.port}` : 'send datagrams'
    throw new NetError(code, `Cannot ${what} through ${nameOf(proxy)}: ${why}`, {
      syscall: 'connect',
      address: to.host,
      port: to.port,
    })
  }
  const length = addressLength(head, 3)
  if (length === undefined) throw protocolError(proxy, `its answer has an address of type ${head[3]}`)
  const rest = await readExactly(socket, 3 + length - head.length)
  return readAddress(Buffer.concat([head, rest]), 3)
}

const nameOf = ({ host, port }: Socks5Proxy): string => `the proxy ${host}:${port}`

const where = ({ host, port }: Socks5Proxy) => ({ syscall: 'connect', address: host, port })

const protocolError = (proxy: Socks5Proxy, why: string): NetError =>
  new NetError('ERR_PROXY', `Cannot speak with ${nameOf(proxy)}: ${why}`, where(proxy))
