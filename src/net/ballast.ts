import { getHeapStatistics } from 'node:v8'

const MIB = 1024 * 1024
/**
 * V8 looks for buffers that nobody has any more when there are 32 MiB of young ones, in passing. Unless they come to more than
 * its heap may grow by, which is three times what is on it: then it goes through the whole of that, again and again.
 */
const ENOUGH = 16 * MIB
/** The heap is looked at after so many bytes. */
const INTERVAL = 128 * MIB
const NUMBER_BYTES = 8

/**
 * What makes V8's heap large enough for a stream of buffers, on which a small program would spend half of its time: once
 * much has been received, what the heap lacks to 16 MiB is put there, as numbers, which no collection has to look at.
 */
export class Ballast {
  #handed = 0
  #numbers: readonly number[] = []
  readonly #heapUsed: () => number

  /** `heapUsed` says how many bytes are on the heap. */
  constructor(heapUsed: () => number = () => getHeapStatistics().used_heap_size) {
    this.#heapUsed = heapUsed
  }

  /** Bytes that it takes. */
  get size(): number {
    return this.#numbers.length * NUMBER_BYTES
  }

  /** A buffer of so many bytes has been handed up. */
  handed(bytes: number): void {
    this.#handed += bytes
    if (this.#handed < INTERVAL) return
    this.#handed = 0
    const missing = ENOUGH - this.#heapUsed()
    if (this.size === 0 && missing > 0) this.#numbers = new Array<number>(Math.ceil(missing / NUMBER_BYTES)).fill(0.5)
  }
}
