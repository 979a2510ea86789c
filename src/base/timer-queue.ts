import { type Micros, NEVER } from './types.ts'

/** Something a TimerQueue can wake. `heapAt` and `heapIndex` belong to the queue. */
export interface Timed {
  /** The deadline as the owner sees it now. */
  pollAt(): Micros
  heapAt: number
  heapIndex: number
}

/**
 * Many owners, one earliest deadline: a binary heap keyed by time.
 *
 * A deadline that moves later is not touched (an ACK re-arms the retransmission
 * timer for every segment); the stale entry is re-filed when it surfaces. Only
 * a deadline that moves earlier costs O(log n).
 */
export class TimerQueue<T extends Timed> {
  readonly #heap: T[] = []

  get size(): number {
    return this.#heap.length
  }

  /** Call after the owner's deadline may have changed. */
  update(owner: T): void {
    const at = owner.pollAt()
    if (owner.heapIndex < 0) {
      if (at === NEVER) return
      owner.heapAt = at
      owner.heapIndex = this.#heap.length
      this.#heap.push(owner)
      this.#up(owner.heapIndex)
    } else if (at < owner.heapAt) {
      owner.heapAt = at
      this.#up(owner.heapIndex)
    }
  }

  remove(owner: T): void {
    const index = owner.heapIndex
    if (index < 0) return
    owner.heapIndex = -1
    const last = this.#heap.pop()!
    if (last === owner) return
    this.#heap[index] = last
    last.heapIndex = index
    this.#up(index)
    this.#down(last.heapIndex)
  }

  /** The earliest filed deadline. It may be early, never late. */
  pollAt(): Micros {
    return this.#heap.length === 0 ? NEVER : (this.#heap[0]!.heapAt as Micros)
  }

  /** Removes and returns one owner whose deadline has come, or undefined. */
  takeDue(now: Micros): T | undefined {
    while (this.#heap.length > 0 && this.#heap[0]!.heapAt <= now) {
      const owner = this.#heap[0]!
      this.remove(owner)
      if (owner.pollAt() <= now) return owner
      this.update(owner)
    }
    return undefined
  }

  #up(start: number): void {
    const heap = this.#heap
    const owner = heap[start]!
    let index = start
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (heap[parent]!.heapAt <= owner.heapAt) break
      heap[index] = heap[parent]!
      heap[index]!.heapIndex = index
      index = parent
    }
    heap[index] = owner
    owner.heapIndex = index
  }

  #down(start: number): void {
    const heap = this.#heap
    const owner = heap[start]!
    let index = start
    for (;;) {
      let child = 2 * index + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && heap[child + 1]!.heapAt < heap[child]!.heapAt) child++
      if (heap[child]!.heapAt >= owner.heapAt) break
      heap[index] = heap[child]!
      heap[index]!.heapIndex = index
      index = child
    }
    heap[index] = owner
    owner.heapIndex = index
  }
}
