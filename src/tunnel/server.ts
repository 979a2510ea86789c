import { randomBytes } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import type { Duplex } from 'node:stream'
import { NetError } from '../base/errors.ts'
import { clock } from '../driver/clock.ts'
import { Budget } from '../session/credit/budget.ts'
import { SESSION_WINDOW } from '../session/limits.ts'
import type { Path } from '../session/paths/path.ts'
import type { StreamHost } from '../session/streams/stream-types.ts'
import { keptText } from '../transport/kept-text.ts'
import type { ListenCounts } from '../transport/listen.ts'
import { channelBinding } from '../transport/tls.ts'
import { Guard, type Lease } from './auth/guard.ts'
import { Origins } from './auth/origins.ts'
import {
  type RegisteredSession,
  type SessionEnd,
  type SessionLimits,
  SessionRegistry,
} from './auth/session-registry.ts'
import { UserStore } from './auth/users.ts'
import type { ListenerConfig, ServerConfig, ServerLimits, UserConfig } from './config/types.ts'
import { SILENCE } from './freeze-watch.ts'
import { performServerHandshake } from './handshake/perform.ts'
import type { ServerHandshakeResult } from './handshake/server.ts'
import type { SessionSecret } from './handshake/session-secret.ts'
import { LiveSession } from './live-session.ts'
import type { Log } from './log.ts'
import { PathDoor } from './paths/path-door.ts'
import { ProblemLog } from './problem-log.ts'
import type { Change } from './reload.ts'
import { pingTimes, serverDefinition, userOptions } from './service-definitions.ts'
import { type Refusals, Services } from './services/services.ts'

/** What salts are made of, in the folder of what is to outlive the process. */
const SECRET_FILE = 'salt.secret'
const SECRET_OCTETS = 32
/** Refusals that have been said, and are not said again. */
const MOST_REMEMBERED = 1000
/** How often sessions without a path are looked at. */
const LOOK = 1000

const guardLimits = (limits: ServerLimits) => ({
  maxHalfOpen: limits.halfOpen,
  maxHalfOpenPerAddress: limits.halfOpenPerAddress,
  rate: limits.connectionRate,
  burst: limits.connectionBurst,
  banAfter: limits.banAfter,
  banFor: limits.banFor,
})

type Registered = RegisteredSession<SessionSecret>

/** A session of some client, with what belongs to it. */
export interface Served {
  readonly registered: Registered
  readonly live: LiveSession
  /** When it began, Unix time in milliseconds. */
  readonly since: number
  /** Who came in on which path. */
  readonly addresses: Map<Path, string>
  readonly origins: Origins
}

/** The server's side of a tunnel: the door for paths, the sessions behind it, and services that answer. */
export class TunnelServer {
  readonly services: Services
  readonly guard: Guard
  readonly sessions = new Map<Registered, Served>()
  users!: UserStore
  readonly registry: SessionRegistry<SessionSecret>
  readonly #log: Log
  /** The memory of all windows. */
  readonly budget: Budget
  readonly #turnedAway = new Set<string>()
  readonly #byHost = new Map<StreamHost, Served>()
  #config: ServerConfig
  #door!: PathDoor
  #watch: NodeJS.Timeout | undefined = undefined
  /** Ends handshakes that are going on. */
  readonly #stopped = new AbortController()

