import { type Micros, NEVER } from '../base/types.ts'
import { type ChecksumState, InFrame, type OutFrame } from './link.ts'

const FIRST_BYTES = 64 * 1024
const FIRST_FRAMES = 64
const STATES: readonly ChecksumState[] = ['complete', 'verified', 'partial']

/**
 * Frames waiting in order of arrival, copied into one slab.
 *
 * The slab is a ring in which every frame lies in one piece: a frame that does
 * not fit before the end begins again at 0. Both the slab and the table of
 * frames start small and double until `limit` bytes wait; from then on nothing
 * is allocated.
 */
export class FrameQueue {
  readonly #limit: number
  /** Where a frame begins modulo 4, so that its IP header lies on a word. */
  readonly #shift: number
  #bytes = new Uint8Array(FIRST_BYTES)
  #view = new DataView(this.#bytes.buffer)
  /** Where the next frame may begin. */
  #tail = 0
  #used = 0
  #first = 0
  #count = 0
  #starts = new Int32Array(FIRST_FRAMES)
  #ends = new Int32Array(FIRST_FRAMES)
  #times = new Float64Array(FIRST_FRAMES)
  #states = new Uint8Array(FIRST_FRAMES)
  #segments = new Int32Array(FIRST_FRAMES)
  readonly #frame = new InFrame(this.#bytes)

  /** At most `limit` bytes wait; `shift` is where frames begin modulo 4. */
  constructor(limit: number, shift: number) {
    this.#limit = limit
    this.#shift = shift
  }

  get length(): number {
    return this.#count
  }

  /** When the oldest frame is due; NEVER while none waits. */
  get firstAt(): Micros {
    return this.#count === 0 ? NEVER : (this.#times[this.#first]! as Micros)
  }

  /** Copies a frame that is due at `at`; false when `limit` bytes wait already. */
  push(frame: OutFrame, state: ChecksumState, at: Micros): boolean {
    const length = frame.length
    if (this.#used + length > this.#limit) return false
    let start = this.#place(length)
    while (start < 0) {
      this.#growBytes()
      start = this.#place(length)
    }
    if (this.#count === this.#starts.length) this.#growTable()
    const index = (this.#first + this.#count++) & (this.#starts.length - 1)
    this.#starts[index] = start
    this.#ends[index] = frame.copyTo(this.#bytes, start)
    this.#times[index] = at
    this.#states[index] = STATES.indexOf(state)
    this.#segments[index] = frame.segmentSize
    this.#tail = start + length
    this.#used += length
    return true
  }

  /** The oldest frame, good until `shift` and the next call of `front`. Only while `length` > 0. */
  front(): InFrame {
    const frame = this.#frame
    const index = this.#first
    frame.bytes = this.#bytes
    frame.view = this.#view
    frame.start = this.#starts[index]!
    frame.end = this.#ends[index]!
    frame.checksum = STATES[this.#states[index]!]!
    frame.segmentSize = this.#segments[index]!
    return frame
  }

  /** Forgets the oldest frame. */
  shift(): void {
    if (this.#count === 0) return
    this.#used -= this.#ends[this.#first]! - this.#starts[this.#first]!
    this.#first = (this.#first + 1) & (this.#starts.length - 1)
    // An empty ring begins again at 0, where the processor's caches still know it.
    if (--this.#count === 0) this.#tail = 0
  }

  clear(): void {
    this.#count = 0
    this.#used = 0
    this.#tail = 0
  }

  /** Where `length` bytes fit in one piece, or -1. */
  #place(length: number): number {
    const at = ((this.#tail + 3) & ~3) + this.#shift
    const head = this.#count === 0 ? 0 : this.#starts[this.#first]!
    if (this.#count > 0 && this.#tail <= head) return at + length <= head ? at : -1
    if (at + length <= this.#bytes.length) return at
    return this.#count > 0 && this.#shift + length <= head ? this.#shift : -1
  }

  #growBytes(): void {
    const old = this.#bytes
    this.#bytes = new Uint8Array(old.length * 2)
    this.#view = new DataView(this.#bytes.buffer)
    this.#tail = 0
    for (let i = 0; i < this.#count; i++) {
      const index = (this.#first + i) & (this.#starts.length - 1)
      const at = ((this.#tail + 3) & ~3) + this.#shift
      this.#bytes.set(old.subarray(this.#starts[index]!, this.#ends[index]!), at)
      this.#tail = at + this.#ends[index]! - this.#starts[index]!
      this.#starts[index] = at
      this.#ends[index] = this.#tail
    }
  }

  #growTable(): void {
    const size = this.#starts.length * 2
    this.#starts = this.#unrolled(this.#starts, new Int32Array(size))
    this.#ends = this.#unrolled(this.#ends, new Int32Array(size))
    this.#times = this.#unrolled(this.#times, new Float64Array(size))
    this.#states = this.#unrolled(this.#states, new Uint8Array(size))
    this.#segments = this.#unrolled(this.#segments, new Int32Array(size))
    this.#first = 0
  }

  /** The full ring `from`, oldest entry first, at the beginning of `to`. */
  #unrolled<T extends Int32Array | Float64Array | Uint8Array>(from: T, to: T): T {
    to.set(from.subarray(this.#first))
    to.set(from.subarray(0, this.#first), from.length - this.#first)
    return to
  }
}
