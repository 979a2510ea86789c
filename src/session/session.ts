import { earliest, type Micros, NEVER, type Pollable } from '../base/types.ts'
import { Budget } from './credit/budget.ts'
import { Input } from './input.ts'
import {
  MAX_SESSION_WINDOW,
  MAX_STREAM_WINDOW,
  MAX_STREAMS,
  MAX_TEXT,
  MAX_TURNS,
  PING_BUSY,
  PING_IDLE,
  SESSION_WINDOW,
} from './limits.ts'
import { Output } from './output.ts'
import { PathWatch } from './path-watch.ts'
import { type OnTrip, Path, type PathOptions } from './paths/path.ts'
import { PathBook } from './paths/path-book.ts'
import { Throttle } from './paths/throttle.ts'
import { ControlFrame, ControlQueue } from './records/control.ts'
import { FrameType, type PathRole } from './records/frame.ts'
import { SCHEDULERS, type SchedulerName } from './schedulers/by-name.ts'
import { noCounts, type PathEvent, type SessionLoad, type SessionOptions } from './session-types.ts'
import type { Flow, FlowOwner } from './streams/flow.ts'
import type { Stream, StreamOwner } from './streams/stream.ts'
import { encodeOpening, StreamTable } from './streams/stream-table.ts'
import {
  type Opening,
  ResetCode,
  type SessionFlow,
  type SessionStream,
  type StreamHost,
} from './streams/stream-types.ts'
import { Teller } from './teller.ts'

const encoder = new TextEncoder()

/**
 * Streams and datagrams between two processes over any number of paths that come and go. It performs no I/O and reads
 * no clock: octets come by the `PathInput` of a path and leave by its `Pipe`, all of it inside `poll`.
 */
export class Session implements StreamHost, Pollable {
  onStream: ((stream: SessionStream) => void) | undefined = undefined
  onFlow: ((flow: SessionFlow) => void) | undefined = undefined
  /** Something happened to a path. That the session ends is not told path by path: whoever ends it knows, or `onEnd` says so. */
  onPath: ((path: Path, event: PathEvent) => void) | undefined = undefined
  /** The other side has ended the session. */
  onEnd: ((code: number, reason: string) => void) | undefined = undefined
  readonly counters = noCounts()
  readonly #onWork: (isUrgent: boolean) => void
  readonly #control = new ControlQueue()
  readonly #book = new PathBook()
  readonly #table: StreamTable
  readonly #output: Output
  readonly #input: Input
  readonly #watch: PathWatch
  readonly #teller: Teller
  /** Of what we send over all paths. */
  readonly #throttle: Throttle | undefined
  #now: Micros
  #isPolling = false

