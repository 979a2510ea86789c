import { type Seq, seqAdd, seqGe, seqLe, seqLt, seqMax, seqMin } from '../../base/seq.ts'
import { SeqRuns } from '../seq-runs.ts'

/** More holes than this and the newest early data is dropped: it bounds the work a hostile peer can cause. */
const MAX_RUNS = 256
/** RFC 2018 §3: as many blocks as fit beside timestamps. */
const MAX_SACK_BLOCKS = 3
/** So many early segments in a row are each told of by themselves: what a window holds that a loss may bring to a halt. */
const TOLD_SINGLY = 64
const NONE: Seq[] = []

/**
 * Which bytes beyond RCV.NXT have arrived: disjoint runs in order. The bytes
 * themselves lie in the receive buffer, at their final place.
 */
export class Reassembly {
  readonly #runs = new SeqRuns()
  /** The starts of the runs added to last, the latest first: RFC 2018 §4 names them in this order. */
  #latest = NONE
  #latestCount = 0
  /** Segments that came early since RCV.NXT last moved. */
  #early = 0
  /** How many of the latest no ACK has named yet. */
  #untold = 0
  /** What arrived twice and has not been reported (RFC 2883 §4). */
  #duplicateStart = 0 as Seq
  #duplicateEnd = 0 as Seq
  /** Blocks of the option being made that report a duplicate. */
  #reported = 0

  get isEmpty(): boolean {
    return this.#runs.count === 0
  }

  get ranges(): number {
    return this.#runs.count
  }

  get hasDuplicate(): boolean {
    return this.#duplicateStart !== this.#duplicateEnd
  }

  /** There is something for a SACK option to tell. */
  get hasNews(): boolean {
    return !this.isEmpty || this.hasDuplicate
  }

  /**
   * An early segment is to have an ACK of its own: one of the first, or what is next to arrive could push out of the SACK
   * option what no ACK has told of.
   */
  get mustTell(): boolean {
    return this.#early <= TOLD_SINGLY || this.#untold === MAX_SACK_BLOCKS || this.hasDuplicate
  }

  /** Whether nothing in store lies beyond `end`. */
  endsBy(end: Seq): boolean {
    return this.#runs.endsBy(end)
  }

  /** Adds [start, end); false when there are too many holes already. What is in store is a duplicate. */
  add(start: Seq, end: Seq): boolean {
    this.#early++
    const runs = this.#runs
    const next = runs.find(start)
    const isWithin = next < runs.count && seqLt(runs.startOf(next), end)
    if (isWithin) this.duplicate(seqMax(start, runs.startOf(next)), seqMin(end, runs.endOf(next)))
    if (runs.count >= MAX_RUNS && !isWithin && !runs.touches(start, end)) return false
    const run = runs.add(start, end)
    this.#remember(runs.startOf(run), runs.endOf(run))
    return true
  }

  /** RCV.NXT reached `next`: returns how far the bytes in store carry it, and forgets those runs. */
  advance(next: Seq): Seq {
    this.#early = 0
    const runs = this.#runs
    let reached = next
    while (runs.count > 0 && seqLe(runs.startOf(0), reached)) {
      reached = seqMax(reached, runs.endOf(0))
      runs.release(runs.endOf(0))
    }
    this.#forget(next, seqAdd(reached, 1))
    return reached
  }

  /** [start, end) arrived again. One report is made of what arrives before the next ACK. */
  duplicate(start: Seq, end: Seq): void {
    if (this.hasDuplicate && seqLe(start, this.#duplicateEnd) && seqGe(end, this.#duplicateStart)) {
      this.#duplicateStart = seqMin(start, this.#duplicateStart)
      this.#duplicateEnd = seqMax(end, this.#duplicateEnd)
    } else if (!this.hasDuplicate) {
      this.#duplicateStart = start
      this.#duplicateEnd = end
    }
  }

  /**
   * Fills `blocks` with start, end pairs for a SACK option, and returns how many. First, once, what arrived twice and the
   * run that holds it, if any (RFC 2883 §4); then the runs, the latest first.
   */
  sackBlocks(blocks: Int32Array, max: number, reports: boolean): number {
    const runs = this.#runs
    let count = 0
    this.#reported = reports && this.hasDuplicate && max > 0 ? 1 : 0
    if (this.#reported > 0) {
      const start = this.#duplicateStart
      blocks[0] = start
      blocks[1] = this.#duplicateEnd
      count = 1
      if (runs.has(start)) count = this.#name(runs.find(start), blocks, count, max)
    }
    if (max > 0) {
      this.#duplicateEnd = this.#duplicateStart
      this.#untold = 0
    }
    for (let i = 0; i < this.#latestCount; i++) {
      const start = this.#latest[i]!
      if (runs.has(start)) count = this.#name(runs.find(start), blocks, count, max)
    }
    for (let i = 0; i < runs.count && count < max; i++) count = this.#name(i, blocks, count, max)
    return count
  }

  clear(): void {
    this.#runs.clear()
    this.#early = 0
    this.#latestCount = 0
    this.#untold = 0
    this.#duplicateEnd = this.#duplicateStart
  }

  /** Writes the run at `index`, unless it stands there or there is no room; returns how many blocks there are. */
  #name(index: number, blocks: Int32Array, count: number, max: number): number {
    if (count >= max) return count
    const start = this.#runs.startOf(index)
    const end = this.#runs.endOf(index)
    for (let i = this.#reported; i < count; i++) if (blocks[2 * i] === start) return count
    blocks[2 * count] = start
    blocks[2 * count + 1] = end
    return count + 1
  }

  /** The run [start, end) is the latest that was added to; those it has taken in are it. */
  #remember(start: Seq, end: Seq): void {
    this.#forget(start, end)
    if (this.#latest === NONE) this.#latest = new Array<Seq>(MAX_SACK_BLOCKS).fill(start)
    const latest = this.#latest
    const count = Math.min(this.#latestCount, MAX_SACK_BLOCKS - 1)
    for (let i = count; i > 0; i--) latest[i] = latest[i - 1]!
    latest[0] = start
    this.#latestCount = count + 1
    this.#untold = Math.min(this.#untold + 1, this.#latestCount)
  }

  /** What begins in [from, to) leaves the list of the latest. */
  #forget(from: Seq, to: Seq): void {
    let kept = 0
    let untold = 0
    for (let i = 0; i < this.#latestCount; i++) {
      const start = this.#latest[i]!
      if (seqGe(start, from) && seqLt(start, to)) continue
      if (i < this.#untold) untold++
      this.#latest[kept++] = start
    }
    this.#latestCount = kept
    this.#untold = untold
  }
}

/** What has arrived early or twice; on most paths nothing ever does. */
export function reassemblyOf(tcb: { reassembly: Reassembly | undefined }): Reassembly {
  tcb.reassembly ??= new Reassembly()
  return tcb.reassembly
}
