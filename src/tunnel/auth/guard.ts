import { Counters } from '../../base/counters.ts'
import { TokenBucket } from '../../base/token-bucket.ts'
import type { Micros } from '../../base/types.ts'
import { clock as monotonicClock } from '../../driver/clock.ts'
import { originOf } from '../../transport/address.ts'
import type { Admission } from '../../transport/half-open.ts'
import type { Failure } from './handshake-error.ts'

export interface GuardOptions {
  /** Connections at once that have proven nothing; beyond that the oldest of them is given up for a new one. Default 1024. */
  readonly maxHalfOpen?: number
  /** The same of one address; beyond that new ones are refused. Default 32. */
  readonly maxHalfOpenPerAddress?: number
  /** Connections of one address per second, in the long run. Default 20. */
  readonly rate?: number
  /** Connections of one address at once after a pause. Default 200. */
  readonly burst?: number
  /** Wrong passwords of one address before it is banned. Default 5. */
  readonly banAfter?: number
  /** An address is banned for so many milliseconds. */
  readonly onBan?: (address: string, duration: number) => void
  /** Milliseconds of the first ban; each further one is twice as long, to an hour. Default 10,000. */
  readonly banFor?: number
  /** Addresses that are remembered; the one that was silent for longest is forgotten for a new one. Default 4096. */
  readonly maxAddresses?: number
  readonly clock?: () => Micros
}

const WRONG_PASSWORD = 4
/**
 * How bad each failure is; one point is forgiven every six seconds. A session that is not known is no crime: after a restart of
 * the server all clients behind a NAT come with theirs, and nobody guesses one.
 */
const POINTS: { readonly [failure in Failure]?: number } = {
  credentials: WRONG_PASSWORD,
  binding: WRONG_PASSWORD,
  protocol: 2,
  version: 1,
  timeout: 1,
}
const FORGIVEN_PER_MICRO = 1 / 6_000_000
const LONGEST_BAN = 3_600_000_000
/** After that long without a new ban the next one is a first one. */
const PROBATION = 3_600_000_000
const MICROS_PER_MS = 1000

type GuardLimits = Omit<GuardOptions, 'clock' | 'onBan'>

const DEFAULTS = {
  maxHalfOpen: 1024,
  maxHalfOpenPerAddress: 32,
  rate: 20,
  burst: 200,
  banAfter: 5,
  banFor: 10_000,
  maxAddresses: 4096,
}

/** What is known of one address. */
interface Record {
  halfOpen: number
  readonly bucket: TokenBucket
  points: number
  pointsAt: Micros
}

interface Ban {
  until: Micros
  /** How long the last one was, in microseconds. */
  length: number
}

/** One connection that has not proven anything yet, from `admit` to `release`. */
export class Lease implements Admission {
  readonly address: string
  onDisplaced: (() => void) | undefined
  readonly #release: (lease: Lease) => void
  readonly #fail: (failure: Failure) => void
  readonly #banned: () => number
  #isReleased = false

  /** Made by `Guard.admit`. */
  constructor(
    address: string,
    guard: { release: (lease: Lease) => void; fail: (failure: Failure) => void; banned: () => number },
  ) {
    this.address = address
    this.#release = guard.release
    this.#fail = guard.fail
    this.#banned = guard.banned
  }

  /** Milliseconds for which this address may not try a password; 0 when it may. */
  get bannedFor(): number {
    return this.#banned()
  }

  /** Counts a failure, and bans the address when there were too many. */
  failed(failure: Failure): void {
    this.#fail(failure)
  }

  /** The connection has proven who is there, or is gone; harmless when repeated. */
  release(): void {
    if (this.#isReleased) return
    this.#isReleased = true
    this.#release(this)
  }
}

/**
 * What stands before the door: how often somebody may knock, how many at once, and who tried too many passwords. Its tables
 * are bounded: whoever comes from ten thousand addresses makes them forget, not grow.
 *
 * A banned address is not let in, unless a session came from there: that one may be joined by whoever can prove it, which
 * nobody guesses. So a neighbour behind the same NAT who tries passwords ends nobody's session.
 */
export class Guard {
  /** By reason: `admitted`, `rate`, `half-open`, `displaced`, `ban`, `banned`, and each failure. */
  readonly counters = new Counters()
  #limits: Required<GuardLimits>
  readonly #clock: () => Micros
  readonly #onBan: GuardOptions['onBan']
  readonly #records = new Map<string, Record>()
  readonly #bans = new Map<string, Ban>()
  readonly #leases = new Set<Lease>()

