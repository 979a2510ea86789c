import { IPV4_ANY, type IpAddr } from '../base/address.ts'
import { rangeError } from '../base/argument-errors.ts'
import { NetError } from '../base/errors.ts'
import { below, type Rng } from '../base/rng.ts'
import type { PortClaim } from '../tcp/ports.ts'

/** IANA's dynamic ports (RFC 6335 §6). */
const FIRST_EPHEMERAL = 49152
const LAST_EPHEMERAL = 65535

/** A port that someone outside the stack keeps for us, until `release`. */
export interface PortReservation {
  release(): void
}

/**
 * Reserves a port outside the stack: on a shared address the kernel must neither
 * use it nor answer for it.
 * @throws {NetError} EADDRINUSE when it is taken there.
 */
export type PortReserver = (protocol: number, addr: IpAddr, port: number) => PortReservation

export interface PortOptions {
  /** The ephemeral ports, both included. Default 49152 to 65535 (RFC 6335 §6). */
  readonly first?: number
  readonly last?: number
}

/** What is kept for us outside. */
interface Reserved {
  readonly addr: IpAddr
  readonly reservation: PortReservation
}

const NONE: readonly never[] = []

/**
 * Ports by number: random ephemeral ones (RFC 6056 §3.3.1), and those the kernel
 * must keep for us. Whether two sockets may share a port is for their protocol to say.
 */
export class Ports {
  /** Set by a driver that shares addresses with the kernel. */
  reserver: PortReserver | undefined
  readonly #rng: Rng
  readonly #first: number
  readonly #count: number
  readonly #shared: () => readonly IpAddr[]
  /** By protocol and port, since few addresses have the same port: those that do are a chain. A look-up allocates nothing. */
  readonly #held = new Map<number, Hold>()
  /** By the same, until nothing of the port is ours any more. */
  readonly #reserved = new Map<number, readonly Reserved[]>()

  /**
   * `shared` tells the addresses that someone outside has as well.
   * @throws {RangeError} when the range is empty or no ports.
   */
  constructor(rng: Rng, shared: () => readonly IpAddr[], options: PortOptions = {}) {
    const first = options.first ?? FIRST_EPHEMERAL
    const last = options.last ?? LAST_EPHEMERAL
    if (!(first >= 1 && last <= 65535 && first <= last)) {
      throw rangeError(`Cannot use ephemeral ports ${first} to ${last}: the range must lie within 1 to 65535`)
    }
    this.#rng = rng
    this.#first = first
    this.#count = last - first + 1
    this.#shared = shared
  }

  /** Ports in use. */
  get size(): number {
    let count = 0
    for (const first of this.#held.values()) {
      for (let hold: Hold | undefined = first; hold !== undefined; hold = hold.next) count++
    }
    return count
  }

  /**
   * Holds `port` on `addr`; several claims of the same port are one to the outside.
   * @throws {NetError} EADDRINUSE when the kernel uses it.
   */
  claim(protocol: number, addr: IpAddr, port: number): PortClaim {
    const key = keyOf(protocol, port)
    const first = this.#held.get(key)
    let hold = first
    while (hold !== undefined && hold.addr !== addr) hold = hold.next
    if (hold === undefined) {
      this.#reserve(key, protocol, addr, port)
      hold = new Hold(key, addr, first, this.#drop)
      this.#held.set(key, hold)
    }
    hold.claims++
    return hold
  }

  /**
   * Holds a random ephemeral port for which `isFree` says yes.
   * @throws {NetError} EADDRNOTAVAIL when there is none.
   */
  claimEphemeral(protocol: number, addr: IpAddr, isFree: (port: number) => boolean): PortClaim {
    const start = below(this.#rng, this.#count)
    for (let i = 0; i < this.#count; i++) {
      const port = this.#first + ((start + i) % this.#count)
      if (!isFree(port)) continue
      try {
        return this.claim(protocol, addr, port)
      } catch (error) {
        if (!(error instanceof NetError && error.code === 'EADDRINUSE')) throw error
      }
    }
    const range = `${this.#first} to ${this.#first + this.#count - 1}`
    throw new NetError('EADDRNOTAVAIL', `Cannot find a free port: all of ${range} are in use. Close some sockets first`)
  }

  /** Whether `port` of `addr` is ours, so that nobody else answers for it. */
  isHeld(protocol: number, addr: IpAddr, port: number): boolean {
    let hold = this.#held.get(keyOf(protocol, port))
    while (hold !== undefined && hold.addr !== addr && hold.addr !== IPV4_ANY) hold = hold.next
    return hold !== undefined
  }

  /** Gives back what is still held outside. */
  close(): void {
    for (const reserved of this.#reserved.values()) for (const { reservation } of reserved) reservation.release()
    this.#reserved.clear()
    this.#held.clear()
  }

  /**
   * Has a port kept for us outside, on those shared addresses where it is not yet: what keeps it on all addresses keeps
   * it on each, and would be in the way of one on all that comes later.
   */
  #reserve(key: number, protocol: number, addr: IpAddr, port: number): void {
    const { reserver } = this
    if (reserver === undefined) return
    const reservations = [...(this.#reserved.get(key) ?? NONE)]
    const shared = this.#shared()
    const isKept = (one: IpAddr): boolean => reservations.some((each) => each.addr === one || each.addr === IPV4_ANY)
    const wanted = addr !== IPV4_ANY ? [addr].filter((one) => shared.includes(one)) : shared
    const missing = wanted.filter((one) => !isKept(one))
    if (missing.length === 0) return
    const asked = addr === IPV4_ANY && reservations.length === 0 ? [IPV4_ANY] : missing
    const before = reservations.length
    try {
      for (const one of asked) reservations.push({ addr: one, reservation: reserver(protocol, one, port) })
    } catch (error) {
      for (const { reservation } of reservations.splice(before)) reservation.release()
      throw error
    }
    this.#reserved.set(key, reservations)
  }

  /** Nobody claims it any more. After `close` it is not there, and was given back already. */
  readonly #drop = (hold: Hold): void => {
    const { key, next } = hold
    const first = this.#held.get(key)
    if (first !== hold) {
      for (let at = first; at !== undefined; at = at.next) if (at.next === hold) at.next = next
    } else if (next !== undefined) this.#held.set(key, next)
    else {
      this.#held.delete(key)
      for (const { reservation } of this.#reserved.get(key) ?? NONE) reservation.release()
      this.#reserved.delete(key)
    }
  }
}

const keyOf = (protocol: number, port: number): number => (protocol << 16) | port

/** A port of one address, for all who claim it: ours until the last releases it. */
class Hold implements PortClaim {
  readonly key: number
  readonly addr: IpAddr
  claims = 0
  /** The same port of another address. */
  next: Hold | undefined
  readonly #onLast: (hold: Hold) => void

  constructor(key: number, addr: IpAddr, next: Hold | undefined, onLast: (hold: Hold) => void) {
    this.key = key
    this.addr = addr
    this.next = next
    this.#onLast = onLast
  }

  get port(): number {
    return this.key & 0xffff
  }

  release(): void {
    if (--this.claims === 0) this.#onLast(this)
  }
}
