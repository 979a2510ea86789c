import { copyBytes } from '../../base/copy-bytes.ts'

const NO_MEMORY = new Uint8Array(0)

/** RECEIVE, RFC 9293 §3.10.3: somebody who waits for the bytes that come next. He gets them without a detour. */
export interface ReceiveCall {
  /** Takes what he wants of `bytes[from, to)`, from the beginning; how much that is. The rest waits in the receive buffer. */
  take(bytes: Uint8Array, from: number, to: number): number
}

/** Memory of the user's that waits for bytes. */
export class ReceiveInto implements ReceiveCall {
  /** Bytes that have arrived. */
  filled = 0
  #memory: Uint8Array = NO_MEMORY

  /** Some memory waits. */
  get isWaiting(): boolean {
    return this.#memory.length > 0
  }

  begin(memory: Uint8Array): void {
    this.#memory = memory
    this.filled = 0
  }

  /** The memory is the user's again; how many bytes of it are filled. */
  end(): number {
    const { filled } = this
    this.begin(NO_MEMORY)
    return filled
  }

  take(bytes: Uint8Array, from: number, to: number): number {
    const count = Math.min(to - from, this.#memory.length - this.filled)
    if (count > 0) copyBytes(bytes, from, this.#memory, this.filled, count)
    this.filled += count
    return count
  }
}
