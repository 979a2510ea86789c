/** A page of the stream; 1 GiB of stream is 16,384 different ones. */
const PAGE = 64 * 1024
const WORDS = PAGE / 4

/**
 * A stream of bytes that never repeats within 16 GiB: its 32-bit word number `i` is a bijective mix of `i` and the
 * seed. A piece that is swapped, shifted, lost or doubled therefore differs from what belongs in its place.
 */
export class Stream {
  readonly #seed: number
  readonly #words = new Uint32Array(WORDS)
  readonly #bytes = new Uint8Array(this.#words.buffer)
  #page = -1

  constructor(seed: number) {
    this.#seed = Math.imul(seed, 0x9e3779b1)
  }

  /** The bytes from `offset` to the end of their page, `most` at most; valid until the next call. */
  at(offset: number, most: number): Uint8Array {
    const page = Math.floor(offset / PAGE)
    if (page !== this.#page) this.#turnTo(page)
    const from = offset - page * PAGE
    return this.#bytes.subarray(from, Math.min(PAGE, from + most))
  }

  #turnTo(page: number): void {
    this.#page = page
    const words = this.#words
    for (let i = 0, n = page * WORDS; i < WORDS; i++, n++) {
      // The finalizer of MurmurHash3: every step can be undone, so no two words are the same.
      let x = n ^ this.#seed
      x = Math.imul(x ^ (x >>> 16), 0x85ebca6b)
      x = Math.imul(x ^ (x >>> 13), 0xc2b2ae35)
      words[i] = x ^ (x >>> 16)
    }
  }
}

/** Compares what arrives with the stream, byte by byte. */
export class StreamChecker {
  /** Bytes that came. */
  received = 0
  /** The place of the first wrong byte; -1 when all are right. */
  wrongAt = -1
  readonly #stream: Stream

  constructor(seed: number) {
    this.#stream = new Stream(seed)
  }

  take(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length; ) {
      const expected = this.#stream.at(this.received, chunk.length - at)
      const piece = chunk.subarray(at, at + expected.length)
      if (this.wrongAt < 0 && Buffer.compare(expected, piece) !== 0) {
        this.wrongAt = this.received + piece.findIndex((byte, i) => byte !== expected[i])
      }
      at += expected.length
      this.received += expected.length
    }
  }
}
