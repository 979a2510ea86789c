import { isIP, type LookupFunction, type OnReadOpts } from 'node:net'
import type { DuplexOptions } from 'node:stream'
import { rangeError, typeError } from '../base/argument-errors.ts'
import { nodeError } from '../base/node-error.ts'
import type { TcpOptionsInit } from '../tcp/settings.ts'

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
  /** Tries the addresses of a name in turn, as node:net does by default. False tries the first only. */
  readonly autoSelectFamily?: boolean | undefined
  /** Milliseconds for each address but the last. Default: node:net's, 250. */
  readonly autoSelectFamilyAttemptTimeout?: number | undefined
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
  if (typeof first === 'string' && !(Number(first) >= 0)) return [{ path: first }, callback]
  const port = first as number | string
  return [typeof second === 'string' ? { port, host: second } : { port }, callback]
}

/** @throws {TypeError} ERR_MISSING_ARGS when no port is given, ERR_INVALID_ARG_VALUE when it is a pipe. */
export function requirePort({ port, path }: ConnectOptions): void {
  if (path) {
    throw nodeError(
      TypeError,
      'ERR_INVALID_ARG_VALUE',
      `Cannot connect to "${path}": a stack has no pipes. Give a port`,
    )
  }
  if (port === undefined) throw nodeError(TypeError, 'ERR_MISSING_ARGS', 'The "port" option must be specified')
}

/**
 * Each option is what it should be: they are looked at in Node's order. Returns the port that is meant.
 * @throws {TypeError} ERR_INVALID_ARG_TYPE, ERR_INVALID_IP_ADDRESS.
 * @throws {RangeError} ERR_SOCKET_BAD_PORT, ERR_OUT_OF_RANGE.
 */
export function requireConnectOptions(options: ConnectOptions): number {
  const { localAddress, localPort, port, autoSelectFamily, autoSelectFamilyAttemptTimeout: patience } = options
  if (localAddress && !isIP(localAddress)) throw invalidAddress(localAddress)
  if (localPort) {
    if (typeof localPort !== 'number') throw wrongType('"options.localPort" property', 'of type number')
    portOf(localPort)
  }
  if (typeof port !== 'number' && typeof port !== 'string') {
    throw wrongType('"options.port" property', 'one of type number or string')
  }
  const known = portOf(port)
  if (autoSelectFamily != null && typeof autoSelectFamily !== 'boolean') {
    throw wrongType('"options.autoSelectFamily" property', 'of type boolean')
  }
  if (patience != null) requirePatience(patience)
  return known
}

/**
 * The same of a function that looks a name up.
 * @throws {TypeError} ERR_INVALID_ARG_TYPE.
 */
export function requireLookup({ lookup }: ConnectOptions): void {
  if (lookup != null && typeof lookup !== 'function') throw wrongType('"options.lookup" property', 'of type function')
}

/**
 * The delay of keep-alive probes is a number, if anything.
 * @throws {TypeError} ERR_INVALID_ARG_TYPE.
 */
export function requireDelay({ keepAliveInitialDelay: delay }: SocketOptions): void {
  if (delay === undefined || typeof delay === 'number') return
  throw wrongType('"options.keepAliveInitialDelay" property', 'of type number')
}

/**
 * There are no descriptors in a stack.
 * @throws {TypeError} ERR_INVALID_ARG_VALUE.
 */
export function refuseDescriptor(options: SocketOptions | number): void {
  const fd = typeof options === 'number' ? options : (options as { fd?: unknown }).fd
  if (fd === undefined) return
  const message = `Cannot open descriptor ${String(fd)}: a stack has no descriptors. Call connect`
  throw nodeError(TypeError, 'ERR_INVALID_ARG_VALUE', message)
}

/**
 * A time for a timer.
 * @throws {TypeError} ERR_INVALID_ARG_TYPE.
 * @throws {RangeError} ERR_OUT_OF_RANGE.
 */
export function timerDuration(msecs: number): number {
  if (typeof msecs !== 'number') throw wrongType('"msecs" argument', 'of type number')
  if (msecs >= 0 && Number.isFinite(msecs)) return Math.min(msecs, 2 ** 31 - 1)
  throw outOfRange('msecs', 'a non-negative finite number', msecs)
}

/**
 * What is to be called is a function.
 * @throws {TypeError} ERR_INVALID_ARG_TYPE.
 */
export function requireCallback(callback: unknown): void {
  if (typeof callback !== 'function') throw wrongType('"callback" argument', 'of type function')
}

export const invalidAddress = (address: unknown): Error =>
  nodeError(TypeError, 'ERR_INVALID_IP_ADDRESS', `Invalid IP address: ${String(address)}`)

const outOfRange = (name: string, range: string, given: number): Error =>
  rangeError(`The value of "${name}" is out of range. It must be ${range}. Received ${given}`)

const wrongType = (what: string, expected: string): Error => typeError(`The ${what} must be ${expected}`)

function portOf(port: number | string): number {
  const isNumber = String(port).trim() !== '' && Number(port) === Number(port) >>> 0
  if (isNumber && Number(port) <= 65535) return Number(port)
  const message = `Port should be >= 0 and < 65536. Received type ${typeof port} (${String(port)}).`
  throw nodeError(RangeError, 'ERR_SOCKET_BAD_PORT', message)
}

function requirePatience(ms: number): void {
  const name = 'options.autoSelectFamilyAttemptTimeout'
  if (typeof ms !== 'number') throw wrongType(`"${name}" property`, 'of type number')
  if (Number.isInteger(ms) && ms >= 1 && ms < 2 ** 31) return
  throw outOfRange(name, 'a whole number from 1 on', ms)
}
