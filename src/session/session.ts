import { addMicros, earliest, type Micros, NEVER, type Pollable } from '../base/types.ts'
import { Budget } from './budget.ts'
import { ControlFrame, ControlQueue } from './control.ts'
import type { Flow, FlowOwner } from './flow.ts'
import { FrameType, type PathRole } from './frame.ts'
import { Input } from './input.ts'
import {
  MAX_SESSION_WINDOW,
  MAX_STREAM_WINDOW,
  MAX_STREAMS,
  MAX_TEXT,
  PING_BUSY,
  PING_IDLE,
  SESSION_WINDOW,
} from './limits.ts'
import { Output } from './output.ts'
import { Path, type PathOptions } from './path.ts'
import { PathBook } from './path-book.ts'
import { PathReader } from './path-reader.ts'
import { SCHEDULERS } from './schedulers/by-name.ts'
import type { PathEvent, SessionCounters, SessionOptions } from './session-types.ts'
import type { Stream, StreamOwner } from './stream.ts'
import { encodeOpening, refuse, StreamTable } from './stream-table.ts'
import { type Opening, ResetCode, type SessionFlow, type SessionStream, type StreamHost } from './stream-types.ts'

/** Turns of telling users and sending what they say, in one poll. */
const MAX_TURNS = 8

const encoder = new TextEncoder()

/**
 * Streams and datagrams between two processes over any number of paths that come and go. It performs no I/O and reads
 * no clock: octets come by the `PathInput` of a path and leave by its `Pipe`, all of it inside `poll`.
 */
export class Session implements StreamHost, Pollable {
  onStream: ((stream: SessionStream) => void) | undefined = undefined
  onFlow: ((flow: SessionFlow) => void) | undefined = undefined
  /** Something happened to a path. */
  onPath: ((path: Path, event: PathEvent) => void) | undefined = undefined
  /** The other side has ended the session. */
  onEnd: ((code: number, reason: string) => void) | undefined = undefined
  readonly counters: SessionCounters = {
    streamsOpened: 0,
    streamsAccepted: 0,
    streamsRefused: 0,
    octetsOut: 0,
    octetsIn: 0,
    repeatedIn: 0,
    datagramsOut: 0,
    datagramsIn: 0,
    datagramsDropped: 0,
    faults: 0,
  }
  readonly #onWork: (isUrgent: boolean) => void
  readonly #control = new ControlQueue()
  readonly #book = new PathBook()
  readonly #readers = new Map<Path, PathReader>()
  readonly #table: StreamTable
  readonly #output: Output
  readonly #input: Input
  readonly #budget: Budget
  #taken: number
  #now: Micros
  #touched: Stream[] = []
  #isPolling = false
  #isClosed = false
  #statusNumber = 0

