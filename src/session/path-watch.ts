import { addMicros, earliest, type Micros, NEVER } from '../base/types.ts'
import type { Input } from './input.ts'
import type { Output } from './output.ts'
import { PathReader } from './path-reader.ts'
import type { Path } from './paths/path.ts'
import type { PathBook } from './paths/path-book.ts'
import { ControlFrame, type ControlQueue } from './records/control.ts'
import type { PathRole } from './records/frame.ts'
import type { RecordWriter } from './records/record-writer.ts'
import type { PathEvent, SessionCounters } from './session-types.ts'

export interface WatchParts {
  readonly book: PathBook
  readonly input: Input
  readonly output: Output
  readonly control: ControlQueue
  readonly counters: SessionCounters
  /** How long a path with nothing to carry is left alone, in microseconds. */
  readonly pingAfter: () => number
  readonly onPath: (path: Path, event: PathEvent) => void
}

const ping = (writer: RecordWriter): void => writer.ping()

/** The life of a session's paths: what comes on them is read, the silent ones are asked, and ended ones are let go. */
export class PathWatch {
  readonly #parts: WatchParts
  readonly #readers = new Map<Path, PathReader>()

  constructor(parts: WatchParts) {
    this.#parts = parts
  }

  add(path: Path): void {
    this.#parts.book.add(path)
    this.#readers.set(path, new PathReader(path, this.#parts.input))
  }

  /** The session has ended, and all of them with it: nobody is told of each. */
  end(): void {
    this.#readers.clear()
    for (const path of this.#parts.book.open) path.state = 'closed'
  }

  /** Reads all that came. */
  read(): void {
    const { input, counters } = this.#parts
    for (const [path, reader] of this.#readers) {
      const fault = reader.readAll()
      if (input.isEnded) return
      if (fault !== undefined) {
        counters.faults++
        this.drop(path, fault)
      }
      if (path.state === 'closed') this.#onGone(path)
    }
  }

  /** Looks who is silent for too long, who is to be asked, and who is to go. */
  look(now: Micros): void {
    for (const path of this.#parts.book.open) {
      if (path.tripWishes.length > 0) {
        path.expectTrip(now)
        this.#ask(path)
      }
      if (path.state === 'closing') this.#lookAtClosing(path, now)
      else if (path.watchAt <= now) this.#lookAtSilent(path, now)
      else if (this.#pingAt(path) <= now) {
        path.pingedAt = now
        this.#ask(path)
      }
    }
  }

  /** When there is something to read or to look at. */
  pollAt(): Micros {
    const { now } = this.#parts.input
    let at: Micros = NEVER
    for (const path of this.#parts.book.open) {
      if (path.inbox.length > 0 || path.tripWishes.length > 0 || path.state === 'closed') return now
      at = earliest(at, earliest(path.watchAt, this.#pingAt(path)))
    }
    return at
  }

  /** Ends a path in good order, unless that has begun already. */
  remove(path: Path): void {
    if (path.state === 'stalled') this.drop(path, 'removed')
    else if (path.state === 'open') this.#close(path)
  }

  /** Ends a path at once. */
  drop(path: Path, reason: string): void {
    if (path.state === 'closed') return
    path.pipe.destroy()
    path.onClosed(reason)
  }

  /** Tells the other side what a path is for from now on. */
  setRole(path: Path, role: PathRole): void {
    const { control } = this.#parts
    path.role = role
    const number = ++path.statusNumber
    const isObsolete = (): boolean => path.statusNumber > number || path.state === 'closed'
    const write = (writer: RecordWriter): void => writer.pathStatus(path.id, number, role)
    control.push(new ControlFrame(control, write, { isObsolete }))
  }

  /** The other side puts nothing new on it. */
  onPathClose(path: Path): void {
    path.isCloseHeard = true
    if (path.state === 'open' || path.state === 'stalled') this.#close(path)
  }

  #lookAtClosing(path: Path, now: Micros): void {
    if (path.inFlight === 0 && path.isCloseHeard) this.#finish(path)
    else if (path.watchAt <= now) this.drop(path, 'removed, and the other side did not answer')
  }

  #lookAtSilent(path: Path, now: Micros): void {
    if (path.state === 'stalled') path.probed(now)
    else {
      path.stall(now)
      this.#parts.onPath(path, 'stalled')
    }
    this.#ask(path)
  }

  #ask(path: Path): void {
    const { input, output } = this.#parts
    output.say(path, ping, input.now)
  }

  #pingAt(path: Path): Micros {
    if (path.state !== 'open' || path.inFlight > 0) return NEVER
    const { input, pingAfter } = this.#parts
    // Before anything else, how far away the other side is.
    return path.pingedAt === NEVER ? input.now : addMicros(path.pingedAt, pingAfter())
  }

  /** Tells the other side that nothing new comes on this path. */
  #close(path: Path): void {
    const { input, output } = this.#parts
    path.close(input.now)
    output.say(path, (writer) => writer.pathClose(), input.now)
  }

  /** Each side has what the other had put on it. */
  #finish(path: Path): void {
    const { input, output } = this.#parts
    output.acknowledge(path, input.now)
    path.flush()
    path.pipe.end()
    path.onClosed('removed')
  }

  #onGone(path: Path): void {
    const { book, control, onPath } = this.#parts
    book.remove(path)
    this.#readers.delete(path)
    path.giveUp()
    const { id, received } = path
    // What came on it need not come again.
    if (received > 0) control.push(new ControlFrame(control, (writer) => writer.ack(id, received, 0)))
    onPath(path, 'closed')
  }
}
