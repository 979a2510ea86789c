import type { Micros } from '../base/types.ts'
import { LEAST_WINDOW } from './limits.ts'

/** The memory that a window has beyond what everyone has. */
export interface WindowLease {
  /** Takes up to `octets`, when so much has been `done` with; how many there were. */
  take(octets: number, done: number): number
  /** Gives all of it back; harmless when repeated. */
  release(): void
}

export interface WindowOptions {
  readonly size: number
  readonly most: number
  /** Default: as much as it likes. */
  readonly lease?: WindowLease
  readonly now: Micros
}

const UNLIMITED: WindowLease = { take: (octets) => octets, release: () => undefined }

/** Below this a window grows fourfold, above it twofold. */
const SLOW_ABOVE = 524_288

/**
 * How much the other side may send: a window that grows, up to its limit, while it is used up within two round trips of the
 * slowest path, or while the other side comes up against its end. New credit is told when half of it has been used.
 */
export class ReceiveWindow {
  /** The octet that the other side may not pass. */
  limit: number
  #size: number
  /** What it has memory for: its size, or what was granted when it was larger, as far as that is not done with. */
  #held: number
  readonly #least: number
  readonly #most: number
  readonly #lease: WindowLease
  #toldAt: Micros
  /** What the limit was before it was told last. */
  #before: number
  /** The other side has come up against a limit. */
  #isShort = false

  constructor({ size, most, lease = UNLIMITED, now }: WindowOptions) {
    this.limit = size
    this.#before = size
    this.#size = size
    this.#held = size
    this.#least = Math.min(size, LEAST_WINDOW)
    this.#most = Math.max(size, most)
    this.#lease = lease
    this.#toldAt = now
  }

  get size(): number {
    return this.#size
  }

  /** Octets came up to `highest`: whoever ends just there waits to be let go on. */
  onHighest(highest: number): void {
    if (highest === this.limit || highest === this.#before) this.#isShort = true
  }

  /** So much has been done with; true when the limit is another, and is to be told. */
  advance(done: number, rtt: number, now: Micros): boolean {
    if (this.limit - done > this.#size / 2) return false
    const isFast = now - this.#toldAt < 2 * rtt
    if ((isFast || this.#isShort) && this.#size < this.#most) this.#grow(done)
    this.#toldAt = now
    this.#isShort = false
    this.#before = this.limit
    this.limit = done + this.#size
    return true
  }

  /**
   * Becomes no larger than `most`, within reason; octets of memory that it needs no longer. What was granted is not taken
   * back: that memory is free only as the other side has used it up, when so much has been done with.
   */
  lower(most: number, done: number): number {
    if (most < this.#size) this.#size = Math.max(most, this.#least)
    const freed = Math.max(0, this.#held - Math.max(this.#size, this.limit - done))
    this.#held -= freed
    return freed
  }

  /** Nothing more comes. */
  release(): void {
    this.#lease.release()
  }

  #grow(done: number): void {
    const more = this.#size < SLOW_ABOVE ? 3 * this.#size : this.#size
    const taken = this.#lease.take(Math.min(more, this.#most - this.#size), done)
    this.#size += taken
    this.#held += taken
  }
}
