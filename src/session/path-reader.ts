import type { Micros } from '../base/types.ts'
import type { FrameHandler, PathRole } from './frame.ts'
import type { Path } from './path.ts'
import { RecordReader } from './record-reader.ts'

/** What a session does with the frames that concern more than the path on which they came. */
export interface FrameSink {
  readonly now: Micros
  /** Nothing that came was wrong, and the session has not ended. */
  readonly isSound: boolean
  onAck(from: Path, path: number, count: number, delay: number): void
  onOpen(id: number, service: Uint8Array, target: Uint8Array, source: Uint8Array): void
  onAccept(id: number): void
  onReset(id: number, code: number, finalOffset: number): void
  onStop(id: number, code: number): void
  onStream(id: number, offset: number, bytes: Uint8Array, isEnd: boolean): void
  onStreamCredit(id: number, limit: number): void
  onSessionCredit(limit: number): void
  onDatagram(id: number, number: number, age: number, bytes: Uint8Array): void
  onPathStatus(path: number, sequence: number, role: PathRole): void
  onPathClose(path: Path): void
  onClose(code: number, reason: Uint8Array): void
}

/** Reads what came on one path, and hands its frames to the session. */
export class PathReader implements FrameHandler {
  readonly #path: Path
  readonly #sink: FrameSink
  readonly #reader = new RecordReader(this)

  constructor(path: Path, sink: FrameSink) {
    this.#path = path
    this.#sink = sink
  }

  /** Looks at all that came; the reason when it is no session's. */
  readAll(): string | undefined {
    const path = this.#path
    const { inbox } = path
    if (inbox.length === 0) return undefined
    path.inbox = []
    for (const bytes of inbox) {
      path.counters.octetsIn += bytes.length
      const fault = this.#reader.feed(bytes)
      if (fault !== undefined || !this.#sink.isSound) return fault
    }
    return undefined
  }

  onPing(): void {
    this.#path.askAck()
  }
  onAck(path: number, count: number, delay: number): void {
    this.#sink.onAck(this.#path, path, count, delay)
  }
  onOpen(id: number, service: Uint8Array, target: Uint8Array, source: Uint8Array): void {
    this.#sink.onOpen(id, service, target, source)
  }
  onAccept(id: number): void {
    this.#sink.onAccept(id)
  }
  onReset(id: number, code: number, finalOffset: number): void {
    this.#sink.onReset(id, code, finalOffset)
  }
  onStop(id: number, code: number): void {
    this.#sink.onStop(id, code)
  }
  onStream(id: number, offset: number, bytes: Uint8Array, isEnd: boolean): void {
    this.#sink.onStream(id, offset, bytes, isEnd)
  }
  onStreamCredit(id: number, limit: number): void {
    this.#sink.onStreamCredit(id, limit)
  }
  onSessionCredit(limit: number): void {
    this.#sink.onSessionCredit(limit)
  }
  onDatagram(id: number, number: number, age: number, bytes: Uint8Array): void {
    this.#sink.onDatagram(id, number, age, bytes)
  }
  onPathStatus(path: number, sequence: number, role: PathRole): void {
    this.#sink.onPathStatus(path, sequence, role)
  }
  onPathClose(): void {
    this.#sink.onPathClose(this.#path)
  }
  onClose(code: number, reason: Uint8Array): void {
    this.#sink.onClose(code, reason)
  }
  onRecord(octets: number, isAsking: boolean): boolean {
    if (!this.#sink.isSound) return false
    this.#path.onRecord(octets, isAsking, this.#sink.now)
    return true
  }
}
