import type { Micros } from '../base/types.ts'
import { ControlFrame, type ControlQueue } from './control.ts'
import type { Flow } from './flow.ts'
import type { PathRole } from './frame.ts'
import { MAX_UNREAD } from './limits.ts'
import type { Output } from './output.ts'
import type { Path } from './path.ts'
import type { PathBook } from './path-book.ts'
import type { FrameSink } from './path-reader.ts'
import { type Allow, ReceiveWindow } from './receive-window.ts'
import type { SessionCounters } from './session-types.ts'
import type { Stream } from './stream.ts'
import { isFlowId, keepEarly, type StreamTable } from './stream-table.ts'

const decoder = new TextDecoder()

/** Why what came is no session's, beyond what a record's reader finds. */
export type InputFault =
  | 'ack-of-nothing'
  | 'stream-number-wrong'
  | 'stream-end-contradicted'
  | 'stream-credit-exceeded'
  | 'session-credit-exceeded'

/** What the session tells of frames that it does not settle by itself. */
export interface InputEvents {
  onTouched(stream: Stream): void
  onRecovered(path: Path): void
  onPathClose(path: Path): void
  onClose(code: number, reason: string): void
}

export interface InputParts {
  readonly table: StreamTable
  readonly output: Output
  readonly book: PathBook
  readonly control: ControlQueue
  readonly counters: SessionCounters
}

/** What frames mean for streams, flows and paths, and how much the other side may send in all. */
export class Input implements FrameSink {
  now: Micros
  /** Streams and flows that were opened since somebody asked. */
  opened: (Stream | Flow)[] = []
  #fault: InputFault | undefined = undefined
  readonly #parts: InputParts
  readonly #events: InputEvents
  readonly #window: ReceiveWindow
  readonly #statusSeen = new Map<number, number>()
  /** Over all streams: octets up to the highest that came, up to the first that is missing, and read. */
  #highest = 0
  #inOrder = 0
  #read = 0

  constructor(
    parts: InputParts,
    events: InputEvents,
    window: { first: number; most: number; allow: Allow; now: Micros },
  ) {
    this.#parts = parts
    this.#events = events
    this.now = window.now
    this.#window = new ReceiveWindow(window.first, window.most, window.allow)
  }

  /** What was wrong with what came since the last call. */
  takeFault(): InputFault | undefined {
    const fault = this.#fault
    this.#fault = undefined
    return fault
  }

  /** A reader took so much out of what waits for it. */
  onTaken(octets: number): void {
    this.#read += octets
  }

  /** What is in order makes room, whether it was read or not: a slow reader holds up its own stream and no other. */
  renew(rtt: number): void {
    const unread = this.#inOrder - this.#read
    const done = this.#inOrder - Math.max(0, unread - MAX_UNREAD)
    if (!this.#window.onDone(done, rtt, this.now)) return
    const { control } = this.#parts
    const { limit } = this.#window
    const isObsolete = (): boolean => this.#window.limit > limit
    control.push(new ControlFrame(control, (writer) => writer.sessionCredit(limit), { isObsolete }))
  }

  onAck(from: Path, id: number, count: number, delay: number): void {
    const path = this.#parts.book.find(id)
    if (path === undefined) return
    const wasStalled = path.state === 'stalled'
    if (!path.onAck(count, delay, from === path, this.now)) this.#fault = 'ack-of-nothing'
    else if (wasStalled && path.state === 'open') this.#events.onRecovered(path)
  }

  onOpen(id: number, service: Uint8Array, target: Uint8Array, source: Uint8Array): void {
    const one = isFlowId(id) ? this.#flow(id) : this.#stream(id)
    if (one === undefined || one.isOpened) return
    one.isOpened = true
    one.opening = { service: decoder.decode(service), target: decoder.decode(target), source: decoder.decode(source) }
    this.opened.push(one)
  }

  onAccept(id: number): void {
    this.#parts.table.streams.get(id)?.onAccepted()
  }

  onReset(id: number, code: number, finalOffset: number): void {
    if (isFlowId(id)) {
      this.#parts.table.flows.get(id)?.onReset(code)
      return
    }
    const stream = this.#stream(id)
    if (stream === undefined) return
    const { receive } = stream
    const { highest, next, read, end } = receive
    if (finalOffset < highest || (end !== undefined && finalOffset !== end)) {
      this.#fault = 'stream-end-contradicted'
      return
    }
    receive.finish(finalOffset)
    this.#count(receive.highest - highest, receive.next - next)
    this.#read += receive.read - read
    stream.onReset(code)
  }

  onStop(id: number, code: number): void {
    this.#stream(id)?.onStop(code)
  }

  onStream(id: number, offset: number, bytes: Uint8Array, isEnd: boolean): void {
    const stream = isFlowId(id) ? undefined : this.#stream(id)
    if (stream === undefined) {
      if (isFlowId(id)) this.#fault = 'stream-number-wrong'
      return
    }
    const { receive } = stream
    const { highest, next } = receive
    if (!stream.onOctets(offset, bytes, isEnd)) this.#fault = 'stream-credit-exceeded'
    this.#count(receive.highest - highest, receive.next - next)
    this.#events.onTouched(stream)
  }

  onStreamCredit(id: number, limit: number): void {
    const stream = this.#parts.table.streams.get(id)
    if (stream === undefined) return
    stream.onCredit(limit)
    this.#parts.output.list(stream)
  }

  onSessionCredit(limit: number): void {
    this.#parts.output.raise(limit)
  }

  onDatagram(id: number, number: number, age: number, bytes: Uint8Array): void {
    if (!isFlowId(id)) this.#fault = 'stream-number-wrong'
    const flow = isFlowId(id) ? this.#flow(id) : undefined
    if (flow === undefined || !flow.isNew(number)) return
    this.#parts.counters.datagramsIn++
    if (flow.isOpened && flow.early === undefined) flow.events.onDatagram?.(bytes, age)
    else keepEarly(flow, bytes, age)
  }

  onPathStatus(id: number, number: number, role: PathRole): void {
    const path = this.#parts.book.find(id)
    if (path === undefined || number <= (this.#statusSeen.get(id) ?? 0)) return
    this.#statusSeen.set(id, number)
    path.role = role
  }

  onPathClose(path: Path): void {
    this.#events.onPathClose(path)
  }

  onClose(code: number, reason: Uint8Array): void {
    this.#events.onClose(code, decoder.decode(reason))
  }

  #stream(id: number): Stream | undefined {
    const stream = this.#parts.table.stream(id)
    if (stream !== 'fault') return stream
    this.#fault = 'stream-number-wrong'
    return undefined
  }

  #flow(id: number): Flow | undefined {
    const flow = this.#parts.table.flow(id)
    if (flow !== 'fault') return flow
    this.#fault = 'stream-number-wrong'
    return undefined
  }

  /** Octets came that were not there before: beyond the highest, and in order. */
  #count(beyond: number, inOrder: number): void {
    this.#highest += beyond
    this.#inOrder += inOrder
    this.#parts.counters.octetsIn += inOrder
    if (this.#highest > this.#window.limit) this.#fault = 'session-credit-exceeded'
  }
}
