import { type Seq, seqLe, seqLt } from '../../base/seq.ts'
import { isWaiting, type SentRange } from './sent-range.ts'

/**
 * The ranges that wait for retransmission, the lowest first: a binary heap. A
 * range that turns out to have arrived stays in its place until it comes to the
 * top, so nothing is ever searched for.
 */
export class LostQueue {
  readonly #heap: SentRange[] = []

  /** Files `range`, unless it still is. */
  add(range: SentRange): void {
    if (range.isQueued) return
    range.isQueued = true
    const heap = this.#heap
    let at = heap.length
    heap.push(range)
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (seqLe(heap[parent]!.start, range.start)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = range
  }

  /** The lowest that still waits. */
  first(): SentRange | undefined {
    const heap = this.#heap
    while (heap.length > 0 && !isWaiting(heap[0]!)) this.#pop()
    return heap[0]
  }

  /** Lets go of what `una` has passed. */
  release(una: Seq): void {
    const heap = this.#heap
    while (heap.length > 0 && seqLe(heap[0]!.end, una)) this.#pop()
  }

  #pop(): void {
    const heap = this.#heap
    heap[0]!.isQueued = false
    const last = heap.pop()!
    const size = heap.length
    if (size === 0) return
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= size) break
      if (child + 1 < size && seqLt(heap[child + 1]!.start, heap[child]!.start)) child++
      if (seqLe(last.start, heap[child]!.start)) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = last
  }
}
