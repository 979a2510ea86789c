import { type Seq, seqAdd, seqDiff, seqGt, seqLe } from '../../base/seq.ts'
import { drop, firstBeyond, insert } from '../seq-list.ts'

const NONE: Seq[] = []

/**
 * Where the user's writes end. RFC 9293 §3.9.1.2 (MAY-15): a write pushes what it ends with unless it says that more
 * comes, so the PSH bit stands on the segment that completes a write and the last one queued has it (MUST-61). Writes
 * that wait to be sent together become one (SHLD-28 collapses their bits).
 */
export class PushMarks {
  /** The user promised more: what does not fill a segment may wait, until an ACK comes or for as long as a cork holds. */
  isMoreComing = false
  /** What is held back goes all the same, until the next write. */
  isReleased = false
  #marks = NONE
  /** Ends of records: no frame goes across one. Few users make any. */
  #records = NONE

  /** A write ended at `end` while everything from `nxt` on was unsent. */
  wrote(end: Seq, nxt: Seq, more: boolean): void {
    const marks = this.#marks
    const record = this.#records.at(-1)
    const fixed = record !== undefined && seqGt(record, nxt) ? record : nxt
    while (marks.length > 0 && seqGt(marks[marks.length - 1]!, fixed)) marks.pop()
    if (!more && marks.length === 0) this.#marks = [end]
    else if (!more) marks.push(end)
    this.isMoreComing = more
    this.isReleased = false
  }

  /** What was written up to `end` is not gathered with what comes. */
  endRecord(end: Seq): void {
    if (this.#records === NONE) this.#records = []
    if (this.#records.at(-1) !== end) this.#records.push(end)
  }

  /** Octets from `nxt` to the end of its record; without one, no end is in sight. */
  recordLeft(nxt: Seq): number {
    const next = firstBeyond(this.#records, nxt)
    return next < this.#records.length ? seqDiff(this.#records[next]!, nxt) : Number.POSITIVE_INFINITY
  }

  /** What goes up to `end` goes for good: the user who promised more has kept it waiting too long. */
  force(end: Seq): void {
    const before = firstBeyond(this.#marks, seqAdd(end, -1))
    if (this.#marks === NONE) this.#marks = [end]
    else if (this.#marks[before] !== end) insert(this.#marks, before, end)
  }

  /** Whether a write ends within `(start, end]`. */
  within(start: Seq, end: Seq): boolean {
    const next = firstBeyond(this.#marks, start)
    return next < this.#marks.length && seqLe(this.#marks[next]!, end)
  }

  /** Everything before `una` was acknowledged. */
  release(una: Seq): void {
    this.#marks = beyond(this.#marks, una)
    this.#records = beyond(this.#records, una)
  }
}

/** What of `marks` lies beyond `una`. */
function beyond(marks: Seq[], una: Seq): Seq[] {
  const gone = firstBeyond(marks, una)
  if (gone === marks.length) return NONE
  drop(marks, 0, gone)
  return marks
}

/** Where the writes of a connection end. */
export function pushMarksOf(tcb: { push: PushMarks | undefined }): PushMarks {
  tcb.push ??= new PushMarks()
  return tcb.push
}
