import { type Seq, seqGe, seqGt, seqLe, seqLt, seqMax, seqMin } from '../base/seq.ts'
import { drop, firstBeyond, insert } from './seq-list.ts'

const NONE: Seq[] = []

/** A set of sequence numbers as disjoint runs in order, none touching the next. Empty, it holds no memory. */
export class SeqRuns {
  #starts = NONE
  #ends = NONE

  get count(): number {
    return this.#starts.length
  }

  startOf(index: number): Seq {
    return this.#starts[index]!
  }

  endOf(index: number): Seq {
    return this.#ends[index]!
  }

  /** Index of the first run that ends beyond `at`, by halving; `count` when none does. */
  find(at: Seq): number {
    return firstBeyond(this.#ends, at)
  }

  has(at: Seq): boolean {
    const i = this.find(at)
    return i < this.count && seqLe(this.#starts[i]!, at)
  }

  /** Whether [start, end) overlaps a run or borders on one. */
  touches(start: Seq, end: Seq): boolean {
    const i = this.find(start)
    return (i < this.count && seqLe(this.#starts[i]!, end)) || (i > 0 && this.#ends[i - 1] === start)
  }

  /** Adds [start, end), and joins it with the runs it touches; returns the index of the whole. */
  add(start: Seq, end: Seq): number {
    if (this.count === 0) {
      this.#starts = [start]
      this.#ends = [end]
      return 0
    }
    const starts = this.#starts
    const ends = this.#ends
    let i = this.find(start)
    if (i > 0 && seqGe(ends[i - 1]!, start)) i--
    let after = i
    while (after < starts.length && seqLe(starts[after]!, end)) after++
    if (after === i) {
      insert(starts, i, start)
      insert(ends, i, end)
      return i
    }
    starts[i] = seqMin(starts[i]!, start)
    ends[i] = seqMax(ends[after - 1]!, end)
    drop(starts, i + 1, after - i - 1)
    drop(ends, i + 1, after - i - 1)
    return i
  }

  /** Takes away everything below `edge`. */
  release(edge: Seq): void {
    const gone = this.find(edge)
    if (gone === this.count) {
      this.clear()
      return
    }
    drop(this.#starts, 0, gone)
    drop(this.#ends, 0, gone)
    if (seqLt(this.#starts[0]!, edge)) this.#starts[0] = edge
  }

  /** Whether nothing lies beyond `edge`. */
  endsBy(edge: Seq): boolean {
    return this.count === 0 || !seqGt(this.#ends[this.count - 1]!, edge)
  }

  clear(): void {
    this.#starts = NONE
    this.#ends = NONE
  }
}
