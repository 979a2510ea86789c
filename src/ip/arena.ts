const SIZE = 256 * 1024

/**
 * Bytes that must stay as they are until the links are flushed, and no longer:
 * fragments, echo replies, quotes. Taken in a row, given back all at once.
 */
export class Arena {
  /** For headers written in place. */
  view: DataView
  #bytes: Uint8Array
  #used = 0
  /** Where the latest `take` begins in the bytes it returned. */
  at = 0

  constructor() {
    this.#bytes = new Uint8Array(SIZE)
    this.view = new DataView(this.#bytes.buffer)
  }

  /** Room for `length` bytes, from `at` on. */
  take(length: number): Uint8Array {
    // What earlier takers hold lives on in the old array until they let go.
    if (this.#used + length > this.#bytes.length) {
      this.#bytes = new Uint8Array(Math.max(SIZE, length))
      this.view = new DataView(this.#bytes.buffer)
      this.#used = 0
    }
    this.at = this.#used
    // A multiple of four keeps the next taker's checksum on word boundaries.
    this.#used += (length + 3) & ~3
    return this.#bytes
  }

  /** Everything taken is free again: the links have been flushed. */
  reset(): void {
    this.#used = 0
  }
}
