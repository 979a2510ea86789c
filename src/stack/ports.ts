import { IPV4_ANY, type IpAddr } from '../base/address.ts'
import { NetError } from '../base/errors.ts'
import { below, type Rng } from '../base/rng.ts'

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

/** A port in use by this stack; `release` it once. */
export interface PortClaim {
  readonly port: number
  release(): void
}

export interface PortOptions {
  /** The ephemeral ports, both included. Default 49152 to 65535 (RFC 6335 §6). */
  readonly first?: number
  readonly last?: number
}

interface Hold {
  readonly addr: IpAddr
  claims: number
  readonly reservation: PortReservation | undefined
}

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
  readonly #isShared: (addr: IpAddr) => boolean
  /** By protocol and port, since few addresses have the same port; a look-up allocates nothing. */
  readonly #holds = new Map<number, Hold[]>()

  /** @throws {RangeError} when the range is empty or no ports. */
  constructor(rng: Rng, isShared: (addr: IpAddr) => boolean, options: PortOptions = {}) {
    const first = options.first ?? FIRST_EPHEMERAL
    const last = options.last ?? LAST_EPHEMERAL
    if (!(first >= 1 && last <= 65535 && first <= last)) {
      throw new RangeError(`Cannot use ephemeral ports ${first} to ${last}: the range must lie within 1 to 65535`)
    }
    this.#rng = rng
    this.#first = first
    this.#count = last - first + 1
    this.#isShared = isShared
  }

  /** Ports in use. */
  get size(): number {
    let count = 0
    for (const holds of this.#holds.values()) count += holds.length
    return count
  }

  /**
   * Holds `port` on `addr`; several claims of the same port are one to the outside.
   * @throws {NetError} EADDRINUSE when the kernel uses it.
   */
  claim(protocol: number, addr: IpAddr, port: number): PortClaim {
    const key = keyOf(protocol, port)
    let hold = this.#holds.get(key)?.find((each) => each.addr === addr)
    if (hold === undefined) {
      const reservation = this.#isShared(addr) ? this.reserver?.(protocol, addr, port) : undefined
      hold = { addr, claims: 0, reservation }
      const holds = this.#holds.get(key)
      if (holds === undefined) this.#holds.set(key, [hold])
      else holds.push(hold)
    }
    hold.claims++
    return { port, release: once(() => this.#release(key, hold)) }
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
    const holds = this.#holds.get(keyOf(protocol, port))
    if (holds === undefined) return false
    for (let i = 0; i < holds.length; i++) if (holds[i]!.addr === addr || holds[i]!.addr === IPV4_ANY) return true
    return false
  }

  /** Gives back what is still held outside. */
  close(): void {
    for (const holds of this.#holds.values()) for (const hold of holds) hold.reservation?.release()
    this.#holds.clear()
  }

  #release(key: number, hold: Hold): void {
    if (--hold.claims > 0) return
    const holds = this.#holds.get(key)
    const index = holds?.indexOf(hold) ?? -1
    // `close` gave it back already.
    if (holds === undefined || index < 0) return
    holds.splice(index, 1)
    if (holds.length === 0) this.#holds.delete(key)
    hold.reservation?.release()
  }
}

const keyOf = (protocol: number, port: number): number => (protocol << 16) | port

function once(action: () => void): () => void {
  let isDone = false
  return () => {
    if (isDone) return
    isDone = true
    action()
  }
}
