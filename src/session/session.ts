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
  MAX_TURNS,
  MAX_WRITE_AHEAD,
  PING_BUSY,
  PING_IDLE,
  SESSION_WINDOW,
  WRITE_BUDGET,
} from './limits.ts'
import { Output } from './output.ts'
import { type OnTrip, Path, type PathOptions } from './path.ts'
import { PathBook } from './path-book.ts'
import { PathReader } from './path-reader.ts'
import type { RecordWriter } from './record-writer.ts'
import { SCHEDULERS, type SchedulerName } from './schedulers/by-name.ts'
import type { PathEvent, SessionCounters, SessionLoad, SessionOptions } from './session-types.ts'
import type { Stream, StreamOwner } from './stream.ts'
import { encodeOpening, refuse, StreamTable } from './stream-table.ts'
import { type Opening, ResetCode, type SessionFlow, type SessionStream, type StreamHost } from './stream-types.ts'
import { Throttle } from './throttle.ts'

const encoder = new TextEncoder()
const ping = (writer: RecordWriter): void => writer.ping()

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
  readonly #ping: { readonly busy: number; readonly idle: number }
  /** Of what we send over all paths. */
  readonly #throttle: Throttle | undefined
  #now: Micros
  #touched: Stream[] = []
  /** Flows that ended with the session, whose users were not told. */
  readonly #ended: Flow[] = []
  #isPolling = false
  #isClosed = false

  constructor(options: SessionOptions, now: Micros) {
    this.#now = now
    this.#onWork = options.onWork ?? (() => undefined)
    this.#ping = options.ping ?? { busy: PING_BUSY, idle: PING_IDLE }
    this.#throttle = options.rate === undefined ? undefined : new Throttle(options.rate, now)
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
      isServer: options.role === 'server',
    }
    const events = {
      onRecovered: (path: Path) => this.onPath?.(path, 'recovered'),
      onPathClose: (path: Path) => this.#onPathClose(path),
      onClose: (code: number, reason: string) => this.#onClose(code, reason),
    }
    const { memory = new Budget().lease(SESSION_WINDOW), window: most = MAX_SESSION_WINDOW, rate } = options
    this.#input = new Input(parts, events, { memory, most, rate, now })
  }

  get paths(): readonly Path[] {
    return [...this.#book.open]
  }

  get isClosed(): boolean {
    return this.#isClosed
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
    if (this.#isClosed) {
      this.dropPath(path, 'the session has ended')
      return path
    }
    if (this.#throttle !== undefined) path.throttles.push(this.#throttle)
    this.#book.add(path)
    this.#readers.set(path, new PathReader(path, this.#input))
    this.#work(false)
    return path
  }

  /**
   * Ends a path in good order: nothing new goes on it in either direction, what is on its way is waited for. Harmless when
   * that has begun already.
   */
  removePath(path: Path): void {
    if (path.state === 'stalled') this.dropPath(path, 'removed')
    else if (path.state === 'open') this.#closePath(path)
  }

  /** Ends a path at once; what was on its way goes on the others. */
  dropPath(path: Path, reason: string): void {
    if (path.state === 'closed') return
    path.pipe.destroy()
    path.onClosed(reason)
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
    path.role = role
    const number = ++path.statusNumber
    const isObsolete = (): boolean => path.statusNumber > number || path.state === 'closed'
    const write = (writer: RecordWriter): void => writer.pathStatus(path.id, number, role)
    this.#control.push(new ControlFrame(this.#control, write, { isObsolete }))
    this.#work(false)
  }

  openStream(opening: Opening): SessionStream {
    const stream = this.#table.openStream(opening)
    if (this.#isClosed) {
      stream.onSessionEnd(ResetCode.CLOSED)
      this.#table.forgetStream(stream)
    } else this.#announce(FrameType.OPEN, stream)
    this.#onTouched(stream)
    return stream
  }

  openFlow(opening: Opening): SessionFlow {
    const flow = this.#table.openFlow(opening)
    if (this.#isClosed) {
      this.#table.forgetFlow(flow)
      this.#endFlow(flow, ResetCode.CLOSED)
    } else this.#announce(FrameType.OPEN_FLOW, flow)
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
    if (this.#touched.length + this.#input.opened.length + this.#ended.length > 0) return this.#now
    if (this.#isClosed) return NEVER
    let at = earliest(this.#output.pollAt(), this.#input.renewAt)
    for (const path of this.#book.open) {
      if (path.inbox.length > 0 || path.tripWishes.length > 0 || path.state === 'closed') return this.#now
      at = earliest(at, earliest(path.watchAt, this.#pingAt(path)))
    }
    return at
  }

  #pollOnce(now: Micros): void {
    this.#readPaths()
    if (!this.#isClosed) this.#watchPaths(now)
    for (let turn = 0; turn < MAX_TURNS; turn++) {
      this.#tell()
      if (this.#isClosed) break
      this.#output.run(now)
      if (this.#touched.length === 0) break
    }
  }

  /** What streams and flows ask of their session. */
  #owner(): StreamOwner & FlowOwner {
    const now = (): Micros => this.#now
    const writeAhead = (): number => Math.min(MAX_WRITE_AHEAD, WRITE_BUDGET / this.#table.streams.size)
    return {
      control: this.#control,
      get writeAhead() {
        return writeAhead()
      },
      get now() {
        return now()
      },
      onTouched: (stream) => this.#onTouched(stream),
      onMoved: (highest, next, read, pieces) => this.#input.onMoved(highest, next, read, pieces),
      keepEarly: (octets) => this.#input.keepEarly(octets),
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
    if (stream.isTouched) return
    stream.isTouched = true
    this.#touched.push(stream)
    this.#work(false)
  }

  #announce(type: typeof FrameType.OPEN | typeof FrameType.OPEN_FLOW, { id, opening }: Stream | Flow): void {
    const texts = encodeOpening(opening)
    const octets = texts.reduce((sum, text) => sum + text.length + 2, 16)
    this.#control.push(new ControlFrame(this.#control, (writer) => writer.open(type, id, texts), { octets }))
    this.counters.streamsOpened++
    this.#work(false)
  }

  #readPaths(): void {
    for (const [path, reader] of this.#readers) {
      const unread = reader.readAll()
      const wrong = this.#input.takeFault()
      if (this.#isClosed) return
      const fault = unread ?? wrong
      if (fault !== undefined) {
        this.counters.faults++
        this.dropPath(path, fault)
      }
      if (path.state === 'closed') this.#onPathGone(path)
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
      if (path.tripWishes.length > 0) {
        path.expectTrip(now)
        this.#output.say(path, ping, now)
      }
      if (path.state === 'closing') {
        if (path.inFlight === 0 && path.isCloseHeard) this.#finishPath(path)
        else if (path.watchAt <= now) this.dropPath(path, 'removed, and the other side did not answer')
      } else if (path.watchAt <= now) {
        if (path.state === 'stalled') path.probed(now)
        else this.#stall(path, now)
        this.#output.say(path, ping, now)
      } else if (this.#pingAt(path) <= now) {
        path.pingedAt = now
        this.#output.say(path, ping, now)
      }
    }
  }

  #stall(path: Path, now: Micros): void {
    path.stall(now)
    this.onPath?.(path, 'stalled')
  }

  /** Tells the other side that nothing new comes on this path. */
  #closePath(path: Path): void {
    path.close(this.#now)
    this.#output.say(path, (writer) => writer.pathClose(), this.#now)
    this.#work(false)
  }

  #onPathClose(path: Path): void {
    path.isCloseHeard = true
    if (path.state === 'open' || path.state === 'stalled') this.#closePath(path)
  }

  /** Each side has what the other had put on it. */
  #finishPath(path: Path): void {
    this.#output.acknowledge(path, this.#now)
    path.flush()
    path.pipe.end()
    path.onClosed('removed')
  }

  #pingAt(path: Path): Micros {
    if (path.state !== 'open' || path.inFlight > 0) return NEVER
    const { pingedAt } = path
    // Before anything else, how far away the other side is.
    return pingedAt === NEVER ? this.#now : addMicros(pingedAt, this.#table.isEmpty ? this.#ping.idle : this.#ping.busy)
  }

  /** Tells users what is new; they may answer at once. */
  #tell(): void {
    const { opened } = this.#input
    this.#input.opened = []
    for (const one of opened) if (!this.#isClosed) this.#introduce(one)
    for (const flow of this.#ended.splice(0)) flow.tell()
    const rtt = this.#rtt()
    for (const stream of this.#takeTouched()) {
      stream.isTouched = false
      stream.tell()
      stream.renewCredit(rtt, this.#now)
    }
    if (!this.#isClosed) this.#input.renew(rtt)
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

  #introduce(one: Stream | Flow): void {
    // A flow may have been opened and closed at once; a stream's user is told both.
    if ('isGone' in one && one.isGone) return
    if (!this.#table.admit(one)) {
      this.counters.streamsRefused++
      refuse(one)
      return
    }
    this.counters.streamsAccepted++
    if ('receive' in one) {
      if (this.onStream === undefined) one.reset(ResetCode.FORBIDDEN)
      else this.onStream(one)
      this.#onTouched(one)
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

  #onClose(code: number, reason: string): void {
    if (this.#isClosed) return
    for (const path of this.#book.open) if (path.state !== 'closed') path.pipe.end()
    this.#end()
    this.onEnd?.(code, reason)
  }

  #end(): void {
    const code = ResetCode.CLOSED
    this.#isClosed = true
    this.#input.end()
    for (const path of this.#book.open) path.state = 'closed'
    this.#readers.clear()
    for (const stream of this.#table.streams.values()) {
      stream.onSessionEnd(code)
      this.#onTouched(stream)
    }
    for (const flow of this.#table.flows.values()) this.#endFlow(flow, code)
    this.#table.clear()
  }

  #endFlow(flow: Flow, code: number): void {
    flow.onSessionEnd(code)
    this.#ended.push(flow)
    this.#work(false)
  }

  #work(isUrgent: boolean): void {
    if (!this.#isPolling) this.#onWork(isUrgent)
  }
}
