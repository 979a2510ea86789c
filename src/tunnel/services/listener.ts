import { existsSync, lstatSync } from 'node:fs'
import { lstat, unlink } from 'node:fs/promises'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { dirname } from 'node:path'
import { type ErrorCode, NetError } from '../../base/errors.ts'
import { type Endpoint, formatEndpoint } from '../../transport/endpoint.ts'
import { formatHostPort } from '../../transport/host-port.ts'
import { acceptReading } from './reading.ts'
import { SOCKET_BUFFER } from './splice.ts'

/** A peer that says nothing for so long is asked by its kernel whether it is still there, in milliseconds. */
export const KEEP_ALIVE = 120_000

/** Connections that may wait to be accepted: what comes in one burst. The system may allow fewer (net.core.somaxconn). */
const BACKLOG = 4096

/** So many connections read as Node does, which is faster by a tenth; those above take less memory when they stall. */
const FEW = 256

/** Listens, and words what goes wrong. */
export class Listener {
  /** What cannot be undone has happened after it listened, such as too many open files; it listens on. */
  onError: ((error: Error) => void) | undefined = undefined
  /** Where it listens, with the port that was found where 0 was asked for; known when it does not any more, too. */
  readonly address: string
  readonly #server: Server

  private constructor(server: Server, endpoint: Endpoint) {
    this.#server = server
    const bound = server.address()
    const isPort = bound !== null && typeof bound !== 'string'
    this.address = isPort ? formatHostPort({ host: bound.address, port: bound.port }) : formatEndpoint(endpoint)
    server.on('error', (error) => this.onError?.(error))
  }

  /**
   * Listens on a port, or on a Unix socket, whose path may be there if no one listens on it any more. The connections
   * are half-open by choice, and wait to be resumed.
   * @throws {NetError} EADDRINUSE, EADDRNOTAVAIL, EPERM, or EINVAL where the path leads nowhere or to something else.
   */
  static async open(endpoint: Endpoint, onConnection: (socket: Socket) => void): Promise<Listener> {
    const kept = { allowHalfOpen: true, highWaterMark: SOCKET_BUFFER }
    const told = { noDelay: true, keepAlive: true, keepAliveInitialDelay: KEEP_ALIVE }
    let open = 0
    const server = createServer({ ...kept, ...told, pauseOnConnect: true }, (accepted) => {
      const socket = open < FEW ? accepted : acceptReading(accepted, kept)
      // From now on it is noticed when it goes.
      socket.read(0)
      open++
      socket.once('close', () => open--)
      onConnection(socket)
    })
    try {
      await listen(server, endpoint)
    } catch (error) {
      const isTaken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE'
      if (!('path' in endpoint) || !isTaken || !(await isStale(endpoint.path))) throw cannotListen(error, endpoint)
      await unlink(endpoint.path).catch(() => undefined)
      await listen(server, endpoint).catch((again: unknown) => {
        throw cannotListen(again, endpoint)
      })
    }
    return new Listener(server, endpoint)
  }

  /** Takes no more connections; those that it took are no concern of it. */
  close(): Promise<void> {
    return new Promise((resolve) => this.#server.close(() => resolve()))
  }
}

function listen(server: Server, endpoint: Endpoint): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ ...endpoint, backlog: BACKLOG }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

/** Whether there is a socket that nobody listens on: its process ended without taking it away. */
async function isStale(path: string): Promise<boolean> {
  const found = await lstat(path).catch(() => undefined)
  if (found === undefined || !found.isSocket()) return false
  return new Promise((resolve) => {
    const socket = connect(path)
    socket.once('connect', () => {
      socket.destroy()
      resolve(false)
    })
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'ECONNREFUSED'))
  })
}

/** By the system's code: ours, and what to do. */
const LISTEN_ERRORS: Readonly<Record<string, readonly [ErrorCode, string]>> = {
  EADDRINUSE: ['EADDRINUSE', 'something listens there already. Stop it, or choose another'],
  NO_SOCKET: ['EINVAL', 'there is something that is no socket. Remove it, or choose another'],
  EADDRNOTAVAIL: ['EADDRNOTAVAIL', 'no interface of this machine has that address'],
  ENOTFOUND: ['EADDRNOTAVAIL', 'the name is not known'],
  EACCES: ['EPERM', 'permission denied. Ports below 1024 and foreign directories need root'],
  EPERM: ['EPERM', 'permission denied'],
  ENOENT: ['EINVAL', 'the directory does not exist'],
  ENOTDIR: ['EINVAL', 'a part of the path is no directory'],
  EMFILE: ['ENOBUFS', 'this process has too many open files'],
}

/** Whether a path is taken by what nobody can listen on. */
const isNoSocket = (code: string, endpoint: Endpoint): boolean =>
  code === 'EADDRINUSE' &&
  'path' in endpoint &&
  lstatSync(endpoint.path, { throwIfNoEntry: false })?.isSocket() === false

/** Words why a service does not listen. */
export function cannotListen(error: unknown, endpoint: Endpoint): NetError {
  const { code: said = '', message } = error as NodeJS.ErrnoException
  // libuv says EACCES of a Unix socket whose directory does not exist.
  const code = 'path' in endpoint && said === 'EACCES' && !existsSync(dirname(endpoint.path)) ? 'ENOENT' : said
  const [ours, why] = LISTEN_ERRORS[isNoSocket(code, endpoint) ? 'NO_SOCKET' : code] ?? ['EINVAL', message]
  const where = 'path' in endpoint ? {} : { address: endpoint.host, port: endpoint.port }
  return new NetError(ours, `Cannot listen on ${formatEndpoint(endpoint)}: ${why}`, { syscall: 'listen', ...where })
}
