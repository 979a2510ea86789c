import { ByteRing } from '../../base/byte-ring.ts'
import type { OutFrame } from '../../link/link.ts'

/** The bytes from SND.UNA to the last that the user wrote. */
export class SendBuffer extends ByteRing {
  /** The most bytes it may hold; may move while the connection lives. */
  limit: number

  constructor(limit: number) {
    super()
    this.limit = limit
  }

  get free(): number {
    return Math.max(0, this.limit - this.length)
  }

  /** Copies what fits of `bytes[from, …)`; returns how many bytes it took. */
  write(bytes: Uint8Array, from: number): number {
    const count = Math.min(this.free, bytes.length - from)
    if (count <= 0) return 0
    this.store(0, bytes, from, from + count)
    this.extend(count)
    return count
  }

  /** Gives up the oldest `count` bytes: they were acknowledged. */
  release(count: number): void {
    this.consume(count)
    if (this.length === 0) this.rest()
  }

  /** Names `length` bytes at `offset` from the oldest as the frame's payload, without copying them. */
  lend(frame: OutFrame, offset: number, length: number): void {
    const { bytes } = this
    const at = this.indexOf(offset)
    const head = Math.min(length, bytes.length - at)
    frame.payload = bytes
    frame.payloadFrom = at
    frame.payloadTo = at + head
    if (head < length) {
      frame.payload2 = bytes
      frame.payload2From = 0
      frame.payload2To = length - head
    }
  }
}
