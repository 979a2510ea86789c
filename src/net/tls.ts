import type { EventEmitter } from 'node:events'
import type { Server, Socket } from 'node:net'
import type { ConnectionOptions, TLSSocket } from 'node:tls'
import { type ConnectOptions, connectArguments } from './arguments.ts'
import { systemError } from './errors.ts'
import { type ReadTarget, readTarget } from './read-target.ts'
import { StackSocket } from './socket.ts'

const FACTS = [
  'remoteAddress',
  'remotePort',
  'remoteFamily',
  'localAddress',
  'localPort',
  'localFamily',
  'autoSelectFamilyAttemptedAddresses',
] as const
const CALLS = ['setNoDelay', 'setKeepAlive', 'ref', 'unref'] as const
const NEWS = ['lookup', 'connectionAttempt', 'connectionAttemptFailed', 'connectionAttemptTimeout'] as const

const NO_MEMORY = new Uint8Array(0)

/** What node:tls reads from, and how it keeps the socket below where that is no handle of libuv. */
interface Handle {
  reading: boolean
  readStop(): void
  readonly _parentWrap?: EventEmitter & { readonly stream?: unknown }
}

/** What only node:net itself sets. */
type Opening = Omit<TLSSocket, 'connecting'> & { connecting: boolean }

/**
 * Has a socket of TLS know its addresses, and pass on what is asked of the connection below. That one ends when TLS says
 * so: what there is still to say after the peer's end must not be cut off.
 */
function passOn(secured: TLSSocket, below: Socket): TLSSocket {
  below.allowHalfOpen = true
  for (const name of FACTS) Object.defineProperty(secured, name, { get: () => below[name], configurable: true })
  secured.address = () => below.address()
  for (const name of CALLS) {
    const call = (...args: unknown[]): TLSSocket => {
      ;(below[name] as (...given: unknown[]) => void)(...args)
      return secured
    }
    Object.defineProperty(secured, name, { value: call, configurable: true, writable: true })
  }
  const wrap = wrapOf(secured)
  if (wrap?.stream === below) {
    // Alone, node:tls tells the error, and then closes as if there had been none.
    wrap.removeAllListeners('error').on('error', (error) => secured.destroy(error))
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

const handleOf = (secured: TLSSocket) => (secured as { readonly _handle?: Handle | null })._handle
const wrapOf = (secured: TLSSocket) => handleOf(secured)?._parentWrap

/**
 * Puts what comes into the memory of `onread`, as node:tls does over a connection of its own: whole records, and from
 * where Node would push them, so that it is no matter who else listens.
 */
function readInto(secured: TLSSocket, target: ReadTarget): void {
  const { push, pause, resume, read } = secured
  const begin = (): void => {
    if (!secured.connecting && handleOf(secured)) secured._read(0)
  }
  const stop = (): void => {
    const handle = handleOf(secured)
    if (secured.connecting || !handle?.reading) return
    handle.reading = false
    handle.readStop()
  }
  secured.push = (chunk: Buffer | null) => {
    if (chunk === null) return push.call(secured, chunk)
    for (let rest = chunk; rest.length > 0 && !secured.destroyed; ) {
      const count = rest.copy(target.bytes ?? NO_MEMORY)
      if (count === 0) secured.destroy(systemError('ENOBUFS', 'read'))
      else if (!target.hand(secured, count)) stop()
      rest = rest.subarray(count)
    }
    // Where no more is wanted, that was stopped at once: the next piece may want more again.
    return true
  }
  secured.pause = () => {
    stop()
    return pause.call(secured)
  }
  secured.resume = () => {
    begin()
    return resume.call(secured)
  }
  secured.read = (size) => {
    begin()
    return read.call(secured, size)
  }
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
  const secured = passOn(given === undefined ? beginOrEnd(begin, socket) : begin(socket), socket)
  // As node:tls has it: a socket that was given is its owner's, who watches the time.
  if (given !== undefined) return secured
  for (const event of NEWS) socket.on(event, (...details: unknown[]) => secured.emit(event, ...details))
  if (options.timeout) secured.setTimeout(options.timeout)
  const target = readTarget((options as ConnectOptions).onread)
  if (target !== undefined) readInto(secured, target)
  return secured
}

/** Where TLS refuses its options, nobody else would ever end the connection that was begun for it. */
function beginOrEnd(begin: (socket: Socket) => TLSSocket, socket: Socket): TLSSocket {
  try {
    return begin(socket)
  } catch (error) {
    socket.destroy()
    throw error
  }
}

/** `(options[, callback])` or `(port[, host][, options][, callback])`, as node:tls takes them. */
export function tlsArguments(args: readonly unknown[]): [ConnectionOptions, (() => void) | undefined] {
  const [way, onSecure] = connectArguments(args)
  const more = args.slice(1).find((each) => typeof each === 'object' && each !== null)
  return [{ ...way, ...more } as ConnectionOptions, onSecure]
}

/** Has the sockets of a server of TLS know and pass on the same, before anybody else hears of them. */
export function passOnAll(server: Server): void {
  const onSocket = (secured: TLSSocket): void => {
    const below = wrapOf(secured)?.stream
    if (below instanceof StackSocket) passOn(secured, below as unknown as Socket)
  }
  server.prependListener('secureConnection', onSocket)
  server.prependListener('tlsClientError', (_error: Error, secured: TLSSocket) => onSocket(secured))
}
