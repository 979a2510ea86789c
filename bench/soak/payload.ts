import { seededRng } from '../../src/base/rng.ts'

/** A prime, so that no power of two, and no size of a segment, divides it. */
const PERIOD = 1_048_573
/** The most bytes that one view of the stream has. */
export const MAX_PIECE = 64 * 1024

const block = Buffer.alloc(PERIOD + MAX_PIECE)
const rng = seededRng(4)
for (let at = 0; at < PERIOD; at++) block[at] = rng()
block.copyWithin(PERIOD, 0, MAX_PIECE)

/** The bytes [at, at + length) of the one endless stream that every transfer is a piece of; at most MAX_PIECE, and not to be written to. */
export function payload(at: number, length: number): Buffer {
  const from = at % PERIOD
  return block.subarray(from, from + length)
}

/** Compares every byte of a transfer with the piece of the stream that it should be. */
export class Checker {
  bytes = 0
  /** Pieces that were not as they should be. */
  wrong = 0
  readonly #start: number

  constructor(start: number) {
    this.#start = start
  }

  take(chunk: Uint8Array): void {
    for (let done = 0; done < chunk.length; ) {
      const length = Math.min(MAX_PIECE, chunk.length - done)
      if (payload(this.#start + this.bytes, length).compare(chunk, done, done + length) !== 0) this.wrong++
      this.bytes += length
      done += length
    }
  }
}
