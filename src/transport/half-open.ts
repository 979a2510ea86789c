import type { Socket } from 'node:net'
import { originOf } from './address.ts'

/** Why a connection that came in did not become a path's. */
export const REFUSALS = ['denied', 'crowded', 'crowdedByOne', 'late', 'failed'] as const
export type Refusal = (typeof REFUSALS)[number]

export interface HalfOpenLimits {
  /** Connections at once that have not finished TLS. Default 1024. */
  readonly most: number
  /** Of these, from one IPv4 address, or one IPv6 network of 64 bits. Default 64. */
  readonly mostOfOne: number
  /** Milliseconds that TLS may take. Default 5000. */
  readonly timeout: number
}

export const HALF_OPEN_LIMITS: HalfOpenLimits = { most: 1024, mostOfOne: 64, timeout: 5000 }

interface Entry {
  readonly socket: Socket
  readonly origin: string
  readonly timer: NodeJS.Timeout
  readonly onClose: () => void
}

/** Connections that came in and have not shown yet that they mean it: few, and not for long. */
export class HalfOpen {
  readonly #limits: HalfOpenLimits
  readonly #onRefused: (why: Refusal) => void
  readonly #entries = new Map<string, Entry>()
  readonly #origins = new Map<string, number>()

  constructor(limits: HalfOpenLimits, onRefused: (why: Refusal) => void) {
    this.#limits = limits
    this.#onRefused = onRefused
  }

  get size(): number {
    return this.#entries.size
  }

  /** Takes a connection of TCP in; false when there is no room, and it is reset. */
  add(socket: Socket): boolean {
    const origin = originOf(socket.remoteAddress ?? '')
    const ofOne = this.#origins.get(origin) ?? 0
    const { most, mostOfOne, timeout } = this.#limits
    if (this.size >= most || ofOne >= mostOfOne) {
      this.#onRefused(this.size >= most ? 'crowded' : 'crowdedByOne')
      socket.resetAndDestroy()
      return false
    }
    const key = keyOf(socket)
    const timer = setTimeout(() => this.#end(key, 'late'), timeout)
    const onClose = (): void => this.#end(key, 'failed')
    socket.once('close', onClose)
    this.#entries.set(key, { socket, origin, timer, onClose })
    this.#origins.set(origin, ofOne + 1)
    return true
  }

  /** It is open now, as `socket`, which is the one of `add` or TLS over it; false when it was not half-open any more. */
  open(socket: Socket): boolean {
    return this.#remove(keyOf(socket)) !== undefined
  }

  /** Ends all, soon: whoever asks may be inside a call of OpenSSL, from whose socket nobody may take the ground then. */
  clear(): void {
    for (const key of this.#entries.keys()) {
      const entry = this.#remove(key)
      setImmediate(() => entry?.socket.destroy())
    }
  }

  #end(key: string, why: Refusal): void {
    const entry = this.#remove(key)
    if (entry === undefined) return
    this.#onRefused(why)
    entry.socket.destroy()
  }

  #remove(key: string): Entry | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined) return undefined
    clearTimeout(entry.timer)
    entry.socket.off('close', entry.onClose)
    this.#entries.delete(key)
    const left = this.#origins.get(entry.origin)! - 1
    if (left === 0) this.#origins.delete(entry.origin)
    else this.#origins.set(entry.origin, left)
    return entry
  }
}

/** No two connections have the same ends. */
const keyOf = ({ remoteAddress, remotePort, localAddress, localPort }: Socket): string =>
  `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`
