import { randomBytes } from 'node:crypto'
import { Counters } from '../../base/counters.ts'
import { NetError } from '../../base/errors.ts'
import type { Opening } from '../../session/streams/stream-types.ts'
import { isMeant, parseTarget, type Target, targetRule } from '../target-rule.ts'
import { globMatcher } from './glob.ts'
import { saslPrep } from './saslprep.ts'
import {
  DEFAULT_ITERATIONS,
  deriveKeys,
  hmac,
  isSame,
  parseScramKeys,
  SALT_OCTETS,
  type ScramKeys,
} from './scram-keys.ts'

/** A user as a configuration names him: with a password, or with what `hashPassword` made of one. */
export interface UserOptions {
  readonly name: string
  readonly password?: string
  readonly scram?: string
  /** Names of services, with `*` and `?`. Default: all. */
  readonly services?: readonly string[]
  /** Where streams of services that let the opener choose may lead: see `targetRule`. Default: wherever the service allows. */
  readonly targets?: readonly string[]
  /** Sessions at once. Default: as the server's. */
  readonly maxSessions?: number
  /** Paths of one session at once. Default: as the server's. */
  readonly maxPaths?: number
  /** Streams and flows of one session at once. Default: as the server's. */
  readonly maxStreams?: number
  /** Bits per second of one session, each way. Default: no limit. */
  readonly rate?: number
}

/** What a user may do; undefined where the server's own limits hold. */
export interface UserRights {
  readonly maxSessions: number | undefined
  readonly maxPaths: number | undefined
  readonly maxStreams: number | undefined
  readonly rate: number | undefined
}

export interface User extends UserRights {
  readonly name: string
}

/** Why an opening is not allowed: the user is gone, the service is not his, or the target is not. */
export type Denial = 'user' | 'service' | 'target'

export interface UserStoreOptions {
  /**
   * What salts are made from, 16 octets or more: kept over restarts, no salt changes, so that nobody learns from a change
   * which names exist. Default: random.
   */
  readonly secret?: Uint8Array
  /** Iterations for passwords that are given in clear. Default 100,000. */
  readonly iterations?: number
}

/** Users whose passwords are worked on at once. */
const AT_ONCE = 16

interface Entry {
  readonly user: User
  readonly keys: ScramKeys
  readonly isService: (service: string) => boolean
  readonly isTarget: (target: Target) => boolean
}

/** Who may come in, and what each may do. Holds no password. */
export class UserStore {
  readonly counters = new Counters()
  readonly #secret: Uint8Array
  readonly #iterations: number
  #entries: ReadonlyMap<string, Entry> = new Map()
  /** What the keys of users look like from outside, for those that do not exist. */
  #looks: readonly { readonly iterations: number; readonly saltOctets: number }[] = []

  private constructor({ secret = randomBytes(32), iterations = DEFAULT_ITERATIONS }: UserStoreOptions) {
    this.#secret = secret
    this.#iterations = iterations
  }

  /** @throws {NetError} EINVAL when a user makes no sense, or is there twice. */
  static async create(users: readonly UserOptions[], options: UserStoreOptions = {}): Promise<UserStore> {
    const store = new UserStore(options)
    await store.replace(users)
    return store
  }

  get size(): number {
    return this.#entries.size
  }

