import { getHeapStatistics, type HeapInfo } from 'node:v8'

const MIB = 1024 * 1024
/**
 * V8 looks for buffers that nobody has any more when there are 32 MiB of young ones, in passing. Unless they come to more than
 * its heap may grow by, which is three times what is on it: then it goes through the whole of that, again and again.
 */
const ENOUGH = 16 * MIB
/** A heap that may not grow to so many times that is to keep its room. */
const SHARE = 8
/** The heap is looked at after so many bytes. */
const INTERVAL = 128 * MIB
const NUMBER_BYTES = 8

/** Bytes on the heap, and how many there may be, as V8 tells them. */
export type HeapSize = Pick<HeapInfo, 'used_heap_size' | 'heap_size_limit'>

/**
 * What makes V8's heap large enough for a stream of buffers, on which a small program would spend half of its time: once
 * much has been received, what the heap lacks to 16 MiB is put there, as numbers, which no collection has to look at.
 */
export class Ballast {
  #handed = 0
  #numbers: readonly number[] = []
  readonly #heap: () => HeapSize

  constructor(heap: () => HeapSize = getHeapStatistics) {
    this.#heap = heap
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
    const { used_heap_size: used, heap_size_limit: limit } = this.#heap()
    if (this.size > 0 || used >= ENOUGH || limit < SHARE * ENOUGH) return
    // An array of fractions that grows is an array of fractions: to fill one of zeros would take the memory of both.
    const numbers = [0.5]
    numbers.length = Math.ceil((ENOUGH - used) / NUMBER_BYTES)
    this.#numbers = numbers
  }
}
