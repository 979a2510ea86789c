import { randomBytes } from 'node:crypto'
import { Counters } from '../../base/counters.ts'
import { addMicros, type Micros, NEVER, type Pollable } from '../../base/types.ts'
import { clock as monotonicClock } from '../../driver/clock.ts'
import { Budget, type BudgetLease } from '../../session/credit/budget.ts'
import { PathIds } from './path-ids.ts'

export const SESSION_ID_OCTETS = 16

/** What the server allows a session; told to the client when it begins. */
export interface SessionLimits {
  /** Paths at once. */
  readonly maxPaths: number
  /** Streams and flows at once. */
  readonly maxStreams: number
  /** Milliseconds that the session waits for a path when it has none. */
  readonly freezeTime: number
  /** Octets that the other side may send on the whole session before it is given more. */
  readonly credit: number
}

/** Why a session ended: nobody came back in time, the same client began another, or its owner ended it. */
export type SessionEnd = 'expired' | 'replaced' | 'ended'

export interface NewSession<Secret> {
  readonly user: string
  /** Which client of that user, so that one that begins anew replaces its old session at once. */
  readonly instance: Uint8Array
  readonly secret: Secret
  readonly limits: SessionLimits
  /** Octets that may be sent to the client on the whole session before it gives more. */
  readonly clientCredit: number
}

export interface SessionRegistryOptions<Secret> {
  /** Sessions at once. Default 4096. */
  readonly maxSessions?: number
  /** Sessions of one user at once where his own limit does not say otherwise. Default 64. */
  readonly maxSessionsPerUser?: number
  /** The memory of all windows, of which each has its first part when it is registered. Default one of its own. */
  readonly budget?: Budget
  readonly clock?: () => Micros
  /** A session has ended, not by `end`'s caller alone: let go of what belongs to it. */
  readonly onEnded?: (session: RegisteredSession<Secret>, why: SessionEnd) => void
  readonly random?: (octets: number) => Uint8Array
}

/** A session that a client has authenticated, as long as it has paths or may get one again. */
export class RegisteredSession<Secret> {
  readonly id: Uint8Array
  readonly user: string
  readonly instance: Uint8Array
  readonly secret: Secret
  /** As the client is told: less credit than was wished for where memory is short. */
  readonly limits: SessionLimits
  readonly memory: BudgetLease
  readonly clientCredit: number
  /** The ids of the paths that it has now. */
  readonly paths: Set<number> = new Set([0])
  /** When it ends for want of a path; never while it has one. */
  expiresAt: Micros = NEVER
  readonly pathIds = new PathIds()

  constructor(id: Uint8Array, memory: BudgetLease, options: NewSession<Secret>) {
    const { user, instance, secret, limits, clientCredit } = options
    this.id = id
    this.user = user
    this.instance = instance
    this.secret = secret
    this.limits = { ...limits, credit: memory.first }
    this.memory = memory
    this.clientCredit = clientCredit
  }
}

/** The sessions of a server by their ids. Bounded; polled, like everything that has deadlines. */
export class SessionRegistry<Secret = unknown> implements Pollable {
  /** By reason: `created`, `joined`, `frozen`, `resumed`, `expired`, `replaced`, `ended`, and refusals `limit-…`, `path`. */
  readonly counters = new Counters()
  #options: Required<Omit<SessionRegistryOptions<Secret>, 'onEnded'>>
  readonly #onEnded: SessionRegistryOptions<Secret>['onEnded']
  readonly #sessions = new Map<string, RegisteredSession<Secret>>()
  readonly #frozen = new Set<RegisteredSession<Secret>>()

  constructor({ onEnded, ...options }: SessionRegistryOptions<Secret> = {}) {
    const defaults = {
      maxSessions: 4096,
      maxSessionsPerUser: 64,
      clock: monotonicClock,
      random: randomBytes,
      budget: new Budget(),
    }
    this.#options = { ...defaults, ...options }
    this.#onEnded = onEnded
  }

