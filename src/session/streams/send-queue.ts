import { RangeSet } from './ranges.ts'

/** What a stream sends: its octets from the first that is not acknowledged on, and which of them are where. */
export class SendQueue {
  /** Pieces as the user wrote them, and the offset at which each begins. */
  readonly #chunks: Uint8Array[] = []
  readonly #starts: number[] = []
  /** Chunks before this one are acknowledged; the arrays are cut once in a while. */
  #head = 0
  #cursor = 0
  /** Octets that the user wrote. */
  written = 0
  /** Octets that were sent at least once. */
  sent = 0
  /** All before it is acknowledged. */
  acked = 0
  /** Beyond `acked`, what is acknowledged too; and what may be lost. */
  readonly #held = new RangeSet()
  readonly #lost = new RangeSet()
  /** Nothing follows behind `written`. */
  isEnded = false
  #isEndSent = false
  isEndAcked = false

  /** Octets that were never sent. */
  get unsent(): number {
    return this.written - this.sent
  }

  get hasLost(): boolean {
    return !this.#lost.isEmpty || (this.isEnded && !this.#isEndSent && this.sent === this.written)
  }

  get isDone(): boolean {
    return this.isEndAcked && this.acked === this.written
  }

  write(bytes: Uint8Array): void {
    if (bytes.length === 0) return
    this.#chunks.push(bytes)
    this.#starts.push(this.written)
    this.written += bytes.length
  }

  /**
   * What is to be sent next, `most` octets of it: what was lost comes first, then what is new up to `credit`. Gives where
   * it ends, from `nextFrom` on; the same when there is nothing (but perhaps the end itself).
   */
  nextFrom(): number {
    return this.#lost.isEmpty ? this.sent : this.#lost.first
  }

  nextTo(most: number, credit: number): number {
    if (!this.#lost.isEmpty) return Math.min(this.#lost.firstEnd, this.#lost.first + most)
    return Math.max(this.sent, Math.min(this.written, credit, this.sent + most))
  }

  /** `[from, to)` goes on its way; with it the end, when it lies there. Whether it does. */
  take(from: number, to: number): boolean {
    this.#lost.remove(from, to)
    if (to > this.sent) this.sent = to
    const isEnd = this.isEnded && to === this.written
    if (isEnd) this.#isEndSent = true
    return isEnd
  }

  /** The octets of `[from, to)`, each piece handed to `each`. */
  pieces(from: number, to: number, each: (bytes: Uint8Array) => void): void {
    let i = this.#find(from)
    for (let at = from; at < to; i++) {
      const chunk = this.#chunks[i]!
      const start = this.#starts[i]!
      const low = at - start
      const high = Math.min(chunk.length, to - start)
      each(low === 0 && high === chunk.length ? chunk : chunk.subarray(low, high))
      at = start + high
    }
    this.#cursor = i
  }

  onAcked(from: number, to: number, isEnd: boolean): void {
    if (isEnd) this.isEndAcked = true
    if (to <= this.acked) return
    this.#lost.remove(from, to)
    if (from > this.acked) {
      this.#held.add(from, to)
      return
    }
    this.acked = to
    while (!this.#held.isEmpty && this.#held.first <= this.acked) {
      this.acked = Math.max(this.acked, this.#held.firstEnd)
      this.#held.remove(0, this.acked)
    }
    this.#drop()
  }

  /** `[from, to)` may be lost with its path: what of it is not acknowledged is to be sent again. Whether anything is. */
  onLost(from: number, to: number, isEnd: boolean): boolean {
    if (isEnd && !this.isEndAcked) this.#isEndSent = false
    this.#held.missing(Math.max(from, this.acked), to, (low, high) => this.#lost.add(low, high))
    return this.hasLost
  }

  /** The user gave up: nothing more is sent. */
  clear(): void {
    this.#chunks.length = 0
    this.#starts.length = 0
    this.#head = 0
    this.#lost.clear()
    this.#held.clear()
    this.written = this.sent
    this.acked = this.sent
  }

  /** The chunk that holds `offset`; it is nearly always the one after the last asked for. */
  #find(offset: number): number {
    const starts = this.#starts
    for (let i = this.#cursor; i < starts.length && i <= this.#cursor + 1; i++) {
      if (i >= this.#head && starts[i]! <= offset && offset < starts[i]! + this.#chunks[i]!.length) return i
    }
    let low = this.#head
    let high = starts.length
    while (low + 1 < high) {
      const middle = (low + high) >>> 1
      if (starts[middle]! <= offset) low = middle
      else high = middle
    }
    return low
  }

  /** Lets go of chunks that are acknowledged, and of the better part of one where nothing follows for now. */
  #drop(): void {
    const { acked } = this
    while (this.#head < this.#chunks.length && this.#starts[this.#head]! + this.#chunks[this.#head]!.length <= acked) {
      this.#chunks[this.#head++] = NO_BYTES
    }
    if (acked === this.sent && acked < this.written) this.#compact()
    if (this.#head < 64 || this.#head * 2 < this.#chunks.length) return
    this.#chunks.splice(0, this.#head)
    this.#starts.splice(0, this.#head)
    this.#cursor = Math.max(0, this.#cursor - this.#head)
    this.#head = 0
  }

  /** What is left of the first chunk stands still: it keeps no more memory than twice its own. */
  #compact(): void {
    const [chunk, start] = [this.#chunks[this.#head]!, this.#starts[this.#head]!]
    const left = start + chunk.length - this.acked
    if (left * 2 > chunk.length) return
    this.#chunks[this.#head] = new Uint8Array(chunk.subarray(-left))
    this.#starts[this.#head] = this.acked
  }
}

const NO_BYTES = new Uint8Array(0)