  /**
   * Takes other users from now on, all at once, or none when one of them makes no sense. What it gives are the names whose
   * old password is worth nothing any more, because they or it are gone: their sessions should end.
   * @throws {NetError} EINVAL.
   */
  async replace(users: readonly UserOptions[]): Promise<readonly string[]> {
    const entries = new Map<string, Entry>()
    for (let at = 0; at < users.length; at += AT_ONCE) {
      const some = users.slice(at, at + AT_ONCE).map((options) => this.#entryOf(options))
      for (const entry of await Promise.all(some)) {
        if (entries.has(entry.user.name)) throw invalid(entry.user.name, 'it is there twice')
        entries.set(entry.user.name, entry)
      }
    }
    const revoked = [...this.#entries].filter(([name, { keys }]) => {
      const now = entries.get(name)?.keys
      return now === undefined || !isSame(now.storedKey, keys.storedKey)
    })
    this.#entries = entries
    this.#looks = [...entries.values()].map(({ keys }) => ({
      iterations: keys.iterations,
      saltOctets: keys.salt.length,
    }))
    return revoked.map(([name]) => name)
  }

  /** The user as he is now; undefined when there is none (any more). */
  find(name: string): User | undefined {
    return this.#entries.get(saslPrep(name) ?? '')?.user
  }

  /**
   * What a name is challenged with. A name that does not exist has a salt as well, always the same one, and as many
   * iterations as some user: whoever asks cannot tell.
   */
  keysFor(name: string): ScramKeys & { readonly isKnown: boolean } {
    const prepared = saslPrep(name) ?? ''
    const pretended = this.#pretendedKeys(prepared)
    const entry = this.#entries.get(prepared)
    return entry === undefined ? { ...pretended, isKnown: false } : { ...entry.keys, isKnown: true }
  }

  /** To be asked for every stream and flow that a user opens. Undefined: he may. Counts what he may not. */
  authorize(name: string, { service, target }: Pick<Opening, 'service' | 'target'>): Denial | undefined {
    const denial = this.#denialOf(this.#entries.get(name), service, target)
    if (denial !== undefined) this.counters.count(`denied-${denial}`)
    return denial
  }

  #denialOf(entry: Entry | undefined, service: string, target: string): Denial | undefined {
    if (entry === undefined) return 'user'
    if (!entry.isService(service)) return 'service'
    if (target === '') return undefined
    const place = parseTarget(target)
    return place !== undefined && entry.isTarget(place) ? undefined : 'target'
  }

  #pretendedKeys(name: string): ScramKeys {
    const pick = hmac(this.#secret, 'look', name).readUInt32BE() % Math.max(1, this.#looks.length)
    const { iterations, saltOctets } = this.#looks[pick] ?? { iterations: this.#iterations, saltOctets: SALT_OCTETS }
    return {
      iterations,
      salt: this.#saltFor(name, saltOctets),
      storedKey: hmac(this.#secret, 'stored', name),
      serverKey: hmac(this.#secret, 'server', name),
    }
  }

  /** A salt of its own for each name: of users with a password in clear and of names that do not exist alike. */
  #saltFor(name: string, octets: number): Uint8Array {
    const blocks = Array.from({ length: Math.ceil(octets / 32) }, (_, i) => hmac(this.#secret, `salt ${i} `, name))
    return Buffer.concat(blocks).subarray(0, octets)
  }

  async #entryOf(options: UserOptions): Promise<Entry> {
    const name = saslPrep(options.name)
    if (name === undefined || Buffer.byteLength(name) > 255) {
      throw invalid(options.name, 'the name is empty, longer than 255 octets, or has control characters')
    }
    const { services, targets, maxSessions, maxPaths, maxStreams, rate } = options
    for (const [what, limit] of Object.entries({ maxSessions, maxPaths, maxStreams, rate })) {
      if (limit !== undefined && !(limit >= 1)) throw invalid(name, `${what} is ${limit}, and must be at least 1`)
    }
    const serviceGlobs = services?.map(globMatcher)
    const targetRules = targets?.map(targetRule)
    return {
      user: { name, maxSessions, maxPaths, maxStreams, rate },
      keys: await this.#keysOf(name, options),
      isService: (service) => serviceGlobs === undefined || serviceGlobs.some((matches) => matches(service)),
      isTarget: (target) => targetRules === undefined || targetRules.some((rule) => isMeant(target, rule)),
    }
  }

  async #keysOf(name: string, { password, scram }: UserOptions): Promise<ScramKeys> {
    if ((password === undefined) === (scram === undefined)) throw invalid(name, 'give either password or scram')
    if (password === undefined) {
      const keys = parseScramKeys(scram!)
      if (keys === undefined) throw invalid(name, 'scram is not as `gotcp tunnel passwd` prints it')
      return keys
    }
    const { clientKey: _forgotten, ...keys } = await deriveKeys(
      password,
      this.#saltFor(name, SALT_OCTETS),
      this.#iterations,
    )
    return keys
  }
}

const invalid = (name: string, why: string): NetError => new NetError('EINVAL', `Cannot use the user "${name}": ${why}`)