  /** How many sessions there may be from now on; those that there are stay. */
  adjust({ maxSessions, maxSessionsPerUser }: { maxSessions: number; maxSessionsPerUser: number }): void {
    this.#options = { ...this.#options, maxSessions, maxSessionsPerUser }
  }

  get size(): number {
    return this.#sessions.size
  }

  /** Sessions without a path. */
  get frozen(): number {
    return this.#frozen.size
  }

  [Symbol.iterator](): IterableIterator<RegisteredSession<Secret>> {
    return this.#sessions.values()
  }

  find(id: Uint8Array): RegisteredSession<Secret> | undefined {
    return this.#sessions.get(keyOf(id))
  }

  /**
   * Registers a session with path 0. An earlier one of the same user's same client is replaced; beyond `maxSessions` of the
   * user the one that has been without a path for longest. Undefined when there are too many nevertheless.
   */
  create(
    options: NewSession<Secret>,
    maxSessions = this.#options.maxSessionsPerUser,
  ): RegisteredSession<Secret> | undefined {
    const others = [...this.#sessions.values()].filter(({ user }) => user === options.user)
    const sameClient = others.filter(({ instance }) => keyOf(instance) === keyOf(options.instance))
    for (const session of sameClient) this.end(session, 'replaced')
    if (others.length - sameClient.length >= maxSessions && !this.#replaceFrozen(options.user))
      return this.#tooMany('limit-user')
    if (this.#sessions.size >= this.#options.maxSessions) return this.#tooMany('limit-sessions')
    const memory = this.#options.budget.lease(options.limits.credit)
    const session = new RegisteredSession(this.#options.random(SESSION_ID_OCTETS), memory, options)
    this.#sessions.set(keyOf(session.id), session)
    this.counters.count('created')
    return session
  }

  #tooMany(reason: string): undefined {
    this.counters.count(reason)
  }

  #replaceFrozen(user: string): boolean {
    for (const session of this.#frozen) {
      if (session.user !== user) continue
      this.end(session, 'replaced')
      return true
    }
    return false
  }

  /** Another path, whose proof was right; the reason why not, or undefined. `leave` gives it back. */
  join(session: RegisteredSession<Secret>, pathId: number): 'limit' | 'path' | undefined {
    const refusal =
      session.paths.size >= session.limits.maxPaths ? 'limit' : session.pathIds.take(pathId) ? undefined : 'path'
    if (refusal !== undefined) {
      this.counters.count(refusal === 'limit' ? 'limit-paths' : 'path')
      return refusal
    }
    session.paths.add(pathId)
    session.expiresAt = NEVER
    this.counters.count(this.#frozen.delete(session) ? 'resumed' : 'joined')
    return undefined
  }

  /** A path is gone; a session without any waits for `freezeTime`. */
  leave(session: RegisteredSession<Secret>, pathId: number): void {
    if (!session.paths.delete(pathId) || session.paths.size > 0 || this.find(session.id) !== session) return
    session.expiresAt = addMicros(this.#options.clock(), session.limits.freezeTime * 1000)
    this.#frozen.add(session)
    this.counters.count('frozen')
  }

  /** Forgets a session; harmless when it is forgotten already. */
  end(session: RegisteredSession<Secret>, why: SessionEnd = 'ended'): void {
    if (!this.#sessions.delete(keyOf(session.id))) return
    this.#frozen.delete(session)
    session.memory.release()
    this.counters.count(why)
    this.#onEnded?.(session, why)
  }

  poll(now: Micros): void {
    for (const session of this.#frozen) if (session.expiresAt <= now) this.end(session, 'expired')
  }

  pollAt(): Micros {
    let earliest = NEVER
    for (const { expiresAt } of this.#frozen) if (expiresAt < earliest) earliest = expiresAt
    return earliest
  }
}

const keyOf = (id: Uint8Array): string => Buffer.from(id.buffer, id.byteOffset, id.byteLength).toString('latin1')
