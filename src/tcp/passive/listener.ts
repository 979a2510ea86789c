import type { IpAddr } from '../../base/address.ts'
import { type Micros, micros } from '../../base/types.ts'
import { FastOpenQueue } from '../fast-open/queue.ts'
import type { PortClaim } from '../ports.ts'
import type { TcpSettings } from '../settings.ts'
import type { Tcb } from '../tcb.ts'
import { COOKIE_LIFETIME } from './cookies.ts'

/** What a program may choose for a listener besides what its connections get. */
export interface ListenOptions {
  /** Connections that may wait to be accepted, one at least. Default 511. */
  readonly backlog?: number
  /** Connections that may be half open, waiting for the last segment of their handshake. Default 1024, and no more than `backlog`. */
  readonly halfOpen?: number
  /**
   * Whether a SYN is answered from a cookie, remembering nothing (RFC 4987 §3.6): when too many connections are half
   * open, always, or never: then it is dropped. Default 'overload'.
   */
  readonly synCookies?: 'overload' | 'always' | 'never'
  /**
   * Connections that may be opened by the data of a SYN and not yet be confirmed (TCP Fast Open, RFC 7413 §5.1): such
   * data can arrive twice, so only a service for which that is harmless should ask for it. Default 0: none.
   */
  readonly fastOpen?: number
}

export const DEFAULT_BACKLOG = 511
const DEFAULT_HALF_OPEN = 1024

/** LISTEN: a place where connections begin, those half open and those that wait to be accepted. */
export class Listener {
  readonly local: IpAddr
  readonly localPort: number
  /** Its hold on the port. */
  claim: PortClaim | undefined = undefined
  /** What its connections begin with. */
  settings: TcpSettings
  readonly backlog: number
  /** When a SYN is answered from a cookie. */
  readonly synCookies: 'overload' | 'always' | 'never'
  /** Told when `accept` has something. */
  onConnection: (() => void) | undefined = undefined
  /** Connections that a SYN's data opened and that are not confirmed (RFC 7413 §5.1). */
  readonly fastOpen: FastOpenQueue
  /** Counters for `ss`-like display and for tests. */
  readonly stats = { accepted: 0, cookiesSent: 0, cookiesAccepted: 0, overflows: 0 }
  readonly #maxHalfOpen: number
  #cookieAt = micros(0)
  readonly #halfOpen = new Set<Tcb>()
  readonly #completing = new Set<Tcb>()
  readonly #ready: Tcb[] = []

  constructor(local: IpAddr, localPort: number, settings: TcpSettings, options: ListenOptions) {
    this.local = local
    this.localPort = localPort
    this.settings = settings
    this.backlog = Math.max(1, options.backlog ?? DEFAULT_BACKLOG)
    this.#maxHalfOpen = Math.min(options.halfOpen ?? DEFAULT_HALF_OPEN, this.backlog)
    this.synCookies = options.synCookies ?? 'overload'
    this.fastOpen = new FastOpenQueue(options.fastOpen ?? 0)
  }

  get halfOpen(): number {
    return this.#halfOpen.size
  }

  get waiting(): number {
    return this.#ready.length
  }

  /** No half-open connection more is remembered. */
  get isFlooded(): boolean {
    return this.#halfOpen.size >= this.#maxHalfOpen
  }

  /** A SYN is answered from a cookie. */
  get remembersNothing(): boolean {
    return this.synCookies === 'always' || this.isFlooded
  }

  sendsCookie(now: Micros): void {
    this.stats.cookiesSent++
    this.#cookieAt = now
  }

  /** Whether an ACK for no connection may bring a cookie back: only for a while after one was sent is it worth a look. */
  mayKnow(now: Micros): boolean {
    return this.stats.cookiesSent > 0 && now - this.#cookieAt <= COOKIE_LIFETIME
  }

  /** The accept queue is full, with those on their way to it: no further handshake may complete now. */
  get isFull(): boolean {
    return this.#ready.length + this.#completing.size >= this.backlog
  }

  begins(tcb: Tcb): void {
    this.#halfOpen.add(tcb)
  }

  /** A cookie came back, that of a SYN or of Fast Open: the connection can be used, and the next poll will say so. */
  completes(tcb: Tcb): void {
    this.#completing.add(tcb)
  }

  established(tcb: Tcb): void {
    this.#halfOpen.delete(tcb)
    this.#completing.delete(tcb)
    this.#ready.push(tcb)
    this.onConnection?.()
  }

  /** A connection ended before anybody accepted it. One that is ready stays, so that its user learns of its end. */
  ended(tcb: Tcb): void {
    this.#halfOpen.delete(tcb)
    this.#completing.delete(tcb)
  }

  /** The oldest connection that waits, or undefined. */
  accept(): Tcb | undefined {
    const tcb = this.#ready.shift()
    if (tcb !== undefined) this.stats.accepted++
    return tcb
  }

  /** Everything that was not accepted, for whoever closes the listener. */
  drain(): Tcb[] {
    const all = [...this.#halfOpen, ...this.#completing, ...this.#ready]
    this.#halfOpen.clear()
    this.#completing.clear()
    this.#ready.length = 0
    return all
  }
}
