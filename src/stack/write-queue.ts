import { type Abortable, abortError } from './waiters.ts'

export interface WriteOptions extends Abortable {
  /**
   * The peer is told that data is urgent up to the end of these bytes; they stay in their place in the stream
   * (RFC 9293 §3.8.5). Not for new protocols (RFC 6093 §3).
   */
  readonly urgent?: boolean
}

/** Where the bytes of a connection go, in the end its send buffer. */
export interface ByteSink {
  /** Copies what fits of `bytes[from, …)`; how much that is. Where that is not all, `resume` is to be called later. */
  send(bytes: Uint8Array, from: number): number
  /** All that was sent so far, and the `count` bytes that come next, are urgent. */
  urge(count: number): void
  /** Nothing follows. */
  finish(): void
}

/** Bytes of which some wait for room. */
interface Write {
  readonly bytes: Uint8Array
  taken: number
  /** With what kept the rest from being sent; with nothing when all is taken. */
  settle(error?: unknown): void
}

/**
 * The writes of one connection, in the order in which they were made: one that waits for room holds up all
 * that follow it, and the end of the stream comes after the last.
 */
export class WriteQueue {
  readonly #sink: ByteSink
  /** Undefined while none waits. */
  #waiting: Set<Write> | undefined = undefined
  #isEnding = false

  constructor(sink: ByteSink) {
    this.#sink = sink
  }

  /** Whether `end` was called: nothing more may be written. */
  get isEnding(): boolean {
    return this.#isEnding
  }

  get isEmpty(): boolean {
    return this.#waiting === undefined
  }

  /**
   * Sends bytes; resolves when the sink has taken all, or undefined where it has at once. An abort takes out those that it
   * has not.
   */
  write(bytes: Uint8Array, { signal, urgent }: WriteOptions): Promise<void> | undefined {
    if (urgent) this.#sink.urge(this.#left + bytes.length)
    const taken = this.isEmpty ? this.#sink.send(bytes, 0) : 0
    return taken < bytes.length || !this.isEmpty ? this.#wait(bytes, taken, signal) : undefined
  }

  /** Half-closes once the sink has taken all that waits. */
  end(): void {
    this.#isEnding = true
    if (this.isEmpty) this.#sink.finish()
  }

  /** There is room in the sink. */
  resume(): void {
    for (const write of this.#waiting ?? []) {
      write.taken += this.#sink.send(write.bytes, write.taken)
      if (write.taken < write.bytes.length) return
      write.settle()
    }
    if (this.#isEnding) this.#sink.finish()
  }

  /** Fails whatever waits. */
  fail(error: unknown): void {
    for (const write of this.#waiting ?? []) write.settle(error)
  }

  /** Bytes that wait. */
  get #left(): number {
    let left = 0
    for (const { bytes, taken } of this.#waiting ?? []) left += bytes.length - taken
    return left
  }

  #wait(bytes: Uint8Array, taken: number, signal: AbortSignal | undefined): Promise<void> {
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        write.settle(abortError('write'))
        this.resume()
      }
      const write: Write = {
        bytes,
        taken,
        settle: (error) => {
          this.#waiting?.delete(write)
          if (this.#waiting?.size === 0) this.#waiting = undefined
          signal?.removeEventListener('abort', onAbort)
          if (error === undefined) resolve()
          else reject(error)
        },
      }
      signal?.addEventListener('abort', onAbort, { once: true })
      this.#waiting ??= new Set()
      this.#waiting.add(write)
    })
  }
}
