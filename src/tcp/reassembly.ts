import { type Seq, seqGe, seqGt, seqLe, seqLt, seqMax, seqMin } from '../base/seq.ts'

/** More holes than this and the newest early data is dropped: it bounds the work a hostile peer can cause. */
const MAX_RANGES = 256
/** RFC 2018 §3: as many blocks as fit beside timestamps. */
const MAX_SACK_BLOCKS = 3

/**
 * Which bytes beyond RCV.NXT have arrived: disjoint ranges in order. The bytes
 * themselves lie in the receive buffer, at their final place.
 */
export class Reassembly {
  readonly #starts: Seq[] = []
  readonly #ends: Seq[] = []
  /** The range most recently added to comes first in the SACK option (RFC 2018 §4). */
  #latest: Seq[] = []

  get isEmpty(): boolean {
    return this.#starts.length === 0
  }

  get ranges(): number {
    return this.#starts.length
  }

  /** Whether nothing in store lies beyond `end`. */
  endsBy(end: Seq): boolean {
    return this.isEmpty || seqLe(this.#ends[this.#ends.length - 1]!, end)
  }

  /** Adds [start, end); false when there are too many holes already. */
  add(start: Seq, end: Seq): boolean {
    const starts = this.#starts
    const ends = this.#ends
    let i = starts.length
    while (i > 0 && seqGe(ends[i - 1]!, start)) i--
    // Ranges [i, j) touch the new one.
    let j = i
    let from = start
    let to = end
    while (j < starts.length && seqLe(starts[j]!, end)) {
      from = seqMin(from, starts[j]!)
      to = seqMax(to, ends[j]!)
      j++
    }
    if (i === j && starts.length >= MAX_RANGES) return false
    starts.splice(i, j - i, from)
    ends.splice(i, j - i, to)
    this.#latest = [from, ...this.#latest.filter((s) => seqLt(s, from) || seqGe(s, to))].slice(0, MAX_SACK_BLOCKS)
    return true
  }

  /** RCV.NXT reached `next`: returns how far the bytes in store carry it, and forgets those ranges. */
  advance(next: Seq): Seq {
    let reached = next
    while (this.#starts.length > 0 && seqLe(this.#starts[0]!, reached)) {
      reached = seqMax(reached, this.#ends[0]!)
      this.#starts.shift()
      this.#ends.shift()
    }
    if (this.#latest.length > 0) this.#latest = this.#latest.filter((s) => seqGt(s, reached))
    return reached
  }

  /** Fills `blocks` with start, end pairs for a SACK option, the latest first; returns how many. */
  sackBlocks(blocks: Int32Array, max: number): number {
    let count = 0
    for (const start of this.#latest) {
      if (count >= max) break
      const i = this.#starts.findIndex((s, k) => seqLe(s, start) && seqLt(start, this.#ends[k]!))
      if (i < 0) continue
      blocks[2 * count] = this.#starts[i]!
      blocks[2 * count + 1] = this.#ends[i]!
      count++
    }
    for (let i = 0; i < this.#starts.length && count < max; i++) {
      if (this.#latest.includes(this.#starts[i]!)) continue
      blocks[2 * count] = this.#starts[i]!
      blocks[2 * count + 1] = this.#ends[i]!
      count++
    }
    return count
  }

  clear(): void {
    this.#starts.length = 0
    this.#ends.length = 0
    this.#latest = []
  }
}