  constructor({ clock = monotonicClock, onBan, ...limits }: GuardOptions = {}) {
    this.#onBan = onBan
    this.#clock = clock
    this.#limits = { ...DEFAULTS, ...limits }
  }

  /** Other limits from now on; those that are not given stay. */
  adjust(limits: Partial<GuardLimits>): void {
    this.#limits = { ...this.#limits, ...limits }
  }

  /** Connections that have proven nothing yet. */
  get halfOpen(): number {
    return this.#leases.size
  }

  /** Addresses that are remembered, banned ones included: never more than twice `maxAddresses`. */
  get size(): number {
    return this.#records.size + this.#bans.size
  }

  /** Addresses that are banned now. */
  get banned(): number {
    const now = this.#clock()
    let count = 0
    for (const { until } of this.#bans.values()) if (until > now) count++
    return count
  }

  /**
   * To be asked for every connection before anything is spent on it: a lease, which whoever gets it releases, or undefined
   * when it may not come in now.
   * @param hasSession whether a session came from that address, and might want a path; asked of banned ones only
   */
  admit(address: string, hasSession: () => boolean = () => false): Lease | undefined {
    const key = originOf(address)
    if (this.#bannedFor(key) > 0 && !hasSession()) return this.#reject('banned')
    const record = this.#recordOf(key)
    if (record.halfOpen >= this.#limits.maxHalfOpenPerAddress) return this.#reject('half-open')
    if (!record.bucket.take(this.#clock())) return this.#reject('rate')
    if (this.#leases.size >= this.#limits.maxHalfOpen) this.#displaceOldest()
    this.counters.count('admitted')
    record.halfOpen++
    const lease = new Lease(address, {
      release: (released) => {
        record.halfOpen--
        this.#leases.delete(released)
      },
      fail: (failure) => this.#failed(key, record, failure),
      banned: () => this.#bannedFor(key),
    })
    this.#leases.add(lease)
    return lease
  }

  #reject(reason: string): undefined {
    this.counters.count(reason)
  }

  /** The address's record, which counts as the latest used now. */
  #recordOf(key: string): Record {
    const { rate, burst, maxAddresses } = this.#limits
    const record = this.#records.get(key) ?? {
      halfOpen: 0,
      bucket: new TokenBucket(rate, burst),
      points: 0,
      pointsAt: this.#clock(),
    }
    keepLatest(this.#records, key, record, maxAddresses)
    return record
  }

  #displaceOldest(): void {
    for (const oldest of this.#leases) {
      this.counters.count('displaced')
      oldest.release()
      oldest.onDisplaced?.()
      return
    }
  }

  #failed(key: string, record: Record, failure: Failure): void {
    this.counters.count(failure)
    const now = this.#clock()
    const forgiven = (now - record.pointsAt) * FORGIVEN_PER_MICRO
    record.points = Math.max(0, record.points - forgiven) + (POINTS[failure] ?? 0)
    record.pointsAt = now
    if (record.points < this.#limits.banAfter * WRONG_PASSWORD) return
    record.points = 0
    this.#ban(key, now)
  }

  /** Twice as long as the last one, so that patience does not help. */
  #ban(key: string, now: Micros): void {
    const last = this.#bans.get(key)
    const isRepeated = last !== undefined && now < last.until + PROBATION
    const length = isRepeated ? Math.min(LONGEST_BAN, last.length * 2) : this.#limits.banFor * MICROS_PER_MS
    this.counters.count('ban')
    keepLatest(this.#bans, key, { until: (now + length) as Micros, length }, this.#limits.maxAddresses)
    this.#onBan?.(key, length / MICROS_PER_MS)
  }

  #bannedFor(key: string): number {
    const left = (this.#bans.get(key)?.until ?? 0) - this.#clock()
    if (left <= 0) return 0
    return Math.ceil(left / MICROS_PER_MS)
  }
}

/** Sets an entry as the latest, and forgets the earliest when there are too many. */
function keepLatest<V>(map: Map<string, V>, key: string, value: V, limit: number): void {
  map.delete(key)
  map.set(key, value)
  if (map.size <= limit) return
  for (const earliest of map.keys()) {
    map.delete(earliest)
    return
  }
}
