import { compact, JOINED, join, SMALL } from '../records/small-pieces.ts'
import { EarlyPieces } from './early-pieces.ts'

/** What arrived of a stream: octets in order wait for their reader, the others for what is missing before them. */
export class Reassembly {
  /** In order, not read yet. */
  readonly #ready: Uint8Array[] = []
  #readAt = 0
  /** Before this one, they are as few and as small as they will be. */
  #settledAt = 0
  /** Beyond a gap. */
  readonly #early = new EarlyPieces()
  /** All before it has arrived. */
  next = 0
  /** All before it has been read. */
  read = 0
  /** One beyond the last octet that ever arrived. */
  highest = 0
  /** Where the stream ends, once that is known. */
  end: number | undefined = undefined
  /** Octets that had arrived before. */
  repeated = 0
  /** Something was thrown away that nobody read, or the end is not where the sender would have had it. */
  #isCut = false

  /** The reader has had everything. */
  get isEnded(): boolean {
    return this.isDone && !this.#isCut
  }

  /** Nothing more comes, and nothing waits. */
  get isDone(): boolean {
    return this.read === this.end
  }

  /** Pieces that wait for what is missing before them. */
  get pieces(): number {
    return this.#early.count
  }

  get hasReady(): boolean {
    return this.#readAt < this.#ready.length
  }

  /** Octets that wait for what is missing before them. */
  get isWaiting(): boolean {
    return this.#early.count > 0
  }

  /** Takes a piece; false when it contradicts what was said about the end. */
  insert(offset: number, bytes: Uint8Array, isEnd: boolean): boolean {
    const to = offset + bytes.length
    if (isEnd) {
      if ((this.end !== undefined && this.end !== to) || this.highest > to) return false
      this.end = to
    } else if (this.end !== undefined && to > this.end) return false
    if (to > this.highest) this.highest = to
    if (to <= this.next) {
      this.repeated += bytes.length
      return true
    }
    if (offset <= this.next && !this.isWaiting) this.#append(offset, bytes)
    else if (offset <= this.next) {
      this.#append(offset, bytes)
      this.#join()
    } else this.repeated += this.#early.keep(offset, bytes)
    return true
  }

  /** The next octets in order. */
  take(): Uint8Array | undefined {
    if (!this.hasReady) return undefined
    const bytes = this.#ready[this.#readAt]!
    this.#ready[this.#readAt++] = NO_BYTES
    if (this.#readAt === this.#ready.length) this.#empty()
    this.read += bytes.length
    return bytes
  }

  /** What its reader has left waits in as few octets of memory as can be. */
  settle(): void {
    const ready = this.#ready
    let out = Math.max(this.#settledAt, this.#readAt)
    if (out >= ready.length) return
    for (let i = out; i < ready.length; ) {
      let [end, octets] = [i, 0]
      while (end < ready.length && ready[end]!.length < SMALL && octets + ready[end]!.length <= JOINED) {
        octets += ready[end++]!.length
      }
      ready[out++] = end > i + 1 ? join(ready.slice(i, end), octets) : compact(ready[i]!)
      i = Math.max(end, i + 1)
    }
    ready.length = out
    // A small one at the end takes what comes next.
    this.#settledAt = ready[out - 1]!.length < SMALL ? out - 1 : out
  }

  /** Nobody reads any more: what is here is let go, and what is missing before the highest octet counts as come and read. */
  discard(): void {
    this.#skip(this.highest)
  }

  /** Nothing more comes; the final length is known. */
  finish(end: number): void {
    if (this.end === undefined) this.#isCut = true
    this.end = end
    this.highest = end
    this.#skip(end)
  }

  #skip(to: number): void {
    if (this.read < to) this.#isCut = true
    this.next = to
    this.read = to
    this.#early.clear()
    this.#empty()
  }

  #empty(): void {
    this.#ready.length = 0
    this.#readAt = 0
    this.#settledAt = 0
  }

  #append(offset: number, bytes: Uint8Array): void {
    const old = this.next - offset
    this.repeated += old
    this.#ready.push(old === 0 ? bytes : bytes.subarray(old))
    this.next = offset + bytes.length
  }

  /** Moves what is no longer beyond a gap. */
  #join(): void {
    const early = this.#early
    while (early.count > 0 && early.first <= this.next) {
      const from = early.first
      const bytes = early.shift()
      if (from + bytes.length > this.next) this.#append(from, bytes)
      else this.repeated += bytes.length
    }
  }
}

const NO_BYTES = new Uint8Array(0)
