import type { Input } from './input.ts'
import type { Path } from './paths/path.ts'
import { RecordReader } from './records/record-reader.ts'

/** Reads what came on one path, and hands its frames to the session's input. */
export class PathReader {
  readonly #path: Path
  readonly #input: Input
  readonly #reader: RecordReader

  constructor(path: Path, input: Input) {
    this.#path = path
    this.#input = input
    this.#reader = new RecordReader(input)
  }

  /** Looks at all that came; the reason when it is no session's. */
  readAll(): string | undefined {
    const path = this.#path
    const { inbox } = path
    if (inbox.length === 0) return undefined
    path.inbox = []
    this.#input.reading = path
    for (const bytes of inbox) {
      path.counters.octetsIn += bytes.length
      const fault = this.#reader.feed(bytes)
      if (fault === undefined && this.#input.isSound) continue
      const wrong = this.#input.takeFault()
      return fault ?? wrong
    }
    return undefined
  }
}
