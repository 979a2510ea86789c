import type { Path } from '../../session/paths/path.ts'
import type { PathRole } from '../../session/records/frame.ts'
import type { PathEvent } from '../../session/session-types.ts'
import { formatHostPort } from '../../transport/host-port.ts'
import type { ClientLink, Entered } from '../client-link.ts'
import { isLoopbackHost } from '../config/addresses.ts'
import type { PathConfig } from '../config/types.ts'
import type { LiveSession } from '../live-session.ts'
import type { Log } from '../log.ts'
import { Backoff } from './backoff.ts'
import type { DialLimits, PathDialer } from './path-dialer.ts'
import { aboutClear, isForgotten, isSameFailure, retryAfter } from './path-errors.ts'

/** A stalled path is given so long, in milliseconds, before another connection is tried beside it. */
const REPLACE_AFTER = 500
/** Once a path has been up, an address that is silent for so long is given up for a new attempt: what was sent first may be lost. */
const LEAST_ANSWER = 1500
const ROUND_TRIPS = 10
/** All of an attempt may take so many times that, or what the last one took that came through: proxies may be slow. */
const ROOM = 2
/** One of so many has all the time that the configuration gives it: what was quick may have become slow. */
const WHOLE_EVERY = 4
/** A path that is there and silent is tried again no later: it may speak again at any time. */
const SILENT_PAUSE = 500
/** A path that was up so long begins its pauses anew. */
const STEADY = 5000

/** `connecting`: an attempt is going on. `waiting`: the next one is due later. `stalled`: it is there, and silent. */
export type KeeperState = 'connecting' | 'waiting' | 'up' | 'stalled' | 'stopped'

export interface KeeperParts {
  readonly link: Pick<ClientLink, 'enter' | 'live'>
  readonly dialer: Pick<PathDialer, 'dial'>
  readonly log: Log
  /** Hears why an attempt failed. */
  readonly onFailure?: (error: Error) => void
  /** Hears that it is up. */
  readonly onUp?: (keeper: PathKeeper) => void
}

/** Keeps one path of the configuration alive: connects, connects again, and replaces what has fallen silent. */
export class PathKeeper {
  /** What the next attempt is made by. */
  config: PathConfig
  /** Why the last attempt failed; undefined after one that did not. */
  lastError: Error | undefined = undefined
  /** Attempts, and paths that came of them. */
  attempts = 0
  connections = 0
  role: PathRole
  weight: number
  readonly #link: KeeperParts['link']
  readonly #dialer: KeeperParts['dialer']
  readonly #log: Log
  readonly #onFailure: ((error: Error) => void) | undefined
  readonly #onUp: ((keeper: PathKeeper) => void) | undefined
  readonly #backoff = new Backoff()
  #current: Entered | undefined = undefined
  #since = 0
  #nextAt = 0
  /** The attempt that is going on; at most one. */
  #attempt: AbortController | undefined = undefined
  #timer: NodeJS.Timeout | undefined = undefined
  #isStopped = false
  /** Microseconds; what attempts are measured by. */
  #rtt = 0
  /** Milliseconds that the last attempt took which made a path, and how many came to nothing since. */
  #took = 0
  #failures = 0

  constructor(config: PathConfig, parts: KeeperParts) {
    this.config = config
    this.role = config.role
    this.weight = config.weight
    this.#link = parts.link
    this.#dialer = parts.dialer
    this.#log = parts.log
    this.#onFailure = parts.onFailure
    this.#onUp = parts.onUp
  }

  get name(): string {
    return this.config.name
  }

