import { chance, type Rng } from '../../src/base/rng.ts'
import { addMicros, earliest, type Micros, NEVER, type Pollable } from '../../src/base/types.ts'
import type { PathInput, Pipe } from '../../src/session/paths/pipe.ts'

export interface WireOptions {
  /** Octets per second. */
  readonly rate: number
  /** One way, microseconds. */
  readonly delay: number
  /** What the sender's system takes before it says that it has enough. Default 256 KiB. */
  readonly buffer?: number
  /** The share of packets that the transport below must send again: all behind it waits. Default 0. */
  readonly loss?: number
  readonly rng?: Rng
}

const PACKET = 1448

/** One direction of a simulated, ordered, reliable pipe: a rate, a delay, a buffer, and silence where a test wants it. */
export class Wire implements Pipe, Pollable {
  input: PathInput | undefined = undefined
  /** The other side's reader is told when this one ends. */
  readonly name: string
  options: WireOptions
  readonly limit: number
  queued = 0
  delivered = 0
  #own: PathInput | undefined = undefined
  readonly #clock: () => Micros
  #busyUntil: Micros = 0 as Micros
  #lastAt: Micros = 0 as Micros
  readonly #line: { bytes: Uint8Array; doneAt: Micros; at: Micros; isDone: boolean }[] = []
  #isFull = false
  #isSilent = false
  #endAt: Micros = NEVER
  #isEnded = false
  #wantsPoll = false

  constructor(name: string, options: WireOptions, clock: () => Micros) {
    this.name = name
    this.limit = options.buffer ?? 262_144
    this.options = options
    this.#clock = clock
  }

  /** Whose pipe it is: told when it takes more, and when it has ended. */
  set owner(input: PathInput) {
    this.#own = input
  }

  write(pieces: readonly Uint8Array[]): boolean {
    if (this.#isEnded) return true
    for (const bytes of pieces) this.#send(bytes)
    this.#wantsPoll = true
    this.#isFull = this.queued >= this.limit
    return !this.#isFull
  }

  end(): void {
    if (this.#isEnded) return
    this.#isEnded = true
    this.#endAt = addMicros(earliestAfter(this.#lastAt, this.#clock()), 1)
  }

  destroy(): void {
    this.#isEnded = true
    this.#line.length = 0
    this.queued = 0
    this.#endAt = addMicros(this.#clock(), this.options.delay)
  }

  /** Nothing gets through from now on; what is under way waits. */
  silence(): void {
    this.#isSilent = true
  }

  /** Goes on where it stood. */
  resume(now: Micros): void {
    this.#isSilent = false
    // The transport below asks again before anything moves.
    const late = addMicros(now, 2 * this.options.delay)
    for (const piece of this.#line) {
      piece.at = earliestAfter(piece.at, late)
      piece.doneAt = earliestAfter(piece.doneAt, late)
    }
    this.#lastAt = earliestAfter(this.#lastAt, late)
    this.#busyUntil = earliestAfter(this.#busyUntil, late)
  }

  poll(now: Micros): void {
    this.#wantsPoll = false
    if (this.#isSilent) return
    let taken = 0
    for (const piece of this.#line) {
      if (piece.doneAt > now) break
      if (piece.isDone) continue
      piece.isDone = true
      this.queued -= piece.bytes.length
    }
    while (taken < this.#line.length && this.#line[taken]!.at <= now) {
      const { bytes } = this.#line[taken++]!
      this.delivered += bytes.length
      this.input?.onBytes(bytes)
    }
    this.#line.splice(0, taken)
    if (this.#isFull && this.queued < this.limit / 2) {
      this.#isFull = false
      this.#own?.onWritable()
    }
    if (this.#endAt <= now && this.#line.length === 0) {
      this.#endAt = NEVER
      this.input?.onClosed('the other side ended it')
    }
  }

  pollAt(): Micros {
    if (this.#wantsPoll) return this.#clock()
    if (this.#isSilent) return NEVER
    let at = this.#line.length > 0 ? this.#line[0]!.at : this.#endAt
    if (this.#isFull) {
      const next = this.#line.find((piece) => !piece.isDone)
      if (next !== undefined) at = earliest(at, next.doneAt)
    }
    return at
  }

  #send(bytes: Uint8Array): void {
    const { rate, delay, loss = 0, rng } = this.options
    this.queued += bytes.length
    const start = earliestAfter(this.#busyUntil, this.#clock())
    this.#busyUntil = addMicros(start, Math.ceil((bytes.length * 1_000_000) / rate))
    let at = addMicros(this.#busyUntil, delay)
    for (let n = 0; n < bytes.length && rng !== undefined; n += PACKET) {
      if (chance(rng, loss)) at = addMicros(this.#busyUntil, 3 * delay)
    }
    this.#lastAt = earliestAfter(this.#lastAt, at)
    this.#line.push({ bytes, doneAt: this.#busyUntil, at: this.#lastAt, isDone: false })
  }
}

const earliestAfter = (a: Micros, b: Micros): Micros => (a > b ? a : b)
