import { addMicros, type Micros, NEVER } from '../base/types.ts'
import type { BudgetLease } from './credit/budget.ts'
import { ReceiveWindow } from './credit/receive-window.ts'
import { MAX_EARLY_OCTETS, MAX_PIECES, MAX_UNREAD, RELEASE_GAP } from './limits.ts'
import type { Output } from './output.ts'
import type { Path } from './paths/path.ts'
import type { PathBook } from './paths/path-book.ts'
import { Throttle } from './paths/throttle.ts'
import { ControlFrame, type ControlQueue } from './records/control.ts'
import type { FrameHandler, PathRole } from './records/frame.ts'
import type { SessionCounters, SessionLoad } from './session-types.ts'
import type { Flow } from './streams/flow.ts'
import type { Progress, Stream, StreamFault } from './streams/stream.ts'
import { type IdFault, isFlowId, type StreamTable } from './streams/stream-table.ts'
import type { Opening } from './streams/stream-types.ts'

/** A text is what it is, with whatever stands at its beginning. */
const decoder = new TextDecoder('utf-8', { ignoreBOM: true })

/** Why what came is no session's, beyond what a record's reader finds. */
export type InputFault = IdFault | StreamFault | 'ack-of-nothing' | 'session-credit-exceeded' | 'too-many-pieces'

/** What the session tells of frames that it does not settle by itself. */
export interface InputEvents {
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
  readonly isServer: boolean
}

/** What frames mean for streams, flows and paths, and how much the other side may send in all. */
export class Input implements FrameHandler {
  now: Micros
  /** Whose frames are read. */
  reading!: Path
  /** What was opened, and nobody was told of. */
  readonly openedStreams: Stream[] = []
  readonly openedFlows: Flow[] = []
  #fault: InputFault | undefined = undefined
  readonly #parts: InputParts
  readonly #events: InputEvents
  readonly #window: ReceiveWindow
  readonly #memory: BudgetLease
  /** Over all streams: octets up to the highest that came, up to the first that is missing, and read. */
  #highest = 0
  #inOrder = 0
  /** Up to what room has been made for more. */
  #done = 0
  #renewAt: Micros = NEVER
  readonly #throttle: Throttle | undefined
  #read = 0
  /** Beyond gaps, over all streams. */
  #pieces = 0
  /** Of flows that were not opened yet. */
  #earlyOctets = 0
  #isEnded = false

  constructor(
    parts: InputParts,
    events: InputEvents,
    { memory, most, rate, now }: { memory: BudgetLease; most: number; rate: number | undefined; now: Micros },
  ) {
    this.#parts = parts
    this.#events = events
    this.now = now
    this.#memory = memory
    this.#window = new ReceiveWindow({ size: memory.first, most, lease: memory, now })
    this.#throttle = rate === undefined ? undefined : new Throttle(rate, now)
  }

  /** What was wrong with what came since the last call. */
  takeFault(): InputFault | undefined {
    const fault = this.#fault
    this.#fault = undefined
    return fault
  }

  /** What the session lets the other side send, and what became of it. */
  get load(): Omit<SessionLoad, 'credit'> {
    const { limit, size } = this.#window
    return {
      granted: limit - this.#highest,
      window: size,
      unread: this.#inOrder - this.#read,
      missing: this.#highest - this.#inOrder,
      pieces: this.#pieces,
    }
  }

  /** Nothing that came was wrong, and the session has not ended. */
  get isSound(): boolean {
    return this.#fault === undefined && !this.#isEnded
  }

  /** The session has ended: whatever still comes means nothing. */
  end(): void {
    this.#isEnded = true
    this.#window.release()
    this.openedStreams.length = 0
    this.openedFlows.length = 0
  }

  get isEnded(): boolean {
    return this.#isEnded
  }