  constructor(options: SessionOptions, now: Micros) {
    this.#now = now
    this.#onWork = options.onWork ?? (() => undefined)
    this.#throttle = options.rate === undefined ? undefined : new Throttle(options.rate, now)
    this.#table = new StreamTable(this.#owner(), {
      isServer: options.role === 'server',
      streamWindow: options.streamWindow ?? MAX_STREAM_WINDOW,
      maxStreams: options.maxStreams ?? MAX_STREAMS,
    })
    const scheduler = SCHEDULERS[options.scheduler ?? 'aggregate']()
    this.#output = new Output(scheduler, this.#control, this.#book.open, this.counters)
    this.#output.raise(options.credit ?? SESSION_WINDOW)
    this.#input = this.#makeInput(options)
    const parts = { book: this.#book, input: this.#input, control: this.#control, counters: this.counters }
    const { busy, idle } = options.ping ?? { busy: PING_BUSY, idle: PING_IDLE }
    this.#watch = new PathWatch({
      ...parts,
      output: this.#output,
      pingAfter: () => (this.#table.isEmpty ? idle : busy),
      onPath: (path, event) => this.onPath?.(path, event),
    })
    this.#teller = new Teller({ ...parts, table: this.#table, host: this })
  }

  get paths(): readonly Path[] {
    return [...this.#book.open]
  }

  get isClosed(): boolean {
    return this.#input.isEnded
  }

  /** Where it stands. */
  get load(): SessionLoad {
    return { credit: this.#output.credit, ...this.#input.load }
  }

  /** Streams and flows that are open. */
  get openCount(): number {
    return this.#table.streams.size + this.#table.flows.size
  }

  /** Adds a path; what comes out of its pipe goes to the path's `onBytes`. When the session has ended, so has the path. */
  addPath(options: PathOptions): Path {
    const path = new Path(options, this.#now, () => this.#work(path.inbox.length > 0))
    if (this.isClosed) {
      this.dropPath(path, 'the session has ended')
      return path
    }
    if (this.#throttle !== undefined) path.throttles.push(this.#throttle)
    this.#watch.add(path)
    this.#work(false)
    return path
  }

  /**
   * Ends a path in good order: nothing new goes on it in either direction, what is on its way is waited for. Harmless when
   * that has begun already.
   */
  removePath(path: Path): void {
    this.#watch.remove(path)
    this.#work(false)
  }

  /** Ends a path at once; what was on its way goes on the others. */
  dropPath(path: Path, reason: string): void {
    this.#watch.drop(path, reason)
  }

  /** Asks the other side for an answer on that very path; `onTrip` hears how long it took, if one ever comes. */
  ping(path: Path, onTrip: OnTrip): void {
    path.tripWishes.push(onTrip)
    this.#work(false)
  }

  /** How paths are chosen from now on. */
  setScheduler(name: SchedulerName): void {
    this.#output.scheduler = SCHEDULERS[name]()
    this.#work(false)
  }

  /** What a path is for, from now on, on both sides; where both say something at once, the server's word stands. */
  setRole(path: Path, role: PathRole): void {
    this.#watch.setRole(path, role)
    this.#work(false)
  }

  openStream(opening: Opening): SessionStream {
    const stream = this.#table.openStream(opening)
    if (this.isClosed) {
      stream.onSessionEnd(ResetCode.CLOSED)
      this.#table.forgetStream(stream)
    } else this.#announce(FrameType.OPEN, stream)
    this.#onTouched(stream)
    return stream
  }

  openFlow(opening: Opening): SessionFlow {
    const flow = this.#table.openFlow(opening)
    if (this.isClosed) {
      this.#table.forgetFlow(flow)
      this.#teller.end(flow)
      this.#work(false)
    } else this.#announce(FrameType.OPEN_FLOW, flow)
    return flow
  }

  /** Ends the session: tells the other side on every path, ends them, resets all streams. */
  close(code: number, reason: string): void {
    if (this.isClosed) return
    const text = encoder.encode(reason).subarray(0, MAX_TEXT)
    for (const path of this.#book.open) {
      if (path.state === 'closed') continue
      path.writer.begin()
      path.writer.close(code, text)
      path.writer.finish()
      path.flush()
      path.pipe.end()
    }
    this.#end()
  }

  poll(now: Micros): void {
    this.#now = now
    if (this.#isPolling) return
    this.#isPolling = true
    this.#input.now = now
    try {
      this.#pollOnce(now)
    } finally {
      // What a handler throws is the caller's; the session goes on.
      this.#isPolling = false
    }
  }

  pollAt(): Micros {
    if (this.#teller.isWaiting) return this.#now
    if (this.isClosed) return NEVER
    return earliest(earliest(this.#output.pollAt(), this.#input.renewAt), this.#watch.pollAt())
  }

  #pollOnce(now: Micros): void {
    this.#watch.read()
    this.#input.renew(this.#book.roundTrip)
    if (!this.isClosed) this.#watch.look(now)
    for (let turn = 0; turn < MAX_TURNS; turn++) {
      const { roundTrip } = this.#book
      this.#teller.tell(roundTrip, now)
      this.#input.renew(roundTrip)
      if (this.isClosed) break
      this.#output.run(now)
      if (!this.#teller.isWaiting) break
    }
  }

  #makeInput(options: SessionOptions): Input {
    const { memory = new Budget().lease(SESSION_WINDOW), window: most = MAX_SESSION_WINDOW, rate } = options
    const parts = {
      table: this.#table,
      output: this.#output,
      book: this.#book,
      control: this.#control,
      counters: this.counters,
      isServer: options.role === 'server',
    }
    const events = {
      onRecovered: (path: Path) => this.onPath?.(path, 'recovered'),
      onPathClose: (path: Path) => this.#watch.onPathClose(path),
      onClose: (code: number, reason: string) => this.#onClose(code, reason),
    }
    return new Input(parts, events, { memory, most, rate, now: this.#now })
  }

  /** What streams and flows ask of their session. */
  #owner(): StreamOwner & FlowOwner {
    const now = (): Micros => this.#now
    const writeAhead = (): number => this.#table.writeAhead
    return {
      control: this.#control,
      get writeAhead() {
        return writeAhead()
      },
      get now() {
        return now()
      },
      onTouched: (stream) => this.#onTouched(stream),
      onMoved: (from, to) => this.#input.onMoved(from, to),
      holdEarly: (octets) => this.#input.holdEarly(octets),
      letGoEarly: (octets) => this.#input.letGoEarly(octets),
      onGone: (stream) => {
        this.counters.repeatedIn += stream.receive.repeated
        this.#table.forgetStream(stream)
        this.#output.forget(stream)
      },
      onFlowTouched: (flow) => {
        this.#output.listFlow(flow)
        this.#work(false)
      },
      onDropped: () => void this.counters.datagramsDropped++,
      onFlowGone: (flow) => {
        this.#table.forgetFlow(flow)
        this.#work(false)
      },
    }
  }

  #onTouched(stream: Stream): void {
    this.#output.list(stream)
    if (this.#teller.touch(stream)) this.#work(false)
  }

  #announce(type: typeof FrameType.OPEN | typeof FrameType.OPEN_FLOW, { id, opening }: Stream | Flow): void {
    const texts = encodeOpening(opening)
    const octets = texts.reduce((sum, text) => sum + text.length + 2, 16)
    this.#control.push(new ControlFrame(this.#control, (writer) => writer.open(type, id, texts), { octets }))
    this.counters.streamsOpened++
    this.#work(false)
  }

  #onClose(code: number, reason: string): void {
    if (this.isClosed) return
    for (const path of this.#book.open) if (path.state !== 'closed') path.pipe.end()
    this.#end()
    this.onEnd?.(code, reason)
  }

  #end(): void {
    this.#input.end()
    this.#watch.end()
    for (const stream of this.#table.streams.values()) {
      stream.onSessionEnd(ResetCode.CLOSED)
      this.#onTouched(stream)
    }
    for (const flow of this.#table.flows.values()) this.#teller.end(flow)
    this.#table.clear()
    this.#work(false)
  }

  #work(isUrgent: boolean): void {
    if (!this.#isPolling) this.#onWork(isUrgent)
  }
}
