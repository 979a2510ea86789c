import { type Micros, NEVER } from './types.ts'

/** Something a TimerQueue can wake. `heapIndex` belongs to the queue. */
export interface Timed {
  /** The deadline as the owner sees it now. */
  pollAt(): Micros
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
  /** What each is filed under, in the order of the heap. */
  readonly #at: Micros[] = []

  get size(): number {
    return this.#heap.length
  }

  /** Call after the owner's deadline may have changed. */
  update(owner: T): void {
    const at = owner.pollAt()
    if (owner.heapIndex >= 0) {
      if (at < this.#at[owner.heapIndex]!) this.#up(owner, at, owner.heapIndex)
    } else if (at !== NEVER) {
      this.#heap.push(owner)
      this.#at.push(at)
      this.#up(owner, at, this.#heap.length - 1)
    }
  }

  remove(owner: T): void {
    const index = owner.heapIndex
    if (index < 0) return
    owner.heapIndex = -1
    const last = this.#heap.pop()!
    const at = this.#at.pop()!
    if (last === owner) return
    this.#up(last, at, index)
    this.#down(last, at, last.heapIndex)
  }

  /** The earliest filed deadline. It may be early, never late. */
  pollAt(): Micros {
    return this.#heap.length === 0 ? NEVER : this.#at[0]!
  }

  /** Removes and returns one owner whose deadline has come, or undefined. */
  takeDue(now: Micros): T | undefined {
    while (this.#heap.length > 0 && this.#at[0]! <= now) {
      const owner = this.#heap[0]!
      this.remove(owner)
      if (owner.pollAt() <= now) return owner
      this.update(owner)
    }
    return undefined
  }

  #up(owner: T, at: Micros, start: number): void {
    let index = start
    while (index > 0) {
      const parent = (index - 1) >> 1
      if (this.#at[parent]! <= at) break
      this.#place(this.#heap[parent]!, this.#at[parent]!, index)
      index = parent
    }
    this.#place(owner, at, index)
  }

  #down(owner: T, at: Micros, start: number): void {
    const { length } = this.#heap
    let index = start
    for (;;) {
      let child = 2 * index + 1
      if (child >= length) break
      if (child + 1 < length && this.#at[child + 1]! < this.#at[child]!) child++
      if (this.#at[child]! >= at) break
      this.#place(this.#heap[child]!, this.#at[child]!, index)
      index = child
    }
    this.#place(owner, at, index)
  }

  #place(owner: T, at: Micros, index: number): void {
    this.#heap[index] = owner
    this.#at[index] = at
    owner.heapIndex = index
  }
}
