import { type Seq, seqDiff, seqGt, seqLe, seqLt } from '../../base/seq.ts'

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
  readonly #marks: Seq[] = []
  /** Ends of records: no frame goes across one. */
  readonly #records: Seq[] = []

  /** A write ended at `end` while everything from `nxt` on was unsent. */
  wrote(end: Seq, nxt: Seq, more: boolean): void {
    const marks = this.#marks
    const record = this.#records.at(-1)
    const fixed = record !== undefined && seqGt(record, nxt) ? record : nxt
    while (marks.length > 0 && seqGt(marks[marks.length - 1]!, fixed)) marks.pop()
    if (!more) marks.push(end)
    this.isMoreComing = more
    this.isReleased = false
  }

  /** What was written up to `end` is not gathered with what comes. */
  endRecord(end: Seq): void {
    if (this.#records.at(-1) !== end) this.#records.push(end)
  }

  /** Octets from `nxt` to the end of its record; without one, no end is in sight. */
  recordLeft(nxt: Seq): number {
    for (const end of this.#records) if (seqGt(end, nxt)) return seqDiff(end, nxt)
    return Number.POSITIVE_INFINITY
  }

  /** What goes up to `end` goes for good: the user who promised more has kept it waiting too long. */
  force(end: Seq): void {
    const at = this.#marks.findIndex((mark) => seqLe(end, mark))
    if (at < 0) this.#marks.push(end)
    else if (this.#marks[at] !== end) this.#marks.splice(at, 0, end)
  }

  /** Whether a write ends within `(start, end]`. */
  within(start: Seq, end: Seq): boolean {
    for (const mark of this.#marks) if (seqLt(start, mark) && seqLe(mark, end)) return true
    return false
  }

  /** Everything before `una` was acknowledged. */
  release(una: Seq): void {
    const marks = this.#marks
    while (marks.length > 0 && seqLe(marks[0]!, una)) marks.shift()
    const records = this.#records
    while (records.length > 0 && seqLe(records[0]!, una)) records.shift()
  }
}