  /** The receiving side of a stream went on. */
  onMoved(from: Progress, to: Progress): void {
    const inOrder = to.next - from.next
    this.#highest += to.highest - from.highest
    this.#inOrder += inOrder
    this.#read += to.read - from.read
    this.#pieces += to.pieces - from.pieces
    this.#parts.counters.octetsIn += inOrder
    // What a rate holds back is not for want of a window.
    if (this.#throttle === undefined) this.#window.onHighest(this.#highest)
    if (this.#highest > this.#window.limit) this.#note('session-credit-exceeded')
    if (this.#pieces > MAX_PIECES) this.#note('too-many-pieces')
  }

  /** Makes room for octets of a flow that was not opened yet; false when there is none. */
  holdEarly(octets: number): boolean {
    if (this.#earlyOctets + octets > MAX_EARLY_OCTETS) return false
    this.#earlyOctets += octets
    return true
  }

  letGoEarly(octets: number): void {
    this.#earlyOctets -= octets
  }

  /** What is in order makes room, whether it was read or not: a slow reader holds up its own stream and no other. */
  renew(rtt: number): void {
    if (this.#isEnded) return
    const unread = this.#inOrder - this.#read
    this.#release(this.#inOrder - Math.max(0, unread - MAX_UNREAD))
    this.#memory.giveBack(this.#window.lower(this.#memory.share, this.#done))
    if (!this.#window.advance(this.#done, rtt, this.now)) return
    const { control } = this.#parts
    const { limit } = this.#window
    const isObsolete = (): boolean => this.#window.limit > limit
    control.push(new ControlFrame(control, (writer) => writer.sessionCredit(limit), { isObsolete }))
  }

  /** When a limit of the rate at which we take octets lets more come. */
  get renewAt(): Micros {
    return this.#renewAt
  }

  /** Room for what is done with: at once, or at the rate that is set. */
  #release(done: number): void {
    const octets = done - this.#done
    // Less than an octet is saved up until it is one, however often this is asked.
    const allowed = Math.floor(Math.min(octets, this.#throttle?.available(this.now) ?? octets))
    if (allowed > 0) {
      this.#throttle?.take(allowed)
      this.#done += allowed
    }
    this.#renewAt = this.#throttle === undefined || this.#done >= done ? NEVER : addMicros(this.now, RELEASE_GAP)
  }

  onPing(): void {
    this.reading.askAck()
  }

  onAck(id: number, count: number, delay: number): void {
    const path = this.#parts.book.find(id)
    if (path === undefined) return
    const wasStalled = path.state === 'stalled'
    if (!path.onAck(count, delay, this.reading === path, this.now)) this.#note('ack-of-nothing')
    else if (wasStalled && path.state === 'open') this.#events.onRecovered(path)
  }

  onOpen(id: number, service: Uint8Array, target: Uint8Array, source: Uint8Array): void {
    const texts = { service, target, source }
    if (isFlowId(id)) begin(this.#flow(id), texts, this.openedFlows)
    else begin(this.#stream(id), texts, this.openedStreams)
  }

  onAccept(id: number): void {
    this.#parts.table.streams.get(id)?.onAccepted()
  }

  onReset(id: number, code: number, finalOffset: number): void {
    if (isFlowId(id)) this.#flow(id)?.onReset(code)
    else this.#note(this.#stream(id)?.onReset(code, finalOffset))
  }

  onStop(id: number, code: number): void {
    if (isFlowId(id)) this.#note('stream-number-wrong')
    else this.#stream(id)?.onStop(code)
  }

  onStream(id: number, offset: number, bytes: Uint8Array, isEnd: boolean): void {
    if (isFlowId(id)) this.#note('stream-number-wrong')
    else this.#note(this.#stream(id)?.onOctets(offset, bytes, isEnd))
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
    if (!isFlowId(id)) this.#note('stream-number-wrong')
    const flow = isFlowId(id) ? this.#flow(id) : undefined
    if (flow === undefined || flow.isGone || !flow.isNew(number)) return
    this.#parts.counters.datagramsIn++
    flow.onDatagram(bytes, age)
  }

  onPathStatus(id: number, number: number, role: PathRole): void {
    const path = this.#parts.book.find(id)
    if (path === undefined || number < path.statusNumber) return
    // Both sides said something at once: the server's word stands.
    if (number === path.statusNumber && this.#parts.isServer) return
    path.statusNumber = number
    path.role = role
  }

  onPathClose(): void {
    this.#events.onPathClose(this.reading)
  }

  onClose(code: number, reason: Uint8Array): void {
    this.#events.onClose(code, decoder.decode(reason))
  }

  onRecord(octets: number, isAsking: boolean): boolean {
    if (!this.isSound) return false
    this.reading.onRecord(octets, isAsking, this.now)
    return true
  }

  #stream(id: number): Stream | undefined {
    const stream = this.#isEnded ? undefined : this.#parts.table.stream(id)
    if (typeof stream !== 'string') return stream
    this.#note(stream)
    return undefined
  }

  #flow(id: number): Flow | undefined {
    const flow = this.#isEnded ? undefined : this.#parts.table.flow(id)
    if (typeof flow !== 'string') return flow
    this.#note(flow)
    return undefined
  }

  /** The first thing that was wrong is the one that is told. */
  #note(fault: InputFault | undefined): void {
    this.#fault ??= fault
  }
}

/** It is known what it is from now on, and its user is to be told. */
function begin<T extends Stream | Flow>(
  one: T | undefined,
  { service, target, source }: Readonly<Record<keyof Opening, Uint8Array>>,
  opened: T[],
): void {
  if (one === undefined || one.isOpened) return
  one.isOpened = true
  one.opening = { service: decoder.decode(service), target: decoder.decode(target), source: decoder.decode(source) }
  opened.push(one)
}
