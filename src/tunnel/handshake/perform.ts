import type { Duplex } from 'node:stream'
import type { Lease } from '../auth/guard.ts'
import { ClientHandshake, type ClientHandshakeOptions, type ClientHandshakeResult } from './client.ts'
import type { HandshakeEvents } from './events.ts'
import { ServerHandshake, type ServerHandshakeOptions, type ServerHandshakeResult } from './server.ts'

/** Milliseconds for the whole handshake, from the connection (or its TLS) to the last proof. */
const HANDSHAKE_TIMEOUT = 5000
/** Milliseconds that a refusal may take to leave. */
const LINGER = 1000

export interface PerformOptions {
  /** Milliseconds until it is given up. Default 5000. */
  readonly timeout?: number
  /** Gives up with the signal's reason; a server tells its clients that it is being shut down. */
  readonly signal?: AbortSignal
  /** Calls back after a time in milliseconds, unless what it returns is called before. Default: `setTimeout`. */
  readonly schedule?: (callback: () => void, delay: number) => () => void
}

/** What is left when a handshake is complete. */
export interface Performed<Socket extends Duplex, Result> {
  /** The same socket, not flowing, without listeners of the handshake but a silent one for 'error'. */
  readonly socket: Socket
  /** What came behind the handshake and is the session's; what comes later is still in the socket. */
  readonly rest: Uint8Array
  readonly result: Result
}

export interface ServerPerformOptions extends ServerHandshakeOptions, PerformOptions {
  /** From `Guard.admit`; released when the handshake is over. */
  readonly lease: Lease
}

/**
 * Authenticates or joins on a connection that stands, from which nothing has been read and to which nothing is written
 * meanwhile. The other side may have ended already when it returns: see `readableEnded`.
 * @throws {HandshakeError} after the socket is destroyed.
 */
export function performClientHandshake<Socket extends Duplex>(
  socket: Socket,
  options: ClientHandshakeOptions & PerformOptions,
): Promise<Performed<Socket, ClientHandshakeResult>> {
  return perform(socket, (events) => new ClientHandshake(options, events), options)
}

/**
 * Takes in whoever proves himself on a connection that stands, and refuses everybody else.
 * @throws {HandshakeError} when he was refused or went away; the socket ends by itself, and has been told why.
 */
export function performServerHandshake<Socket extends Duplex>(
  socket: Socket,
  options: ServerPerformOptions,
): Promise<Performed<Socket, ServerHandshakeResult>> {
  return perform(
    socket,
    (events) => {
      const machine = new ServerHandshake(options, options.lease, events)
      machine.start()
      return machine
    },
    options,
  )
}

interface Machine {
  receive(bytes: Uint8Array): void
  closed(why?: string): void
  expire(): void
  abort(): void
}

/** Lets a machine have the socket until it is done. */
function perform<Socket extends Duplex, Result>(
  socket: Socket,
  start: (events: HandshakeEvents<Result>) => Machine,
  options: PerformOptions,
): Promise<Performed<Socket, Result>> {
  const { signal, timeout = HANDSHAKE_TIMEOUT, schedule = realSchedule } = options
  return new Promise((resolve, reject) => {
    let isOver = false
    let broken: Error | undefined
    // TLS tells of alerts without ending the socket; what comes after the handshake is swallowed.
    socket.on('error', (error) => {
      broken = error
    })
    const stop = (): void => {
      isOver = true
      cancel()
      socket.off('readable', onReadable).off('end', onClosed).off('close', onClosed)
      signal?.removeEventListener('abort', onAbort)
    }
    const machine = start({
      send: (bytes) => void (socket.writable && socket.write(bytes)),
      onDone: (result, rest) => {
        stop()
        resolve({ socket, rest, result })
      },
      onFailed: (error) => {
        stop()
        endSoon(socket, options)
        reject(error)
      },
    })
    const onReadable = (): void => {
      while (!isOver) {
        const chunk = socket.read() as Buffer | null
        if (chunk === null) return
        machine.receive(chunk)
      }
    }
    const onClosed = (): void => machine.closed(whyClosed(broken))
    const onAbort = (): void => {
      reject(signal?.reason)
      machine.abort()
    }
    const cancel = schedule(() => machine.expire(), timeout)
    socket.on('readable', onReadable).on('end', onClosed).on('close', onClosed)
    signal?.addEventListener('abort', onAbort, { once: true })
    if (signal?.aborted) onAbort()
    else if (socket.destroyed || socket.readableEnded) onClosed()
    else onReadable()
  })
}

/** In TLS 1.3 a client is ready before the server has looked at its certificate: what the server says of it comes here. */
function whyClosed(error: Error | undefined): string | undefined {
  const { code = '', reason } = (error ?? {}) as { readonly code?: string; readonly reason?: string }
  if (!code.startsWith('ERR_SSL_')) return undefined
  return code.endsWith('CERTIFICATE_REQUIRED') ? 'the server wants a certificate: say which in `certificate`' : reason
}

/** Ends the socket once what was written has left; what still comes is nobody's. */
function endSoon(socket: Duplex, { schedule = realSchedule }: PerformOptions): void {
  if (socket.destroyed) return
  socket.once(
    'close',
    schedule(() => socket.destroy(), LINGER),
  )
  socket.end(() => socket.destroy())
}

function realSchedule(callback: () => void, delay: number): () => void {
  const timer = setTimeout(callback, delay)
  return () => clearTimeout(timer)
}
