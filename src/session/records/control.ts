import type { Carried } from './carried.ts'
import type { RecordWriter } from './record-writer.ts'

/** Frames that wait for the next record, whatever its path. */
export class ControlQueue {
  #waiting: ControlFrame[] = []

  get isEmpty(): boolean {
    return this.#waiting.length === 0
  }

  /** Files a frame, once. */
  push(frame: ControlFrame): void {
    if (frame.isQueued) return
    frame.isQueued = true
    this.#waiting.push(frame)
  }

  /** The next that is still wanted. */
  shift(): ControlFrame | undefined {
    for (let frame = this.#waiting.shift(); frame !== undefined; frame = this.#waiting.shift()) {
      frame.isQueued = false
      if (!frame.isSettled) return frame
    }
    return undefined
  }
}

export interface ControlOptions {
  /** About so many it takes. Default 16. */
  readonly octets?: number
  /** Nobody wants it any more. */
  readonly isObsolete?: () => boolean
  /** It has arrived; called once. */
  readonly onAcked?: () => void
}

/** A frame that is sent again until a record with it has arrived, or it is obsolete. */
export class ControlFrame implements Carried {
  readonly octets: number
  isQueued = false
  copies = 0
  #isAcked = false
  readonly #write: (writer: RecordWriter) => void
  readonly #queue: ControlQueue
  readonly #isObsolete: () => boolean
  readonly #onAcked: () => void

  constructor(
    queue: ControlQueue,
    write: (writer: RecordWriter) => void,
    { octets = 16, isObsolete = never, onAcked = nothing }: ControlOptions = {},
  ) {
    this.#queue = queue
    this.#write = write
    this.octets = octets
    this.#isObsolete = isObsolete
    this.#onAcked = onAcked
  }

  get isSettled(): boolean {
    return this.#isAcked || this.#isObsolete()
  }

  write(writer: RecordWriter): void {
    this.#write(writer)
  }

  onAcked(): void {
    if (this.#isAcked) return
    this.#isAcked = true
    this.#onAcked()
  }

  onLost(): void {
    if (!this.isSettled) this.#queue.push(this)
  }
}

const never = (): boolean => false
const nothing = (): void => undefined
