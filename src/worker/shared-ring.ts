import { copyBytes } from '../base/copy-bytes.ts'

// The words of a ring's head. What the writer and the reader change lies in cache lines of their own.
const TAIL = 0
const BASE = 1
const ENDED = 2
const HEAD = 16
const READER_WAITS = 32
const WRITER_WAITS = 48

/** Words that the head of a ring takes. */
export const RING_HEAD_WORDS = 64

/** The memory of a ring, shared by the two threads at its ends. At the beginning all words are zero. */
export interface RingMemory {
  readonly words: Int32Array
  /** A power of two of them, 2^30 at most. */
  readonly bytes: Uint8Array
}

/** Memory for a ring of a thread's own. */
export const ownRingMemory = (capacity: number): RingMemory => ({
  words: new Int32Array(RING_HEAD_WORDS),
  bytes: new Uint8Array(capacity),
})

/**
 * The end of a ring that bytes are put into. Head and tail count bytes modulo 2^32; only the writer moves the tail, only
 * the reader the head. A writer that finds the ring empty begins again at its first byte, `BASE` then being the count
 * that this byte has: little traffic stays in few pages, and those in the cache.
 */
export class RingWriter {
  readonly #words: Int32Array
  readonly #bytes: Uint8Array
  #tail = 0
  #base = 0

  constructor({ words, bytes }: RingMemory) {
    this.#words = words
    this.#bytes = bytes
  }

  /** Bytes that the reader has not taken. */
  get length(): number {
    return (this.#tail - Atomics.load(this.#words, HEAD)) | 0
  }

  /** How many bytes there is room for. */
  reserve(): number {
    const used = this.length
    if (used === 0 && this.#base !== this.#tail) {
      // The reader has nothing to read, and will look here again when it has.
      this.#base = this.#tail
      Atomics.store(this.#words, BASE, this.#base)
    }
    return this.#bytes.length - used
  }

  /** The memory that the next bytes belong in, as far as it lies in one piece; what is put there counts with `commit`. */
  region(): Uint8Array {
    const free = this.reserve()
    const at = this.#indexOf(0)
    return this.#bytes.subarray(at, at + Math.min(free, this.#bytes.length - at))
  }

  /** Stores `source[from, to)` at `offset` beyond what counts, after `reserve` has said that there is room. */
  put(offset: number, source: Uint8Array, from: number, to: number): void {
    const at = this.#indexOf(offset)
    const head = Math.min(to - from, this.#bytes.length - at)
    copyBytes(source, from, this.#bytes, at, head)
    copyBytes(source, from + head, this.#bytes, 0, to - from - head)
  }

  /** The next `count` bytes are the reader's. */
  commit(count: number): void {
    this.#tail = (this.#tail + count) | 0
    Atomics.store(this.#words, TAIL, this.#tail)
  }

  /** Copies what fits of `bytes[from, …)`; how much that is. */
  write(bytes: Uint8Array, from: number): number {
    const count = Math.min(this.reserve(), bytes.length - from)
    if (count <= 0) return 0
    this.put(0, bytes, from, from + count)
    this.commit(count)
    return count
  }

  /** Nothing follows. */
  end(): void {
    Atomics.store(this.#words, ENDED, 1)
  }

  /** Asks to be told when half of the ring is free; false when that is so already. */
  waitForRoom(): boolean {
    Atomics.store(this.#words, WRITER_WAITS, 1)
    if (2 * this.reserve() < this.#bytes.length) return true
    Atomics.store(this.#words, WRITER_WAITS, 0)
    return false
  }

  /** Whether the reader waits and is to be told, once, that there is something. */
  takeReader(): boolean {
    return Atomics.load(this.#words, READER_WAITS) === 1 && Atomics.exchange(this.#words, READER_WAITS, 0) === 1
  }

  #indexOf(offset: number): number {
    return (this.#tail - this.#base + offset) & (this.#bytes.length - 1)
  }
}

/** The end of a ring that bytes are taken from. */
export class RingReader {
  readonly #words: Int32Array
  readonly #bytes: Uint8Array
  #head = 0

  constructor({ words, bytes }: RingMemory) {
    this.#words = words
    this.#bytes = bytes
  }

  /** Bytes that wait. */
  get length(): number {
    return (Atomics.load(this.#words, TAIL) - this.#head) | 0
  }

  /** All has been read, and nothing follows. */
  get isEnded(): boolean {
    return Atomics.load(this.#words, ENDED) === 1 && this.length === 0
  }

  /** The next bytes as far as they lie in one piece; they stay there until they are consumed. */
  peek(): Uint8Array {
    const { length } = this
    const at = this.#indexOf(0)
    return this.#bytes.subarray(at, at + Math.min(length, this.#bytes.length - at))
  }

  /** Copies `count` bytes that wait at `offset` to `target[at, …)`. */
  copy(offset: number, target: Uint8Array, at: number, count: number): void {
    const from = this.#indexOf(offset)
    const head = Math.min(count, this.#bytes.length - from)
    copyBytes(this.#bytes, from, target, at, head)
    copyBytes(this.#bytes, 0, target, at + head, count - head)
  }

  /** Gives the room of the first `count` bytes back. */
  consume(count: number): void {
    this.#head = (this.#head + count) | 0
    Atomics.store(this.#words, HEAD, this.#head)
  }

  /** Moves what there is to `target`, as much as fits; how much that is. */
  read(target: Uint8Array): number {
    const count = Math.min(this.length, target.length)
    this.copy(0, target, 0, count)
    this.consume(count)
    return count
  }

  /** Asks to be told of the next bytes, or of the end; false when there is one or the other already. */
  waitForBytes(): boolean {
    Atomics.store(this.#words, READER_WAITS, 1)
    if (this.length === 0 && Atomics.load(this.#words, ENDED) === 0) return true
    Atomics.store(this.#words, READER_WAITS, 0)
    return false
  }

  /** Whether the writer waits and is to be told, once, that half of the ring is free. */
  takeWriter(): boolean {
    if (Atomics.load(this.#words, WRITER_WAITS) === 0 || 2 * this.length > this.#bytes.length) return false
    return Atomics.exchange(this.#words, WRITER_WAITS, 0) === 1
  }

  /** Another reader with what there is to read, in memory of its own: this ring's may then serve somebody else. */
  detached(): RingReader {
    const { length } = this
    let capacity = 1
    while (capacity < length) capacity *= 2
    const memory = ownRingMemory(capacity)
    this.copy(0, memory.bytes, 0, length)
    memory.words[TAIL] = length
    memory.words[ENDED] = Atomics.load(this.#words, ENDED)
    return new RingReader(memory)
  }

  #indexOf(offset: number): number {
    return (this.#head - Atomics.load(this.#words, BASE) + offset) & (this.#bytes.length - 1)
  }
}
