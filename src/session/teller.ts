import type { Micros } from '../base/types.ts'
import type { Input } from './input.ts'
import type { SessionCounters } from './session-types.ts'
import type { Flow } from './streams/flow.ts'
import type { Stream } from './streams/stream.ts'
import type { StreamTable } from './streams/stream-table.ts'
import { ResetCode, type StreamHost } from './streams/stream-types.ts'

export interface TellerParts {
  readonly input: Input
  readonly table: StreamTable
  readonly counters: SessionCounters
  /** Who hears of what the other side opened. */
  readonly host: StreamHost
}

/** Tells users what is new, each in his turn and none inside a call of his own: he may answer at once. */
export class Teller {
  readonly #parts: TellerParts
  #touched: Stream[] = []
  /** Flows that ended with the session. */
  readonly #ended: Flow[] = []

  constructor(parts: TellerParts) {
    this.#parts = parts
  }

  /** Somebody is to be told something. */
  get isWaiting(): boolean {
    const { openedStreams, openedFlows } = this.#parts.input
    return this.#touched.length + openedStreams.length + openedFlows.length + this.#ended.length > 0
  }

  /** There is news of this stream; false when that is known. */
  touch(stream: Stream): boolean {
    if (stream.isTouched) return false
    stream.isTouched = true
    this.#touched.push(stream)
    return true
  }

  /** This flow has ended, because the session has. */
  end(flow: Flow): void {
    flow.onSessionEnd(ResetCode.CLOSED)
    this.#ended.push(flow)
  }

  tell(roundTrip: number, now: Micros): void {
    const { openedStreams, openedFlows } = this.#parts.input
    while (openedStreams.length > 0) this.#introduceStream(openedStreams.shift()!)
    while (openedFlows.length > 0) this.#introduceFlow(openedFlows.shift()!)
    // Who opens another at once is told of that in the next turn.
    for (let count = this.#ended.length; count > 0; count--) this.#ended.shift()!.tell()
    for (const stream of this.#takeTouched()) {
      stream.isTouched = false
      stream.tell()
      stream.renewCredit(roundTrip, now)
    }
  }

  /** Streams that were touched before this; those that a handler's error leaves out have their turn the next time. */
  *#takeTouched(): Generator<Stream, void> {
    const touched = this.#touched
    this.#touched = []
    let at = 0
    try {
      while (at < touched.length) yield touched[at++]!
    } finally {
      if (at < touched.length) this.#touched = touched.slice(at).concat(this.#touched)
    }
  }

  #introduceStream(stream: Stream): void {
    const { host } = this.#parts
    if (!this.#admit(stream)) stream.reset(ResetCode.LIMIT)
    else if (host.onStream === undefined) stream.reset(ResetCode.FORBIDDEN)
    else host.onStream(stream)
    this.touch(stream)
  }

  #introduceFlow(flow: Flow): void {
    // It may have been opened and closed at once; a stream's user is told both.
    if (flow.isGone) return
    const { host } = this.#parts
    if (!this.#admit(flow)) flow.close(ResetCode.LIMIT)
    else if (host.onFlow === undefined) flow.close(ResetCode.FORBIDDEN)
    else {
      host.onFlow(flow)
      flow.introduce()
    }
  }

  #admit(one: Stream | Flow): boolean {
    const { table, counters } = this.#parts
    const isAdmitted = table.admit(one)
    if (isAdmitted) counters.streamsAccepted++
    else counters.streamsRefused++
    return isAdmitted
  }
}
