import { copyBytes } from './copy-bytes.ts'

const FIRST_CAPACITY = 4096
const NO_BYTES = new Uint8Array(0)

/** Memory of rings at rest, for the next that begin: a connection that says little now and then needs none of its own. */
const spare: Uint8Array[] = []
/** The same, but frames that were not sent yet may still name it. */
const rested: Uint8Array[] = []
/** How many; to set the length of an array is a call of the runtime, and this is counted for every poll. */
let restedCount = 0
const MOST_SPARE = 256

/**
 * A queue of bytes in a ring that grows by doubling. Before the first byte, and at rest after few, it holds no memory.
 *
 * Bytes may also be stored beyond its end, at the place where they will belong
 * once the gap before them is filled.
 */
export class ByteRing {
  /** The storage; `lend`-like users read pieces of it in place. Its length is a power of two, or zero. */
  bytes: Uint8Array = NO_BYTES
  #first = 0
  #length = 0

  /** Bytes in the queue, those stored beyond its end not counted. */
  get length(): number {
    return this.#length
  }

  /** The index in `bytes` of the byte at `offset` from the first. */
  indexOf(offset: number): number {
    return (this.#first + offset) & (this.bytes.length - 1)
  }

  /** Copies `source[from, to)` to `offset` beyond the end of the queue, which does not grow by it. */
  store(offset: number, source: Uint8Array, from: number, to: number): void {
    const count = to - from
    const needed = this.#length + offset + count
    if (needed > this.bytes.length) this.#grow(needed)
    const at = this.indexOf(this.#length + offset)
    const head = Math.min(count, this.bytes.length - at)
    copyBytes(source, from, this.bytes, at, head)
    if (head < count) copyBytes(source, from + head, this.bytes, 0, count - head)
  }

  /** The next `count` stored bytes become part of the queue. */
  extend(count: number): void {
    this.#length += count
  }

  /** Bytes of the first contiguous run, which begins at `indexOf(0)`. */
  get run(): number {
    return Math.min(this.#length, this.bytes.length - this.#first)
  }

  /** The first contiguous run, as a view valid until the next call. */
  peek(): Uint8Array {
    return this.bytes.subarray(this.#first, this.#first + this.run)
  }

  /** Drops the first `count` bytes. */
  consume(count: number): void {
    this.#first = this.indexOf(count)
    this.#length -= count
  }

  /** The queue is empty and nothing is stored beyond it: it begins again where the cache is warm, or with other memory. */
  rest(): void {
    this.#first = 0
    if (this.bytes.length === FIRST_CAPACITY) this.#giveBack()
  }

  /** Drops everything and gives the memory back. */
  clear(): void {
    this.#giveBack()
    this.#first = 0
    this.#length = 0
  }

  /** What rings gave back may be used by others: no frame that names it is still to be sent. */
  static recycle(): void {
    for (let i = 0; i < restedCount; i++) {
      if (spare.length < MOST_SPARE) spare.push(rested[i]!)
      rested[i] = NO_BYTES
    }
    restedCount = 0
  }

  #giveBack(): void {
    if (this.bytes.length === FIRST_CAPACITY && restedCount < MOST_SPARE) rested[restedCount++] = this.bytes
    this.bytes = NO_BYTES
  }

  #grow(needed: number): void {
    let capacity = Math.max(FIRST_CAPACITY, this.bytes.length)
    while (capacity < needed) capacity *= 2
    const grown = (capacity === FIRST_CAPACITY ? spare.pop() : undefined) ?? new Uint8Array(capacity)
    // Bytes beyond the end are stored too, so the whole old ring moves.
    grown.set(this.bytes.subarray(this.#first), 0)
    grown.set(this.bytes.subarray(0, this.#first), this.bytes.length - this.#first)
    this.bytes = grown
    this.#first = 0
  }
}
