import type { OnReadOpts } from 'node:net'

/** Memory of the program's own for what is read: node:net's `onread`. */
export class ReadTarget {
  readonly #onread: OnReadOpts
  #bytes: Uint8Array | undefined

  constructor(onread: OnReadOpts) {
    this.#onread = onread
    this.#bytes = memoryOf(onread)
  }

  /** Where the next bytes go. */
  get bytes(): Uint8Array | undefined {
    return this.#bytes
  }

  /** Tells the program that `count` bytes are there; false to be left alone. */
  hand(socket: object, count: number): boolean {
    const { buffer, callback } = this.#onread
    const isWanted = callback.call(socket, count, this.#bytes!) !== false
    if (typeof buffer === 'function') this.#bytes = memoryOf(this.#onread) ?? this.#bytes
    return isWanted
  }
}

/** Node overlooks an `onread` that lacks something. */
export function readTarget(onread: OnReadOpts | null | undefined): ReadTarget | undefined {
  if (!onread || typeof onread.callback !== 'function') return undefined
  const isUsable = typeof onread.buffer === 'function' || onread.buffer instanceof Uint8Array
  return isUsable ? new ReadTarget(onread) : undefined
}

/** Undefined where what was given is no memory. */
function memoryOf({ buffer }: OnReadOpts): Uint8Array | undefined {
  const memory: unknown = typeof buffer === 'function' ? buffer() : buffer
  return memory instanceof Uint8Array ? memory : undefined
}
