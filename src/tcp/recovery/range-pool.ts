import { emptyRange, type SentRange } from './sent-range.ts'

/** So many ranges are kept for use. */
const MOST = 1024

/** Ranges that are done with, to be used again: one pool for all connections of a stack, so that idle ones hold none. */
export class RangePool {
  /** The acknowledged front of a range, while it is shown. */
  readonly part = emptyRange()
  readonly #spare: SentRange[] = []

  take(): SentRange {
    return this.#spare.pop() ?? emptyRange()
  }

  give(range: SentRange): void {
    if (this.#spare.length < MOST) this.#spare.push(range)
  }
}
