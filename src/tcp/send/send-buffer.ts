import { ByteRing } from '../../base/byte-ring.ts'
import type { OutFrame } from '../../link/link.ts'

/** The bytes from SND.UNA to the last that the user wrote. */
export class SendBuffer {
  /** The most bytes it may hold; may move while the connection lives. */
  limit: number
  readonly #ring = new ByteRing()

  constructor(limit: number) {
    this.limit = limit
  }

  get length(): number {
    return this.#ring.length
  }

  get free(): number {
    return Math.max(0, this.limit - this.#ring.length)
  }

  /** Copies what fits of `bytes[from, …)`; returns how many bytes it took. */
  write(bytes: Uint8Array, from: number): number {
    const count = Math.min(this.free, bytes.length - from)
    if (count <= 0) return 0
    this.#ring.store(0, bytes, from, from + count)
    this.#ring.extend(count)
    return count
  }

  /** Gives up the oldest `count` bytes: they were acknowledged. */
  release(count: number): void {
    this.#ring.consume(count)
    if (this.#ring.length === 0) this.#ring.rest()
  }

  /** Names `length` bytes at `offset` from the oldest as the frame's payload, without copying them. */
  lend(frame: OutFrame, offset: number, length: number): void {
    const ring = this.#ring.bytes
    const at = this.#ring.indexOf(offset)
    const head = Math.min(length, ring.length - at)
    frame.payload = ring
    frame.payloadFrom = at
    frame.payloadTo = at + head
    if (head < length) {
      frame.payload2 = ring
      frame.payload2From = 0
      frame.payload2To = length - head
    }
  }

  clear(): void {
    this.#ring.clear()
  }
}