  constructor(config: ServerConfig, log: Log) {
    this.#config = config
    this.#log = log
    // Each handshake listens.
    setMaxListeners(0, this.#stopped.signal)
    this.budget = new Budget(config.budget)
    const { limits } = config
    this.guard = new Guard({
      ...guardLimits(limits),
      onBan: (address, duration) => log.warn('an address is banned: too many failures', { address, for_ms: duration }),
    })
    const { maxSessions, maxSessionsPerUser } = limits
    this.registry = new SessionRegistry<SessionSecret>({
      maxSessions,
      maxSessionsPerUser,
      budget: this.budget,
      onEnded: (session, why) => this.#onEnded(session, why),
    })
    const problems = new ProblemLog(log)
    this.services = new Services({
      authorize: (opening, _kind, host) => {
        const served = this.#byHost.get(host)
        return served !== undefined && this.users.authorize(served.registered.user, opening) === undefined
      },
      onTurnedAway: (opening, why, host) => this.#onTurnedAway(opening.service, why, host),
      onProblem: (name, error) => problems.tell(name, error, clock()),
    })
  }

  get config(): ServerConfig {
    return this.#config
  }

  /** Where paths come in, with the ports that were found. */
  get addresses(): readonly string[] {
    return this.#door.addresses
  }

  /** SHA-256 of the certificates that are shown. */
  get fingerprints(): readonly string[] {
    return this.#door.fingerprints
  }

  /** @throws {NetError} when users make no sense, or something cannot listen; nothing is left then. */
  async start(): Promise<void> {
    this.users = await UserStore.create(this.#config.users.map(userOptions), { secret: await this.#saltSecret() })
    try {
      for (const service of this.#config.services) await this.services.add(serverDefinition(service))
      this.#door = await PathDoor.open(this.#config, {
        admit: (address) => this.guard.admit(address, () => this.#hasSession(address)),
        onGuest: (socket, lease) => this.#onSocket(socket, lease),
      })
    } catch (error) {
      await this.services.close()
      throw error
    }
    this.#watch = setInterval(() => this.#look(), LOOK)
  }

  /** Salts are made of it: were they others after a restart, they would tell which names exist. */
  async #saltSecret(): Promise<Buffer> {
    const make = async (): Promise<string> => randomBytes(SECRET_OCTETS).toString('base64')
    return Buffer.from(await keptText(this.#config.state, SECRET_FILE, 'what salts are made of', make), 'base64')
  }

  /** Connections that were let in or turned away before the handshake, by reason. */
  get doorCounts(): readonly ListenCounts[] {
    return this.#door.counts
  }

  /** Another configuration for what begins from now on; what it says of lists is done by the methods below. */
  setConfig(config: ServerConfig): void {
    const { scheduler, allow, limits } = config
    if (scheduler !== this.#config.scheduler) {
      for (const { live } of this.sessions.values()) live.session.setScheduler(scheduler)
    }
    this.#config = config
    this.#door.setAllow(allow)
    this.guard.adjust(guardLimits(limits))
    this.registry.adjust(limits)
  }

  /** @throws {NetError} as `PathDoor.add`. */
  addListener(listener: ListenerConfig): Promise<void> {
    return this.#door.add(listener, this.#config)
  }

  /** Certificates are renewed while daemons run: shows those that are in the files now. */
  renewCertificates(): Promise<readonly Change[]> {
    return this.#door.renew(this.#config.state)
  }

  removeListener(listener: ListenerConfig): void {
    this.#door.remove(listener)
  }

  /** Who may come in from now on; sessions of those whose password is worth nothing any more end. @throws {NetError} EINVAL */
  async setUsers(users: readonly UserConfig[]): Promise<void> {
    const revoked = new Set(await this.users.replace(users.map(userOptions)))
    for (const registered of [...this.registry]) if (revoked.has(registered.user)) this.registry.end(registered)
  }

  /** Lets nobody in, lets what is open end for `drain` milliseconds, and ends. */
  async stop(drain: number): Promise<void> {
    this.#door.close()
    this.#stopped.abort(new NetError('ERR_CLOSED', 'The server ends'))
    await this.services.close({ drain })
    clearInterval(this.#watch)
    for (const { registered } of [...this.sessions.values()]) this.registry.end(registered)
  }

  get #limits(): SessionLimits {
    const { limits, freeze, window } = this.#config
    const { maxPaths, maxStreams } = limits
    return { maxPaths, maxStreams, freezeTime: freeze, credit: Math.min(SESSION_WINDOW, window) }
  }

  /** Whether some session has had a path from there. */
  #hasSession(address: string): boolean {
    return [...this.sessions.values()].some(({ origins }) => origins.has(address))
  }

  #onSocket(socket: Duplex, lease: Lease): void {
    const { users, registry: sessions } = this
    const { address } = lease
    const { signal } = this.#stopped
    const binding = channelBinding(socket)
    const timeout = this.#config.limits.handshakeTimeout
    performServerHandshake(socket, { users, sessions, lease, binding, timeout, signal, limits: this.#limits }).then(
      ({ rest, result }) => this.#enter(socket, rest, result, address),
      (error: Error) => this.#log.info('somebody was not let in', { address, why: error.message }),
    )
  }

  #enter(socket: Duplex, rest: Uint8Array, result: ServerHandshakeResult, address: string): void {
    const { session: registered, pathId, kind } = result
    if (this.registry.find(registered.id) !== registered) {
      // It has ended since it was proven: its user is gone, or the server is.
      socket.destroy()
      return
    }
    const served = this.sessions.get(registered) ?? this.#begin(registered)
    const path = served.live.addPath(socket, rest, { id: pathId, name: address })
    served.addresses.set(path, address)
    served.origins.add(address)
    this.#log.info(kind === 'joined' ? 'path has joined' : 'session has begun', {
      user: registered.user,
      address,
      path: pathId,
    })
  }

  #begin(registered: Registered): Served {
    const { scheduler, window, streamWindow, ping } = this.#config
    const { memory, clientCredit: credit } = registered
    const { maxStreams } = registered.limits
    const rate = this.users.find(registered.user)?.rate
    const live = new LiveSession({
      role: 'server',
      scheduler,
      window,
      streamWindow,
      memory,
      ping: pingTimes(ping),
      maxStreams,
      credit,
      rate: rate === undefined ? undefined : rate / 8,
    })
    const served: Served = { registered, live, since: Date.now(), addresses: new Map(), origins: new Origins() }
    this.sessions.set(registered, served)
    this.#byHost.set(live.session, served)
    live.session.onPath = (path, event) => {
      if (event === 'closed') this.#onPathGone(served, path)
    }
    live.session.onEnd = () => this.registry.end(registered)
    this.services.attach(live.session)
    return served
  }

  /** Said once for each user and service: it is a mistake in a file, on this side or the other. */
  #onTurnedAway(service: string, why: keyof Refusals, host: StreamHost): void {
    const user = this.#byHost.get(host)?.registered.user
    const what = `${why} ${user} ${service}`
    if (this.#turnedAway.has(what)) return
    if (this.#turnedAway.size >= MOST_REMEMBERED) this.#turnedAway.clear()
    this.#turnedAway.add(what)
    const reason = why === 'unknown' ? 'there is no service of that name' : 'the rules for this user forbid it'
    this.#log.warn(`cannot open what a client asks for: ${reason}`, { user, service })
  }

  #onPathGone({ registered, live, addresses }: Served, path: Path): void {
    const address = addresses.get(path)
    live.forget(path)
    addresses.delete(path)
    // With the session they all go: that it is over has been said.
    if (this.sessions.has(registered)) {
      this.#log.info('path is gone', { user: registered.user, path: path.id, address, reason: path.reason })
    }
    this.registry.leave(registered, path.id)
  }

  #onEnded(registered: Registered, why: SessionEnd): void {
    const served = this.sessions.get(registered)
    if (served === undefined) return
    this.sessions.delete(registered)
    this.#byHost.delete(served.live.session)
    this.services.detach(served.live.session)
    served.live.close(0, `the session has ${why === 'ended' ? 'ended' : `been ${why}`}`)
    this.#log.info('session is over', { user: registered.user, why })
  }

  #look(): void {
    const now = clock()
    for (const { live } of this.sessions.values()) {
      for (const path of live.session.paths) {
        // Its client has another by then, or comes again.
        if (path.state === 'stalled' && now - path.stalledAt > SILENCE * 1000) live.session.dropPath(path, 'silent')
      }
    }
    this.registry.poll(now)
  }
}
