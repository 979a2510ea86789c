import type { Server, Socket } from 'node:net'
import type { ConnectionOptions, TLSSocket } from 'node:tls'
import type { ConnectOptions } from './arguments.ts'
import { StackSocket } from './socket.ts'

const PLACES = ['remoteAddress', 'remotePort', 'remoteFamily', 'localAddress', 'localPort', 'localFamily'] as const
const CALLS = ['setNoDelay', 'setKeepAlive', 'ref', 'unref'] as const

/** How node:tls keeps the socket below one that is no handle of libuv. */
interface OverStream {
  readonly _handle?: { readonly _parentWrap?: { readonly stream?: unknown } } | null
}

/** What only node:net itself sets. */
type Opening = Omit<TLSSocket, 'connecting'> & { connecting: boolean }

/**
 * Has a socket of TLS know its addresses, and pass on what is asked of the connection below. That one ends when TLS says
 * so: what there is still to say after the peer's end must not be cut off.
 */
function passOn(secured: TLSSocket, below: Socket): TLSSocket {
  below.allowHalfOpen = true
  for (const name of PLACES) Object.defineProperty(secured, name, { get: () => below[name], configurable: true })
  secured.address = () => below.address()
  for (const name of CALLS) {
    const call = (...args: unknown[]): TLSSocket => {
      ;(below[name] as (...given: unknown[]) => void)(...args)
      return secured
    }
    Object.defineProperty(secured, name, { value: call, configurable: true, writable: true })
  }
  if (below.connecting) awaitConnection(secured, below)
  return secured
}

function awaitConnection(secured: Opening, below: Socket): void {
  secured.connecting = true
  below.once('connect', () => {
    secured.connecting = false
    secured.emit('connect')
  })
  below.once('ready', () => secured.emit('ready'))
}

/** Of a connection's options those that say how to connect; the others are of the stream that TLS makes of it. */
const wayOf = (options: ConnectOptions): ConnectOptions => ({
  host: options.host,
  port: options.port,
  path: options.path,
  localAddress: options.localAddress,
  localPort: options.localPort,
  family: options.family,
  hints: options.hints,
  lookup: options.lookup,
  autoSelectFamily: options.autoSelectFamily,
  autoSelectFamilyAttemptTimeout: options.autoSelectFamilyAttemptTimeout,
  noDelay: options.noDelay,
  keepAlive: options.keepAlive,
  keepAliveInitialDelay: options.keepAliveInitialDelay,
  tcp: options.tcp,
})

/** TLS, as `begin` makes it, over the socket that is given, or else over a new connection. */
export function secure(
  connect: (way: ConnectOptions) => Socket,
  options: ConnectionOptions,
  begin: (socket: Socket) => TLSSocket,
): TLSSocket {
  const given = options.socket as Socket | undefined
  const socket = given ?? connect(wayOf(options as ConnectOptions))
  const secured = passOn(begin(socket), socket)
  // As node:tls has it: of a socket that was given, its owner watches the time.
  if (given === undefined && options.timeout) secured.setTimeout(options.timeout)
  return secured
}

/** Has the sockets of a server of TLS know and pass on the same, before anybody else hears of them. */
export function passOnAll(server: Server): void {
  const onSocket = (secured: TLSSocket): void => {
    const below = (secured as OverStream)._handle?._parentWrap?.stream
    if (below instanceof StackSocket) passOn(secured, below as unknown as Socket)
  }
  server.prependListener('secureConnection', onSocket)
  server.prependListener('tlsClientError', (_error: Error, secured: TLSSocket) => onSocket(secured))
}