  constructor(options: SessionOptions, now: Micros) {
    this.#now = now
    this.#onWork = options.onWork ?? (() => undefined)
    this.#budget = options.budget ?? new Budget()
    const first = options.firstWindow ?? SESSION_WINDOW
    this.#taken = this.#budget.take(first)
    this.#table = new StreamTable(this.#owner(), {
      isServer: options.role === 'server',
      streamWindow: options.streamWindow ?? MAX_STREAM_WINDOW,
      maxStreams: options.maxStreams ?? MAX_STREAMS,
    })
    const scheduler = SCHEDULERS[options.scheduler ?? 'aggregate']()
    this.#output = new Output(scheduler, this.#control, this.#book.open, this.counters)
    this.#output.raise(options.credit ?? SESSION_WINDOW)
    const parts = {
      table: this.#table,
      output: this.#output,
      book: this.#book,
      control: this.#control,
      counters: this.counters,
    }
    const events = {
      onTouched: (stream: Stream) => this.#onTouched(stream),
      onRecovered: (path: Path) => this.onPath?.(path, 'recovered'),
      onPathClose: (path: Path) => this.removePath(path),
      onClose: (code: number, reason: string) => this.#onClose(code, reason),
    }
    const most = options.window ?? MAX_SESSION_WINDOW
    this.#input = new Input(parts, events, { first, most, allow: (octets) => this.#grow(octets), now })
  }

  get paths(): readonly Path[] {
    return [...this.#book.open]
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /** Streams and flows that are open. */
  get openCount(): number {
    return this.#table.streams.size + this.#table.flows.size
  }

  /** Adds a path; what comes out of its pipe goes to the path's `onBytes`. */
  addPath(options: PathOptions): Path {
    const path = new Path(options, this.#now, () => this.#work(path.inbox.length > 0))
    this.#book.add(path)
    this.#readers.set(path, new PathReader(path, this.#input))
    this.#work(false)
    return path
  }

  /** Ends a path in good order: nothing new goes on it, what is on its way is waited for. */
  removePath(path: Path): void {
    if (path.state === 'closing' || path.state === 'closed') return
    path.state = 'closing'
    this.#work(false)
  }

  /** Ends a path at once; what was on its way goes on the others. */
  dropPath(path: Path, reason: string): void {
    if (path.state === 'closed') return
    path.pipe.destroy()
    path.onClosed(reason)
  }

  /** What a path is for, from now on, on both sides. */
  setRole(path: Path, role: PathRole): void {
    path.role = role
    const number = ++this.#statusNumber
    this.#control.push(new ControlFrame(this.#control, (writer) => writer.pathStatus(path.id, number, role)))
    this.#work(false)
  }

  openStream(opening: Opening): SessionStream {
    const stream = this.#table.openStream(opening)
    this.#announce(FrameType.OPEN, stream)
    this.counters.streamsOpened++
    if (this.#isClosed) stream.onSessionEnd(ResetCode.CLOSED)
    this.#onTouched(stream)
    return stream
  }

  openFlow(opening: Opening): SessionFlow {
    const flow = this.#table.openFlow(opening)
    this.#announce(FrameType.OPEN_FLOW, flow)
    this.counters.streamsOpened++
    if (this.#isClosed) flow.onReset(ResetCode.CLOSED)
    return flow
  }

  /** Ends the session: tells the other side on every path, ends them, resets all streams. */
  close(code: number, reason: string): void {
    if (this.#isClosed) return
    const text = encoder.encode(reason).subarray(0, MAX_TEXT)
    for (const path of this.#book.open) {
      if (path.state === 'closed') continue
      path.writer.begin()
      path.writer.close(code, text)
      path.writer.finish()
      path.flush()
      path.pipe.end()
    }
    this.#end(ResetCode.CLOSED)
  }

  poll(now: Micros): void {
    this.#now = now
    if (this.#isPolling) return
    this.#isPolling = true
    this.#input.now = now
    this.#readPaths()
    if (!this.#isClosed) this.#watchPaths(now)
    for (let turn = 0; turn < MAX_TURNS; turn++) {
      this.#tell()
      if (this.#isClosed) break
      this.#output.run(now)
      if (this.#touched.length === 0) break
    }
    this.#isPolling = false
  }

  pollAt(): Micros {
    if (this.#touched.length > 0 || this.#input.opened.length > 0) return this.#now
    if (this.#isClosed) return NEVER
    let at = this.#output.pollAt()
    for (const path of this.#book.open) {
      if (path.inbox.length > 0 || path.state === 'closed') return this.#now
      at = earliest(at, earliest(path.watchAt, this.#pingAt(path)))
    }
    return at
  }

  /** What streams and flows ask of their session. */
  #owner(): StreamOwner & FlowOwner {
    const now = (): Micros => this.#now
    return {
      control: this.#control,
      get now() {
        return now()
      },
      onTouched: (stream) => this.#onTouched(stream),
      onTaken: (octets) => this.#input.onTaken(octets),
      onGone: (stream) => {
        this.counters.repeatedIn += stream.receive.repeated
        this.#table.forgetStream(stream)
      },
      onFlowTouched: (flow) => {
        this.#output.listFlow(flow)
        this.#work(false)
      },
      onFlowGone: (flow) => {
        this.counters.datagramsDropped += flow.counters.full + flow.counters.late
        this.#table.forgetFlow(flow)
        this.#work(false)
      },
    }
  }

  #onTouched(stream: Stream): void {
    this.#output.list(stream)
    if (stream.isTouched) return
    stream.isTouched = true
    this.#touched.push(stream)
    this.#work(false)
  }

  #announce(type: typeof FrameType.OPEN | typeof FrameType.OPEN_FLOW, { id, opening }: Stream | Flow): void {
    const texts = encodeOpening(opening)
    const octets = texts.reduce((sum, text) => sum + text.length + 2, 16)
    this.#control.push(new ControlFrame(this.#control, (writer) => writer.open(type, id, texts), { octets }))
    this.#work(false)
  }

  #readPaths(): void {
    for (const [path, reader] of this.#readers) {
      const fault = reader.readAll() ?? this.#input.takeFault()
      if (fault !== undefined) {
        this.counters.faults++
        this.dropPath(path, fault)
      }
      if (path.state === 'closed') this.#onPathGone(path)
      if (this.#isClosed) return
    }
    this.#input.renew(this.#rtt())
  }

  #onPathGone(path: Path): void {
    this.#book.remove(path)
    this.#readers.delete(path)
    path.giveUp()
    const { id, received } = path
    // What came on it need not come again.
    if (received > 0) this.#control.push(new ControlFrame(this.#control, (writer) => writer.ack(id, received, 0)))
    this.onPath?.(path, 'closed')
  }

  /** Who is silent for too long, who is to be asked, and who is to go. */
  #watchPaths(now: Micros): void {
    for (const path of this.#book.open) {
      if (path.watchAt <= now) {
        if (path.state === 'stalled') path.probed(now)
        else this.#stall(path, now)
        this.#output.ping(path, now)
      } else if (this.#pingAt(path) <= now) {
        path.pingedAt = now
        this.#output.ping(path, now)
      }
      if (path.state === 'closing' && path.inFlight === 0) this.#finishPath(path)
    }
  }

  #stall(path: Path, now: Micros): void {
    path.stall(now)
    this.onPath?.(path, 'stalled')
  }

  #finishPath(path: Path): void {
    path.writer.begin()
    path.writer.pathClose()
    path.writer.finish()
    path.flush()
    path.pipe.end()
    path.onClosed('removed')
  }

  #pingAt(path: Path): Micros {
    if (path.state !== 'open' || path.inFlight > 0) return NEVER
    const { pingedAt } = path
    // Before anything else, how far away the other side is.
    return pingedAt === NEVER ? this.#now : addMicros(pingedAt, this.#table.isEmpty ? PING_IDLE : PING_BUSY)
  }

  /** Tells users what is new; they may answer at once. */
  #tell(): void {
    const { opened } = this.#input
    this.#input.opened = []
    for (const one of opened) this.#introduce(one)
    const touched = this.#touched
    this.#touched = []
    const rtt = this.#rtt()
    for (const stream of touched) {
      stream.isTouched = false
      stream.tell()
      stream.renewCredit(rtt, this.#now)
    }
    this.#input.renew(rtt)
  }

  #introduce(one: Stream | Flow): void {
    if (this.#table.isFull) {
      this.counters.streamsRefused++
      refuse(one)
      return
    }
    this.counters.streamsAccepted++
    if ('receive' in one) {
      if (this.onStream === undefined) one.reset(ResetCode.FORBIDDEN)
      else this.onStream(one)
    } else if (this.onFlow === undefined) one.close(ResetCode.FORBIDDEN)
    else {
      this.onFlow(one)
      one.introduce()
    }
  }

  /** The slowest path's round trip: what is on its way may be on that one. */
  #rtt(): number {
    let rtt = 0
    for (const path of this.#book.open) if (path.isUsable) rtt = Math.max(rtt, path.estimator.srtt)
    return rtt
  }

  #grow(octets: number): number {
    const taken = this.#budget.take(octets)
    this.#taken += taken
    return taken
  }

  #onClose(code: number, reason: string): void {
    if (this.#isClosed) return
    for (const path of this.#book.open) if (path.state !== 'closed') path.pipe.end()
    this.#end(code)
    this.onEnd?.(code, reason)
  }

  #end(code: number): void {
    this.#isClosed = true
    this.#budget.giveBack(this.#taken)
    for (const path of this.#book.open) path.state = 'closed'
    for (const stream of this.#table.streams.values()) {
      stream.onSessionEnd(code)
      this.#onTouched(stream)
    }
    for (const flow of [...this.#table.flows.values()]) flow.onReset(code)
    this.#table.streams.clear()
  }

  #work(isUrgent: boolean): void {
    if (!this.#isPolling) this.#onWork(isUrgent)
  }
}
