import { copiesFrom } from '../base/copy-bytes.ts'
import { CELL, NO_PLACES, Places } from '../base/places.ts'
import { type Micros, NEVER } from '../base/types.ts'
import { type ChecksumState, InFrame, type OutFrame } from './link.ts'

const FIRST_BYTES = 64 * 1024
const FIRST_FRAMES = 64
/** Room for the payload of any frame. */
const STAGE_BYTES = 64 * 1024
const NO_BYTES = new Uint8Array(0)
const STATES: readonly ChecksumState[] = ['complete', 'verified', 'partial']

/**
 * Frames waiting in order of arrival, copied into one slab.
 *
 * The slab is a ring in which every frame lies in one piece: a frame that does
 * not fit before the end begins again at 0. Both the slab and the table of
 * frames start small and double until `limit` bytes wait; from then on nothing
 * is allocated. Behind the ring lies a stage: payload that was cut into pieces
 * is copied there all at once, since each copy from another array takes a view,
 * and a copy within the slab takes none.
 */
export class FrameQueue {
  readonly #limit: number
  /** Where a frame begins modulo 4, so that its IP header lies on a word. */
  readonly #shift: number
  #size = FIRST_BYTES
  #bytes = new Uint8Array(FIRST_BYTES + STAGE_BYTES)
  #view = new DataView(this.#bytes.buffer)
  #places = new Places(this.#bytes)
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
  /** What is on the stage: `#runBytes[#runFrom, #runTo)` as it was when the run of that number came. */
  #run = 0
  #runBytes: Uint8Array = NO_BYTES
  #runFrom = 0
  #runTo = 0
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
    if (this.#used + length > this.#limit) {
      if (frame.run === this.#run) this.#leaveStage()
      return false
    }
    let start = this.#place(length)
    while (start < 0) {
      this.#growBytes()
      start = this.#place(length)
    }
    if (this.#count === this.#starts.length) this.#growTable()
    const index = (this.#first + this.#count++) & (this.#starts.length - 1)
    this.#starts[index] = start
    this.#ends[index] = frame.run > 0 ? this.#copyPiece(frame, start) : frame.copyTo(this.#bytes, start)
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
    copiesFrom(this.#places)
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
    if (--this.#count > 0) return
    // An empty ring begins again at 0, where the processor's caches still know it.
    this.#tail = 0
    copiesFrom(NO_PLACES)
  }

  clear(): void {
    this.#count = 0
    this.#used = 0
    this.#tail = 0
    this.#leaveStage()
    copiesFrom(NO_PLACES)
  }

  #copyPiece(frame: OutFrame, at: number): number {
    const { run, runTo, payload, payloadFrom, payloadTo } = frame
    if (frame.payload2To > frame.payload2From) return frame.copyTo(this.#bytes, at)
    const isStaged = run === this.#run && payload === this.#runBytes && payloadFrom >= this.#runFrom
    if (!isStaged || payloadTo > this.#runTo) {
      if (runTo === payloadTo || runTo - payloadFrom > STAGE_BYTES) return frame.copyTo(this.#bytes, at)
      this.#bytes.set(payload.subarray(payloadFrom, runTo), this.#size)
      this.#run = run
      this.#runBytes = payload
      this.#runFrom = payloadFrom
      this.#runTo = runTo
    }
    const from = this.#size + payloadFrom - this.#runFrom
    const data = frame.copyHeadersTo(this.#bytes, at)
    this.#bytes.copyWithin(data, from, from + payloadTo - payloadFrom)
    if (payloadTo === runTo) this.#leaveStage()
    return data + payloadTo - payloadFrom
  }

  #leaveStage(): void {
    this.#run = 0
    this.#runBytes = NO_BYTES
  }

  /** Where `length` bytes fit in one piece, or -1. */
  #place(length: number): number {
    const at = this.#behind(length)
    const head = this.#count === 0 ? 0 : this.#starts[this.#first]!
    if (this.#count > 0 && this.#tail <= head) return at + length <= head ? at : -1
    if (at + length <= this.#size) return at
    return this.#count > 0 && this.#shift + length <= head ? this.#shift : -1
  }

  /** Where a frame begins behind the others: a large one at a cell, so that its payload lies where that of another lay. */
  #behind(length: number): number {
    const unit = length < CELL ? 4 : CELL
    return ((this.#tail + unit - 1) & -unit) + this.#shift
  }

  #growBytes(): void {
    const old = this.#bytes
    this.#size *= 2
    this.#bytes = new Uint8Array(this.#size + STAGE_BYTES)
    this.#view = new DataView(this.#bytes.buffer)
    this.#places = new Places(this.#bytes)
    this.#leaveStage()
    this.#tail = 0
    for (let i = 0; i < this.#count; i++) {
      const index = (this.#first + i) & (this.#starts.length - 1)
      const frame = old.subarray(this.#starts[index]!, this.#ends[index]!)
      const at = this.#behind(frame.length)
      this.#bytes.set(frame, at)
      this.#tail = at + frame.length
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
