import { randomBytes } from 'node:crypto'
import type { Duplex } from 'node:stream'
import { NetError } from '../base/errors.ts'
import type { Budget } from '../session/credit/budget.ts'
import { SESSION_WINDOW } from '../session/limits.ts'
import type { Path } from '../session/paths/path.ts'
import type { SchedulerName } from '../session/schedulers/by-name.ts'
import type { SessionOptions } from '../session/session-types.ts'
import { channelBinding, peerFingerprint } from '../transport/tls.ts'
import { type ClientCredentials, passwordCredentials } from './auth/credentials.ts'
import { HandshakeError } from './auth/handshake-error.ts'
import type { ClientSession } from './handshake/client.ts'
import { performClientHandshake } from './handshake/perform.ts'
import { LiveSession } from './live-session.ts'
import type { KnownServers } from './paths/known-servers.ts'

/** Milliseconds after which another path may try to begin the session, when the first has not managed. */
const PATIENCE = 2000

export interface ClientLinkOptions {
  readonly user: string
  readonly password: string
  /** What certificates servers showed before; undefined where the configuration says how the server is known. */
  readonly known: KnownServers | undefined
  /** Hears what does not keep a session from going on. */
  readonly onProblem: (error: Error) => void
  readonly session: Omit<SessionOptions, 'role' | 'onWork' | 'memory' | 'credit' | 'maxStreams'>
  /** The memory of all windows. */
  readonly budget: Budget
  /** A session has begun: its first path is about to be added. */
  readonly onBegin: (live: LiveSession) => void
  /** It is over: its streams have been reset. */
  readonly onEnd: (live: LiveSession, reason: string) => void
}

/** The session as it is now, and what another path needs to join it. */
interface Current {
  readonly live: LiveSession
  readonly session: ClientSession
  nextPathId: number
}

/** What is known of a path before it is one. */
export interface Way {
  readonly name: string
  /** Octets per second that we send on it; undefined where nothing limits them. */
  readonly rate: number | undefined
  /** `host:port` of the server; undefined where its certificate is not to be remembered. */
  readonly server: string | undefined
}

/** A path that came in, and the session that it belongs to. */
export interface Entered {
  readonly path: Path
  readonly live: LiveSession
}

/**
 * The session that all paths of a client share. The first path that gets through begins it, the others join; when the
 * server has forgotten it, the next path begins another.
 */
export class ClientLink {
  #options: ClientLinkOptions
  readonly #credentials: ClientCredentials
  /** So that the server replaces our own old session, and nobody else's. */
  readonly #instance = randomBytes(16)
  #current: Current | undefined = undefined
  /** Who is about to begin a session, and since when. */
  #beginner: { readonly abort: AbortController; readonly done: Promise<unknown> } | undefined = undefined

  /** @throws {NetError} EINVAL when user or password cannot be used. */
  constructor(options: ClientLinkOptions) {
    this.#options = options
    this.#credentials = passwordCredentials(options.user, options.password)
  }

  get live(): LiveSession | undefined {
    return this.#current?.live
  }

  /** How paths are chosen from now on. */
  setScheduler(scheduler: SchedulerName): void {
    this.#options = { ...this.#options, session: { ...this.#options.session, scheduler } }
    this.live?.session.setScheduler(scheduler)
  }

  /** What the server allows, once it has said so. */
  get limits(): ClientSession['limits'] | undefined {
    return this.#current?.session.limits
  }

  /**
   * Shakes hands on a connection and adds it as a path.
   * @throws {HandshakeError} and what the signal says; the socket is destroyed then.
   */
  async enter(socket: Duplex, way: Way, signal: AbortSignal): Promise<Entered> {
    try {
      for (;;) {
        const current = this.#current
        if (current !== undefined) return await this.#join(current, socket, way, signal)
        const entered = await this.#begin(socket, way, signal)
        if (entered !== undefined) return entered
      }
    } catch (error) {
      socket.destroy()
      throw error
    }
  }