  get state(): KeeperState {
    if (this.#isStopped) return 'stopped'
    if (this.#current?.path.state === 'open') return 'up'
    if (this.#current !== undefined) return 'stalled'
    return this.#attempt === undefined ? 'waiting' : 'connecting'
  }

  /** The path as the session has it; undefined while there is none. */
  get path(): Path | undefined {
    return this.#current?.path
  }

  get live(): LiveSession | undefined {
    return this.#current?.live
  }

  /** Milliseconds since it came up, or until the next attempt. */
  get upFor(): number {
    return this.#current === undefined ? 0 : performance.now() - this.#since
  }

  get retryIn(): number {
    return this.#timer === undefined ? 0 : Math.max(0, this.#nextAt - performance.now())
  }

  start(): void {
    this.#try()
  }

  /** Tries at once, if it waits: something has changed. Whether it did. */
  hurry(): boolean {
    if (this.#timer === undefined) return false
    this.#backoff.reset()
    this.#try()
    return true
  }

  /** Ends the path in good order, and begins no other. */
  stop(reason: string): void {
    this.#isStopped = true
    clearTimeout(this.#timer)
    this.#attempt?.abort(new Error(reason))
    const current = this.#current
    if (current !== undefined) current.live.session.removePath(current.path)
  }

  /** What the path is for from now on. */
  setRole(role: PathRole): void {
    this.role = role
    if (this.#current !== undefined) this.#current.live.session.setRole(this.#current.path, role)
  }

  setWeight(weight: number): void {
    this.weight = weight
    if (this.#current !== undefined) this.#current.path.weight = weight
  }

  /** The session tells what happened to a path; whether it was this one's. */
  onPath(path: Path, event: PathEvent): boolean {
    if (this.#current?.path !== path) return false
    if (event === 'stalled') {
      this.#rtt = path.estimator.srtt
      this.#log.warn('path is silent', { path: this.name, rtt_ms: milliseconds(path.estimator.srtt) })
      this.#later(REPLACE_AFTER)
    } else if (event === 'recovered') {
      this.#log.info('path is back', { path: this.name })
      this.#cancel()
    } else this.#lose(path.reason)
    return true
  }

  /** The session is over, and the path with it; `isLast` when there is to be no other. */
  onSessionEnd(isLast: boolean): void {
    this.#isStopped ||= isLast
    if (this.#current !== undefined) this.#lose('the session is over')
  }

  #lose(reason: string): void {
    const steady = this.upFor > STEADY
    this.#rtt = this.path?.estimator.srtt ?? this.#rtt
    this.#current = undefined
    if (this.#isStopped) return
    this.#log.warn('path is gone', { path: this.name, reason })
    if (steady) this.#backoff.reset()
    if (this.#attempt === undefined) this.#later(steady ? 0 : this.#backoff.next())
  }

  #later(pause: number): void {
    clearTimeout(this.#timer)
    this.#nextAt = performance.now() + pause
    this.#timer = setTimeout(() => this.#try(), pause)
  }

  /** What is there is well again: nothing else is needed. */
  #cancel(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#attempt?.abort(new Error('the path is back'))
  }

  #try(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#isStopped || this.#attempt !== undefined) return
    const attempt = new AbortController()
    this.#attempt = attempt
    this.attempts++
    const began = performance.now()
    const asked = this.#link.live
    this.#connect(attempt.signal).then(
      (entered) => {
        this.#took = performance.now() - began
        this.#onEntered(attempt, entered)
      },
      (error: Error) => {
        // The server is there, and has forgotten that session: another is begun at once.
        if (isForgotten(error) && this.#link.live !== asked) this.#onOutdated(attempt)
        else this.#onFailed(attempt, error)
      },
    )
  }

  async #connect(signal: AbortSignal): Promise<Entered> {
    const socket = await this.#dialer.dial(this.config, { signal, ...this.#limits() })
    const { name, rate, tls } = this.config
    const way = { name, rate: rate === undefined ? undefined : rate / 8, server: serverOf(this.config) }
    try {
      return await this.#link.enter(socket, way, signal)
    } catch (error) {
      throw tls ? error : aboutClear(error)
    }
  }

  /** The path that was back when the attempt was given up may be gone again: it was left to that attempt. */
  #afterAbort(): void {
    if (!this.#isStopped && this.#current === undefined) this.#later(this.#backoff.next())
  }

  /** Milliseconds; whoever answers at once may be a proxy that takes longer to get through. */
  #limits(): Pick<DialLimits, 'timeout' | 'answerWithin'> {
    const { connectTimeout } = this.config
    if (this.#rtt === 0) return { timeout: connectTimeout }
    const answerWithin = Math.max(LEAST_ANSWER, ROUND_TRIPS * milliseconds(this.#rtt))
    const isWhole = this.#failures % WHOLE_EVERY === WHOLE_EVERY - 1
    const timeout = isWhole ? connectTimeout : ROOM * Math.max(answerWithin, this.#took)
    return { answerWithin, timeout: Math.min(connectTimeout, timeout) }
  }

  #onEntered(attempt: AbortController, entered: Entered): void {
    this.#attempt = undefined
    const { path, live } = entered
    const old = this.#current
    if (this.#isStopped || attempt.signal.aborted) {
      live.session.removePath(path)
      this.#afterAbort()
      return
    }
    this.#current = entered
    this.#since = performance.now()
    this.connections++
    this.#failures = 0
    this.lastError = undefined
    path.weight = this.weight
    if (this.role !== 'primary') live.session.setRole(path, this.role)
    if (old !== undefined) old.live.session.dropPath(old.path, 'replaced by a new connection')
    this.#log.info('path is up', { path: this.name, id: path.id })
    this.#onUp?.(this)
  }

  #onOutdated(attempt: AbortController): void {
    this.#attempt = undefined
    if (attempt.signal.aborted) this.#afterAbort()
    else this.#try()
  }

  #onFailed(attempt: AbortController, error: Error): void {
    this.#attempt = undefined
    if (attempt.signal.aborted) {
      this.#afterAbort()
      return
    }
    const isNews = !isSameFailure(error, this.lastError)
    this.lastError = error
    this.#failures++
    this.#rtt = this.path?.estimator.srtt ?? this.#rtt
    const longest = this.#current === undefined ? Number.POSITIVE_INFINITY : SILENT_PAUSE
    const pause = Math.max(Math.min(this.#backoff.next(), longest), retryAfter(error))
    // The same again is worth no second word.
    this.#log[isNews ? 'warn' : 'debug']('cannot connect a path', {
      path: this.name,
      why: error.message,
      retry_ms: Math.round(pause),
    })
    this.#later(pause)
    this.#onFailure?.(error)
  }
}

/** Where the certificate belongs that is remembered: nobody stands in between on this machine itself. */
const serverOf = ({ remote, proxy }: PathConfig): string | undefined =>
  proxy === undefined && isLoopbackHost(remote.host) ? undefined : formatHostPort(remote)

const milliseconds = (micros: number): number => Math.round(micros / 100) / 10
