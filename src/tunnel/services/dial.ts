import { isIP, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { type ErrorCode, NetError } from '../../base/errors.ts'
import { type Endpoint, formatEndpoint } from '../../transport/endpoint.ts'
import { type Resolve, resolveByMachine } from '../../transport/resolve.ts'
import { KEEP_ALIVE } from './listener.ts'
import { connectReading } from './reading.ts'
import { SOCKET_BUFFER } from './splice.ts'

export interface DialOptions {
  /** Milliseconds until it is given up, with all that is tried again. Default 10,000. */
  readonly timeout?: number
  /** How often all targets are tried once more, after 100 ms and then twice as long each time. Default 2. */
  readonly retries?: number
  /** Default: the system's resolver, asked each time. */
  readonly resolve?: Resolve
}

/** Milliseconds. */
export const DEFAULT_TIMEOUT = 10_000
const DEFAULT_RETRIES = 2
/** Milliseconds. */
const FIRST_PAUSE = 100

/** Makes connections to one of several targets: the one that worked last is asked first, then the next ones in turn. */
export class Dialer {
  readonly #targets: readonly Endpoint[]
  readonly #timeout: number
  readonly #retries: number
  readonly #resolve: Resolve
  #first = 0

  constructor(targets: readonly Endpoint[], options: DialOptions = {}) {
    this.#targets = targets
    this.#timeout = options.timeout ?? DEFAULT_TIMEOUT
    this.#retries = options.retries ?? DEFAULT_RETRIES
    this.#resolve = options.resolve ?? resolveByMachine
  }

  /**
   * A connection, half-open by choice.
   * @throws {NetError} ECONNREFUSED, EHOSTUNREACH, ENETUNREACH, ETIMEDOUT, EPERM, ENOBUFS: what the last target said;
   * or the signal's reason.
   */
  async dial(signal: AbortSignal): Promise<Socket> {
    const deadline = performance.now() + this.#timeout
    for (let round = 0, pause = FIRST_PAUSE; ; round++, pause *= 2) {
      try {
        return await this.#dialEach(deadline, signal)
      } catch (error) {
        signal.throwIfAborted()
        if (round >= this.#retries || performance.now() + pause >= deadline) throw error
      }
      await sleep(pause, undefined, { signal })
    }
  }

  async #dialEach(deadline: number, signal: AbortSignal): Promise<Socket> {
    const count = this.#targets.length
    const start = this.#first
    let last: unknown
    for (let i = 0; i < count; i++) {
      const index = (start + i) % count
      const until = shareOf(deadline, count - i)
      try {
        const socket = await reach(this.#targets[index]!, until, signal, this.#resolve)
        this.#first = index
        return socket
      } catch (error) {
        signal.throwIfAborted()
        last = error
      }
    }
    throw last
  }
}

/** The end of an equal share of the time that is left for `count` attempts. */
function shareOf(deadline: number, count: number): number {
  const now = performance.now()
  return now + (deadline - now) / count
}

async function reach(target: Endpoint, until: number, signal: AbortSignal, resolve: Resolve): Promise<Socket> {
  try {
    if ('path' in target) return await connectTo(target, until, signal)
    const { host, port } = target
    const addresses = isIP(host) ? [host] : await withDeadline(resolve(host), until, signal)
    return await connectToAny(addresses, port, until, signal)
  } catch (error) {
    signal.throwIfAborted()
    throw cannotReach(error, target)
  }
}

/** A connection to the first of the addresses that takes one; each has an equal share of the time. */
export async function connectToAny(
  addresses: readonly string[],
  port: number,
  until: number,
  signal: AbortSignal,
): Promise<Socket> {
  let last: unknown = new NetError('EHOSTUNREACH', 'The name has no address')
  for (const [i, host] of addresses.entries()) {
    try {
      return await connectTo({ host, port }, shareOf(until, addresses.length - i), signal)
    } catch (error) {
      signal.throwIfAborted()
      last = error
    }
  }
  throw last
}

function connectTo(target: Endpoint, until: number, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const settings = {
      allowHalfOpen: true,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: KEEP_ALIVE,
      highWaterMark: SOCKET_BUFFER,
    }
    const socket = connectReading({ ...target, ...settings })
    const timer = setTimeout(() => fail(tooLate()), Math.max(1, until - performance.now()))
    const stop = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
    }
    const fail = (error: unknown): void => {
      stop()
      socket.destroy()
      reject(error)
    }
    const onAbort = (): void => fail(signal.reason)
    signal.addEventListener('abort', onAbort)
    if (signal.aborted) onAbort()
    socket.once('connect', () => {
      stop()
      resolve(socket)
    })
    // Stays, so that nothing befalls the process before the socket has an owner.
    socket.on('error', fail)
  })
}

/** What `promise` gives, unless it takes too long. */
export function withDeadline<T>(promise: Promise<T>, until: number, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
    }
    const fail = (error: unknown): void => {
      stop()
      reject(error)
    }
    const onAbort = (): void => fail(signal.reason)
    const timer = setTimeout(() => fail(tooLate()), Math.max(1, until - performance.now()))
    signal.addEventListener('abort', onAbort)
    promise.then((value) => {
      stop()
      resolve(value)
    }, fail)
  })
}

const tooLate = (): NetError => new NetError('ETIMEDOUT', 'No answer in time')

/** By the system's code: ours, and why. */
const DIAL_ERRORS: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  ECONNREFUSED: ['ECONNREFUSED', 'nothing listens there'],
  ENOENT: ['ECONNREFUSED', 'there is no such socket'],
  ECONNRESET: ['ECONNREFUSED', 'the connection was reset at once'],
  ENOTFOUND: ['EHOSTUNREACH', 'the name is not known'],
  EAI_AGAIN: ['EHOSTUNREACH', 'the name servers do not answer'],
  EHOSTUNREACH: ['EHOSTUNREACH', 'no host answers for that address'],
  ENETUNREACH: ['ENETUNREACH', 'no route leads there'],
  EADDRNOTAVAIL: ['EHOSTUNREACH', 'no address of this machine can reach it, or no port is free'],
  ETIMEDOUT: ['ETIMEDOUT', 'it does not answer in time'],
  EACCES: ['EPERM', 'permission denied'],
  EPERM: ['EPERM', 'a firewall of this machine forbids it'],
  EMFILE: ['ENOBUFS', 'this process has too many open files'],
}

/** Words why a target could not be reached. */
export function cannotReach(error: unknown, target: Endpoint): NetError {
  const { code = '', message } = error as NodeJS.ErrnoException
  const [ours, why] = DIAL_ERRORS[code] ?? ['EHOSTUNREACH', message]
  const where = 'path' in target ? {} : { address: target.host, port: target.port }
  return new NetError(ours, `Cannot connect to ${formatEndpoint(target)}: ${why}`, { syscall: 'connect', ...where })
}
