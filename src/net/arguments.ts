import type { LookupFunction, OnReadOpts } from 'node:net'
import type { DuplexOptions } from 'node:stream'
import type { TcpOptionsInit } from '../tcp/settings.ts'
import { nodeError } from './errors.ts'

/** What a socket is made with: node:net's options and those of a Duplex. */
export interface SocketOptions extends Omit<DuplexOptions, 'signal'> {
  /** Destroys the socket. */
  readonly signal?: AbortSignal | undefined
  /** Where what is read goes, instead of new memory. */
  readonly onread?: OnReadOpts | undefined
  readonly noDelay?: boolean | undefined
  readonly keepAlive?: boolean | undefined
  readonly keepAliveInitialDelay?: number | undefined
}

/** What `connect` takes: node:net's options for TCP, and TCP's own. */
export interface ConnectOptions extends SocketOptions {
  readonly port?: number | string | undefined
  readonly host?: string | null | undefined
  readonly localAddress?: string | undefined
  readonly localPort?: number | undefined
  readonly family?: number | string | undefined
  readonly hints?: number | undefined
  readonly lookup?: LookupFunction | undefined
  readonly path?: string | null | undefined
  readonly timeout?: number | undefined
  /** Options of our TCP, beside Node's. */
  readonly tcp?: TcpOptionsInit | undefined
}

type Listener = () => void

/** `(options[, callback])` or `(port[, host][, callback])`. */
export function connectArguments(args: readonly unknown[]): [ConnectOptions, Listener | undefined] {
  const [first, second] = args
  const last = args.at(-1)
  const callback = typeof last === 'function' ? (last as Listener) : undefined
  if (typeof first === 'object' && first !== null) return [first, callback]
  if (first === undefined || typeof first === 'function') return [{}, callback]
  if (typeof first === 'string' && !(Number(first) >= 0)) return [{ path: first }, callback]
  const port = first as number | string
  return [typeof second === 'string' ? { port, host: second } : { port }, callback]
}

/** @throws {TypeError} ERR_MISSING_ARGS when no port is given, ERR_INVALID_ARG_VALUE when it is a pipe. */
export function requirePort({ port, path }: ConnectOptions): void {
  if (path != null) {
    throw nodeError(
      TypeError,
      'ERR_INVALID_ARG_VALUE',
      `Cannot connect to "${path}": a stack has no pipes. Give a port`,
    )
  }
  if (port === undefined) throw nodeError(TypeError, 'ERR_MISSING_ARGS', 'The "port" option must be specified')
}

/**
 * The port that is meant.
 * @throws {TypeError} ERR_INVALID_ARG_TYPE.
 * @throws {RangeError} ERR_SOCKET_BAD_PORT.
 */
export function connectPort({ port }: ConnectOptions): number {
  if (typeof port !== 'number' && typeof port !== 'string') {
    const message = 'The "options.port" property must be one of type number or string'
    throw nodeError(TypeError, 'ERR_INVALID_ARG_TYPE', message)
  }
  const isNumber = String(port).trim() !== '' && Number(port) === Number(port) >>> 0
  if (isNumber && Number(port) <= 65535) return Number(port)
  const message = `Port should be >= 0 and < 65536. Received type ${typeof port} (${String(port)}).`
  throw nodeError(RangeError, 'ERR_SOCKET_BAD_PORT', message)
}

/**
 * A time for a timer.
 * @throws {TypeError} ERR_INVALID_ARG_TYPE.
 * @throws {RangeError} ERR_OUT_OF_RANGE.
 */
export function timerDuration(msecs: number): number {
  if (typeof msecs !== 'number') {
    throw nodeError(TypeError, 'ERR_INVALID_ARG_TYPE', 'The "msecs" argument must be of type number')
  }
  if (msecs >= 0 && Number.isFinite(msecs)) return Math.min(msecs, 2 ** 31 - 1)
  const message = `The value of "msecs" is out of range. It must be a non-negative finite number. Received ${msecs}`
  throw nodeError(RangeError, 'ERR_OUT_OF_RANGE', message)
}
