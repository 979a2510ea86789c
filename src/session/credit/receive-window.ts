import type { Micros } from '../../base/types.ts'
import { LEAST_WINDOW } from '../limits.ts'

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

/** New credit is told when this share of the window has been used: what is not told yet is missing from it. */
const TOLD_SHARE = 1 / 8
/** Less than this is told only when it is half of the window. */
const LEAST_TOLD = 65_536
/** Below this a window grows eightfold, above it twofold. */
const SLOW_ABOVE = 524_288

/**
 * How much the other side may send: a window that grows, up to its limit, while half of it is used up within two round trips
 * of the slowest path, or while the other side comes up against its end.
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
  /** When half of it had been used for the last time, and the octet at which the next half is. */
  #halfAt: Micros
  #nextHalf: number
  /** The limits that were told since then, and the one before: the other side may know only some of them. */
  #told: number[]
  /** The other side has come up against one of them. */
  #isShort = false

  constructor({ size, most, lease = UNLIMITED, now }: WindowOptions) {
    this.limit = size
    this.#size = size
    this.#held = size
    this.#least = Math.min(size, LEAST_WINDOW)
    this.#most = Math.max(size, most)
    this.#lease = lease
    this.#halfAt = now
    this.#nextHalf = size / 2
    this.#told = [size]
  }

  get size(): number {
    return this.#size
  }

  /** Octets came up to `highest`: whoever ends just there waits to be let go on. */
  onHighest(highest: number): void {
    if (this.#told.includes(highest)) this.#isShort = true
  }

  /** So much has been done with; true when the limit is another, and is to be told. */
  advance(done: number, rtt: number, now: Micros): boolean {
    if (this.limit - done > this.#size - this.#step) return false
    if (done >= this.#nextHalf) this.#onHalf(done, rtt, now)
    this.limit = done + this.#size
    this.#told.push(this.limit)
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

  /** What is used before it is told. */
  get #step(): number {
    return Math.max(this.#size * TOLD_SHARE, Math.min(this.#size / 2, LEAST_TOLD))
  }

  /** Half of it has been used since this was looked at last. */
  #onHalf(done: number, rtt: number, now: Micros): void {
    const isFast = now - this.#halfAt < 2 * rtt
    if ((isFast || this.#isShort) && this.#size < this.#most) this.#grow(done)
    this.#halfAt = now
    this.#nextHalf = done + this.#size / 2
    this.#isShort = false
    this.#told = [this.limit]
  }

  #grow(done: number): void {
    const more = this.#size < SLOW_ABOVE ? 7 * this.#size : this.#size
    const taken = this.#lease.take(Math.min(more, this.#most - this.#size), done)
    this.#size += taken
    this.#held += taken
  }
}
