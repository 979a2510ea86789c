import type { IpAddr } from '../../base/address.ts'
import { addMicros, type Micros, micros } from '../../base/types.ts'
import type { FastOpenCookie } from './keys.ts'

/** Servers that are remembered. */
const CAPACITY = 1024
/** RFC 7413 §4.1.3.1: where SYN data was lost twice, a minute passes before the next try, and each further loss doubles it. */
const FIRST_PAUSE = 60_000_000
const MAX_DOUBLINGS = 10
/** Linux's limit: the global pause grows to 64 times what was asked for. */
const MAX_BLACKHOLE_DOUBLINGS = 6

/** What a client remembers of one server (RFC 7413 §4.1.3). */
interface Entry {
  /** 0 until the server named one. */
  mss: number
  cookie: FastOpenCookie | undefined
  /** 1: the server ignored the option, so the older one is worth a try; 2: it ignored that, too. */
  ignored: 0 | 1 | 2
  losses: number
  lostAt: Micros
}

/** What to do for the next connection to a server. */
export interface FastOpenPlan {
  /** The MSS the server last named; undefined when it is not known. */
  readonly mss: number | undefined
  /** The cookie to present. */
  readonly cookie: FastOpenCookie | undefined
  /** Which option a request for a cookie goes out in. */
  readonly asksExperimentally: boolean
}

/** What the SYN,ACK of a server taught. */
export interface FastOpenLesson {
  readonly mss: number
  readonly cookie: FastOpenCookie | undefined
  /** The server acknowledged neither the option nor the data that went out first. */
  readonly wasLost: boolean
  /** A cookie was asked for in the one or the other option, and none came. */
  readonly ignored: 0 | 1 | 2
}

/** The cookies of a client by server, the one not used for longest giving way (RFC 7413 §4.1.3), and what failed (§4.1.3.1). */
export class FastOpenCache {
  /** How long Fast Open rests for all servers after data vanished on an open connection; 0 never (RFC 7413 §7.1 tells why it may). */
  blackholeTimeout: Micros = micros(0)
  readonly #entries = new Map<IpAddr, Entry>()
  #blackholes = 0
  #blackholeAt: Micros = micros(0)

  get size(): number {
    return this.#entries.size
  }

  /** What is known of a server, or undefined while Fast Open had better not be tried there. */
  plan(server: IpAddr, now: Micros): FastOpenPlan | undefined {
    if (this.#isPaused(now)) return undefined
    const entry = this.#entries.get(server)
    if (entry === undefined) return { mss: undefined, cookie: undefined, asksExperimentally: false }
    this.#entries.delete(server)
    this.#entries.set(server, entry)
    if (entry.losses > 1 && now < addMicros(entry.lostAt, pauseAfter(entry.losses))) return undefined
    return {
      mss: entry.mss === 0 ? undefined : entry.mss,
      cookie: entry.cookie,
      asksExperimentally: entry.cookie === undefined && entry.ignored === 1,
    }
  }

  /** Takes in a SYN,ACK that answers a SYN with the option. */
  learn(server: IpAddr, lesson: FastOpenLesson, now: Micros): void {
    const entry = this.#entries.get(server) ?? this.#add(server)
    entry.mss = lesson.mss
    if (lesson.cookie !== undefined) entry.cookie = lesson.cookie
    else if (lesson.ignored > entry.ignored) entry.ignored = lesson.ignored
    entry.losses = lesson.wasLost ? Math.min(entry.losses + 1, MAX_DOUBLINGS) : 0
    if (lesson.wasLost) entry.lostAt = now
  }

  /** The cookie for a server, as a program may keep it for another time. */
  cookieFor(server: IpAddr): Uint8Array | undefined {
    return this.#entries.get(server)?.cookie?.bytes
  }

  /** Takes a cookie that was kept. */
  remember(server: IpAddr, cookie: Uint8Array): void {
    const entry = this.#entries.get(server) ?? this.#add(server)
    entry.cookie = { bytes: cookie, isExperimental: false }
  }

  /** RFC 7413 §7.1: a middlebox seems to swallow connections opened this way. Fast Open rests for all, and longer each time. */
  foundBlackhole(now: Micros): void {
    this.#blackholes++
    this.#blackholeAt = now
  }

  /** A connection opened this way worked to its end: the next pause is short again. */
  worked(): void {
    this.#blackholes = 0
  }

  clear(): void {
    this.#entries.clear()
    this.#blackholes = 0
  }

  #isPaused(now: Micros): boolean {
    if (this.#blackholes === 0 || this.blackholeTimeout === 0) return false
    const doublings = Math.min(this.#blackholes - 1, MAX_BLACKHOLE_DOUBLINGS)
    return now < addMicros(this.#blackholeAt, micros(this.blackholeTimeout * 2 ** doublings))
  }

  #add(server: IpAddr): Entry {
    if (this.#entries.size >= CAPACITY) {
      const [oldest] = this.#entries.keys()
      this.#entries.delete(oldest!)
    }
    const entry: Entry = { mss: 0, cookie: undefined, ignored: 0, losses: 0, lostAt: micros(0) }
    this.#entries.set(server, entry)
    return entry
  }
}

const pauseAfter = (losses: number): Micros => micros(FIRST_PAUSE * 2 ** (losses - 2))
