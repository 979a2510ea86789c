import { PROVEN_OCTETS, PROVEN_POOL, PROVEN_SHARE, UNPROVEN_POOL, UNPROVEN_SHARE } from '../limits.ts'
import type { WindowLease } from './receive-window.ts'

/**
 * What the windows of a session's streams may grow by, so that many stalled readers never hold what the others need. A
 * reader that has taken little so far may only have filled buffers: those share a pool of their own.
 */
export class WindowPool {
  #unproven = UNPROVEN_POOL
  #proven = PROVEN_POOL

  lease(): PoolLease {
    return new PoolLease(this)
  }

  /** Takes up to `octets` for one who has `taken` already; how many there were. */
  take(octets: number, taken: number, isProven: boolean): number {
    const left = isProven ? this.#proven : this.#unproven
    // A share of what is left, with what it has: whoever comes later finds some, too.
    const most = Math.floor((left + taken) * (isProven ? PROVEN_SHARE : UNPROVEN_SHARE)) - taken
    const granted = Math.max(0, Math.min(octets, most, left))
    this.giveBack(-granted, isProven)
    return granted
  }

  giveBack(octets: number, isProven: boolean): void {
    if (isProven) this.#proven += octets
    else this.#unproven += octets
  }
}

/** What one stream's window has grown by. */
export class PoolLease implements WindowLease {
  readonly #pool: WindowPool
  #taken = 0
  #isProven = false

  constructor(pool: WindowPool) {
    this.#pool = pool
  }

  /** Lets a window grow by up to `octets`, when its reader has taken `read` so far. */
  take(octets: number, read: number): number {
    if (!this.#isProven && read >= PROVEN_OCTETS) this.#prove()
    const taken = this.#pool.take(octets, this.#taken, this.#isProven)
    this.#taken += taken
    return taken
  }

  release(): void {
    this.#pool.giveBack(this.#taken, this.#isProven)
    this.#taken = 0
  }

  /** Moves over to those who read, if there is room for what it has. */
  #prove(): void {
    const moved = this.#pool.take(this.#taken, 0, true)
    if (moved < this.#taken) this.#pool.giveBack(moved, true)
    else {
      this.#pool.giveBack(this.#taken, false)
      this.#isProven = true
    }
  }
}
