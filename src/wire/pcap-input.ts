import type { CaptureFault, CaptureFaultCode } from './pcap-record.ts'

const NO_BYTES = new Uint8Array(0)
const FIRST_BYTES = 64 * 1024

/**
 * The bytes of a capture that were given and not yet read, in one piece.
 *
 * A chunk is used where it lies. Only a rest that waits for the next chunk is
 * copied, into a buffer that doubles, and no byte before the rest is ever
 * written again: what was handed out of it stays good.
 */
export class CaptureInput {
  bytes: Uint8Array = NO_BYTES
  view: DataView = new DataView(NO_BYTES.buffer)
  /** The unread bytes are `bytes[at, end)`. */
  at = 0
  end = 0
  fault: CaptureFault | undefined
  /** The place in the file of `bytes[0]`. */
  #base = 0
  /** Whether `bytes` is ours to append to. */
  #owned = false
  /** Bytes still to come that nobody wants. */
  #unwanted = 0

  get available(): number {
    return this.end - this.at
  }

  /** The place in the file of the next unread byte. */
  get offset(): number {
    return this.#base + this.at
  }

  push(chunk: Uint8Array): void {
    if (this.fault !== undefined || chunk.length === 0) return
    if (this.available === 0) {
      this.#use(chunk, 0, chunk.length, false)
    } else {
      if (!this.#owned || this.bytes.length - this.end < chunk.length) this.#move(chunk.length)
      this.bytes.set(chunk, this.end)
      this.end += chunk.length
    }
    const unwanted = Math.min(this.#unwanted, this.available)
    this.#unwanted -= unwanted
    this.at += unwanted
  }

  /** Passes over `count` bytes, whether they are here yet or not. */
  skip(count: number): void {
    const here = Math.min(count, this.available)
    this.at += here
    this.#unwanted += count - here
  }

  /** Notes what is wrong, `ahead` bytes from here, and forgets the rest. */
  fail(code: CaptureFaultCode, what: string, ahead = 0): undefined {
    if (this.fault !== undefined) return
    const offset = this.offset + ahead
    this.fault = { code, offset, message: `Cannot read capture at byte ${offset}: ${what}` }
    this.#use(NO_BYTES, 0, 0, false)
  }

  /** No more bytes come. */
  finish(): void {
    const missing = this.#unwanted > 0
    if (this.available === 0 && !missing) return
    this.fail('truncated', `the file ends in the middle of a record, ${this.available} bytes after its start`)
  }

  #move(room: number): void {
    const rest = this.available
    const bytes = new Uint8Array(Math.max(FIRST_BYTES, 2 * (rest + room)))
    bytes.set(this.bytes.subarray(this.at, this.end))
    this.#use(bytes, 0, rest, true)
  }

  #use(bytes: Uint8Array, at: number, end: number, owned: boolean): void {
    this.#base += this.at
    this.bytes = bytes
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.at = at
    this.end = end
    this.#owned = owned
  }
}