  /** Ends the session in good order. */
  close(reason: string): void {
    if (this.#current !== undefined) this.#end(this.#current, reason)
  }

  async #join(current: Current, socket: Duplex, way: Way, signal: AbortSignal): Promise<Entered> {
    const pathId = current.nextPathId++
    const { session } = current
    const { name, rate } = way
    try {
      const binding = channelBinding(socket)
      const { rest } = await performClientHandshake(socket, {
        wish: { kind: 'join', session, pathId },
        binding,
        signal,
      })
      if (this.#current !== current) throw new NetError('ECONNABORTED', 'The session ended while the path was joining')
      this.#remember(socket, way)
      return { path: current.live.addPath(socket, rest, { name, rate, id: pathId }), live: current.live }
    } catch (error) {
      // Anybody on one path can say so: it is believed when no other path speaks against it.
      const isForgotten = error instanceof HandshakeError && error.failure === 'session'
      const isAlive = current.live.session.paths.some(({ state }) => state === 'open')
      if (isForgotten && !isAlive && this.#current === current)
        this.#end(current, 'the server has forgotten the session')
      throw error
    }
  }

  /** Begins the session, or waits until somebody else has; undefined then. */
  async #begin(socket: Duplex, way: Way, signal: AbortSignal): Promise<Entered | undefined> {
    const other = this.#beginner
    if (other !== undefined) {
      await settledWithin(other.done, PATIENCE, signal)
      // It may have been somebody else's turn meanwhile, too.
      if (this.#current !== undefined || this.#beginner !== other) return undefined
      other.abort.abort(new NetError('ETIMEDOUT', 'Another path begins the session instead'))
    }
    const abort = new AbortController()
    const done = this.#authenticate(socket, way, AbortSignal.any([signal, abort.signal]))
    const beginner = { abort, done: done.catch(() => undefined) }
    this.#beginner = beginner
    try {
      return await done
    } finally {
      if (this.#beginner === beginner) this.#beginner = undefined
    }
  }

  async #authenticate(socket: Duplex, way: Way, signal: AbortSignal): Promise<Entered> {
    await this.#check(socket, way)
    const { session: options, budget } = this.#options
    const memory = budget.lease(Math.min(SESSION_WINDOW, options.window ?? SESSION_WINDOW))
    const credentials = this.#credentials
    const { rest, result } = await performClientHandshake(socket, {
      wish: { kind: 'authenticate', credentials, instance: this.#instance, credit: memory.first },
      binding: channelBinding(socket),
      signal,
    }).catch((error) => {
      memory.release()
      throw error
    })
    if (result.kind !== 'authenticated') throw new Error(`a client that authenticates has ${result.kind}`)
    const { session } = result
    const { credit } = session.limits
    const { name, rate } = way
    const live = new LiveSession({ ...options, role: 'client', memory, credit })
    const current: Current = { live, session, nextPathId: 1 }
    this.#current = current
    live.session.onEnd = (_code, reason) => this.#end(current, reason)
    this.#options.onBegin(live)
    this.#remember(socket, way)
    return { path: live.addPath(socket, rest, { name, rate, id: result.pathId }), live }
  }

  /**
   * Before anything is said of the password: is that who proved it before? A path that joins needs no such question: what it
   * says is worth nothing to anybody else.
   */
  async #check(socket: Duplex, { server }: Way): Promise<void> {
    const fingerprint = peerFingerprint(socket)
    if (server === undefined || fingerprint === undefined) return
    await this.#options.known?.check(server, fingerprint)
  }

  /** It has proven, on this very channel, that it knows the password or the session. */
  #remember(socket: Duplex, { server }: Way): void {
    const fingerprint = peerFingerprint(socket)
    if (server === undefined || fingerprint === undefined) return
    this.#options.known?.keep(server, fingerprint).catch(this.#options.onProblem)
  }

  #end(current: Current, reason: string): void {
    if (this.#current !== current) return
    this.#current = undefined
    current.live.close(0, reason)
    this.#options.onEnd(current.live, reason)
  }
}

/** Resolves when the promise has settled, or time is up. @throws what the signal says. */
function settledWithin(promise: Promise<unknown>, milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted()
    const timer = setTimeout(() => done(), milliseconds)
    const onAbort = (): void => {
      clearTimeout(timer)
      reject(signal.reason)
    }
    const done = (): void => {
      clearTimeout(timer)
      signal.removeEventListener('abort', onAbort)
      resolve()
    }
    signal.addEventListener('abort', onAbort, { once: true })
    promise.then(done, done)
  })
}
