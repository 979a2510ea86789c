/** A piece held in a buffer this much larger than itself is copied, so that it does not keep the buffer alive. */
const WASTE = 4

/** What arrived of a stream: octets in order wait for their reader, the others for what is missing before them. */
export class Reassembly {
  /** In order, not read yet. */
  readonly #ready: Uint8Array[] = []
  #readAt = 0
  /** Beyond a gap: sorted, without overlap. */
  readonly #early: { from: number; bytes: Uint8Array }[] = []
  #earlyAt = 0
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

  get isEnded(): boolean {
    return this.read === this.end
  }

  get hasReady(): boolean {
    return this.#readAt < this.#ready.length
  }

  /** Octets that wait for what is missing before them. */
  get isWaiting(): boolean {
    return this.#earlyAt < this.#early.length
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
    } else this.#keep(offset, bytes)
    return true
  }

  /** The next octets in order. */
  take(): Uint8Array | undefined {
    if (!this.hasReady) return undefined
    const bytes = this.#ready[this.#readAt]!
    this.#ready[this.#readAt++] = NO_BYTES
    if (this.#readAt === this.#ready.length) {
      this.#ready.length = 0
      this.#readAt = 0
    }
    this.read += bytes.length
    return bytes
  }

  /** Nobody reads any more: what is here is let go, and what comes is not kept. */
  discard(): void {
    this.#ready.length = 0
    this.#readAt = 0
    this.read = this.next
  }

  /** Nothing more comes; the final length is known. */
  finish(end: number): void {
    this.#early.length = 0
    this.#earlyAt = 0
    this.highest = Math.max(this.highest, end)
    this.next = this.highest
    this.discard()
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
    while (this.#earlyAt < early.length && early[this.#earlyAt]!.from <= this.next) {
      const { from, bytes } = early[this.#earlyAt]!
      early[this.#earlyAt++] = NOTHING
      if (from + bytes.length > this.next) this.#append(from, bytes)
      else this.repeated += bytes.length
    }
    if (this.#earlyAt === early.length) {
      early.length = 0
      this.#earlyAt = 0
    } else if (this.#earlyAt > 256) {
      early.splice(0, this.#earlyAt)
      this.#earlyAt = 0
    }
  }

  /** Files a piece beyond a gap, without what is there already. */
  #keep(offset: number, bytes: Uint8Array): void {
    const early = this.#early
    let i = early.length
    while (i > this.#earlyAt && early[i - 1]!.from > offset) i--
    let from = offset
    const to = offset + bytes.length
    if (i > this.#earlyAt) {
      const before = early[i - 1]!
      from = Math.max(from, before.from + before.bytes.length)
    }
    while (from < to) {
      const after = early[i]
      const stop = after === undefined ? to : Math.min(to, after.from)
      if (from < stop) {
        early.splice(i++, 0, { from, bytes: compact(bytes.subarray(from - offset, stop - offset)) })
        from = stop
      }
      if (after === undefined) return
      this.repeated += Math.max(0, Math.min(to, after.from + after.bytes.length) - from)
      from = Math.max(from, after.from + after.bytes.length)
      i++
    }
  }
}

const NO_BYTES = new Uint8Array(0)
const NOTHING = { from: 0, bytes: NO_BYTES }

const compact = (bytes: Uint8Array): Uint8Array =>
  bytes.length * WASTE < bytes.buffer.byteLength ? bytes.slice() : bytes
