// The words of a bell.
const RUNG = 0
const OVERFLOW = 1
const TAIL = 16
const HEAD = 32
const FIRST = 48
/** Names that wait to be called out; a power of two. */
const PLACES = 4096

/** A message that says no more than: look at the bell. */
export const BELL = 0

export const bellMemory = (): Int32Array =>
  new Int32Array(new SharedArrayBuffer((FIRST + PLACES) * Int32Array.BYTES_PER_ELEMENT))

/**
 * How one thread tells another which lanes have news: the names stand in shared memory, and a message goes out only
 * while none is on its way. However much one thread does while the other is busy, that is one message.
 */
export class BellRinger {
  readonly #words: Int32Array
  readonly #post: () => void
  #tail = 0

  /** `post` sends the other thread a message. */
  constructor(words: Int32Array, post: () => void) {
    this.#words = words
    this.#post = post
  }

  /** There is news for the lane `id`. */
  ring(id: number): void {
    const words = this.#words
    if (((this.#tail - Atomics.load(words, HEAD)) | 0) < PLACES) {
      words[FIRST + (this.#tail & (PLACES - 1))] = id
      this.#tail = (this.#tail + 1) | 0
      Atomics.store(words, TAIL, this.#tail)
    } else Atomics.store(words, OVERFLOW, 1)
    if (Atomics.exchange(words, RUNG, 1) === 0) this.#post()
  }
}

/** The other side of a bell. */
export class BellListener {
  readonly #words: Int32Array
  #head = 0

  constructor(words: Int32Array) {
    this.#words = words
  }

  /** Calls out the lanes that have news; where they were too many to remember, all. */
  answer(visit: (id: number) => void, visitAll: () => void): void {
    const words = this.#words
    // From here on news rings again: it may have missed this look.
    Atomics.store(words, RUNG, 0)
    const tail = Atomics.load(words, TAIL)
    while (this.#head !== tail) {
      const id = words[FIRST + (this.#head & (PLACES - 1))]!
      this.#head = (this.#head + 1) | 0
      Atomics.store(words, HEAD, this.#head)
      visit(id)
    }
    if (Atomics.exchange(words, OVERFLOW, 0) === 1) visitAll()
  }
}
