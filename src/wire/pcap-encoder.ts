import type { CaptureFormat } from './pcap-format.ts'

const FIRST_BYTES = 64 * 1024
/** What is gathered at most before it is handed out. */
const GATHER = 256 * 1024

/**
 * Writes packets as a capture file, gathered into chunks.
 *
 * `write` gets the file's header at once and the records at each `flush`; a
 * chunk is the receiver's to keep.
 */
export class CaptureEncoder {
  readonly #format: CaptureFormat
  readonly #write: (chunk: Uint8Array) => void
  #bytes = new Uint8Array(FIRST_BYTES)
  #view = new DataView(this.#bytes.buffer)
  #used = 0

  constructor(format: CaptureFormat, linkType: number, write: (chunk: Uint8Array) => void) {
    this.#format = format
    this.#write = write
    write(format.header(linkType))
  }

  /** Adds the packet `bytes[from, to)`, seen `seconds` and `nanos` after 1970 began; it was `originalLength` long. */
  add(
    seconds: number,
    nanos: number,
    bytes: Uint8Array,
    from: number,
    to: number,
    originalLength: number = to - from,
  ): void {
    const size = this.#format.overhead + to - from
    if (this.#used + size > GATHER) this.flush()
    this.#reserve(this.#used + size)
    const at = this.#format.writeHead(this.#view, this.#used, seconds, nanos, to - from, originalLength)
    this.#bytes.set(bytes.subarray(from, to), at)
    this.#used = this.#format.writeTail(this.#view, this.#used, at + to - from)
  }

  /** Hands out what was gathered. */
  flush(): void {
    if (this.#used === 0) return
    const chunk = this.#bytes.slice(0, this.#used)
    this.#used = 0
    this.#write(chunk)
  }

  #reserve(size: number): void {
    if (size <= this.#bytes.length) return
    const old = this.#bytes
    this.#bytes = new Uint8Array(Math.max(size, 2 * old.length))
    this.#bytes.set(old.subarray(0, this.#used))
    this.#view = new DataView(this.#bytes.buffer)
  }
}
