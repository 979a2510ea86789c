import { earliest, type Micros, NEVER } from '../base/types.ts'
import { Carriers } from './carriers.ts'
import { Hurry } from './hurry.ts'
import { MAX_CONTROL, MAX_RECORD, QUANTUM } from './limits.ts'
import type { Path } from './paths/path.ts'
import type { Carried } from './records/carried.ts'
import type { ControlQueue } from './records/control.ts'
import type { RecordWriter } from './records/record-writer.ts'
import { hasRoom, type Scheduler } from './schedulers/scheduler.ts'
import type { SessionCounters } from './session-types.ts'
import type { Flow } from './streams/flow.ts'
import type { Stream } from './streams/stream.ts'
import { nextSpan, type StreamSpan } from './streams/stream-span.ts'

/** A record with less room than this is full: no frame's numbers are longer. */
const LEAST_FRAME = 64

/** What has something to send, and where it goes: composes records and gives each to a path. */
export class Output {
  #scheduler: Scheduler
  readonly #control: ControlQueue
  readonly #paths: ReadonlySet<Path>
  readonly #counters: SessionCounters
  /** What the other side lets us send over all streams, and what was. */
  readonly #credit = { limit: 0, sent: 0 }
  readonly #streams: Stream[] = []
  /** They would send, if the other side let us send more over all streams. */
  readonly #held = new Set<Stream>()
  readonly #flows: Flow[] = []
  readonly #hurry: Hurry
  /** When a limit of some path's rate lets more go. */
  #releaseAt: Micros = NEVER
  readonly #carriers: Carriers

  constructor(scheduler: Scheduler, control: ControlQueue, paths: ReadonlySet<Path>, counters: SessionCounters) {
    this.#scheduler = scheduler
    this.#control = control
    this.#paths = paths
    this.#counters = counters
    this.#carriers = new Carriers(paths)
    this.#hurry = new Hurry(this.#credit, counters)
  }

  /** Who decides where the next record goes, from now on. */
  set scheduler(scheduler: Scheduler) {
    this.#scheduler = scheduler
  }

  /** It may have something to send. */
  list(stream: Stream): void {
    if (stream.isListed || !stream.sendable) return
    stream.isListed = true
    this.#streams.push(stream)
  }

  /** The other side lets us send more over all streams. */
  raise(limit: number): void {
    if (limit <= this.#credit.limit) return
    this.#credit.limit = limit
    for (const stream of this.#held) this.list(stream)
    this.#held.clear()
  }

  /** It is gone. */
  forget(stream: Stream): void {
    this.#held.delete(stream)
  }

  /** What the other side still lets us send. */
  get credit(): number {
    return this.#credit.limit - this.#credit.sent
  }

  listFlow(flow: Flow): void {
    if (flow.isListed || flow.isEmpty) return
    flow.isListed = true
    this.#flows.push(flow)
  }

  #nextRelease(now: Micros): Micros {
    let next: Micros = NEVER
    const isWaiting = this.#hasWork()
    for (const path of this.#carriers.willing) {
      if (!isWaiting && !path.hasCopies) continue
      const at = path.releasedAt(now)
      if (at > now) next = earliest(next, at)
    }
    return next
  }

  /** Sends all that may go now, and gives it to the pipes. */
  run(now: Micros): void {
    for (const flow of this.#flows) flow.stamp(now)
    this.#carriers.sort()
    this.#sendCopies(now)
    this.#sendData(now)
    if (!this.#control.isEmpty) this.#sendControl(now)
    this.#hurry.run(this.#carriers.willing, this.#scheduler.spreads && !this.#hasWork(), now)
    this.#sendCopies(now)
    this.#sendAcks(now)
    this.#releaseAt = this.#nextRelease(now)
    for (const path of this.#paths) {
      path.limit(now)
      path.flush()
    }
  }

  /** A record that concerns its path alone, and asks for its acknowledgement. */
  say(path: Path, write: (writer: RecordWriter) => void, now: Micros): void {
    path.writer.begin()
    write(path.writer)
    this.#finish(path, [], true, now)
  }

  /** Tells all that came on a path, on it and at once. */
  acknowledge(path: Path, now: Micros): void {
    this.#sendAck(path, path, now)
  }

  #sendData(now: Micros): void {
    while (this.#hasWork()) {
      const path = this.#carriers.pick(this.#scheduler, this.#window(), now)
      if (path === undefined || !this.#compose(path, now)) return
    }
  }

  /** Octets that may be under way: the receiver lets the session have so many, and the stream that is next. */
  #window(): number {
    const { limit, sent } = this.#credit
    const ofSession = limit - sent + this.#carriers.inFlight
    const stream = this.#streams[0]
    if (stream === undefined) return ofSession
    // When nothing follows, there are not more than what is left.
    const isLast = this.#streams.length === 1 && stream.send.isEnded
    const end = isLast ? Math.min(stream.credit, stream.send.written) : stream.credit
    return Math.min(ofSession, end - stream.send.acked)
  }

  /** Something could go at once, if there were room. */
  #hasWork(): boolean {
    while (this.#flows.length > 0 && this.#flows[0]!.isEmpty) this.#flows.shift()!.isListed = false
    while (this.#streams.length > 0 && !this.#mayGo(this.#streams[0]!)) this.#unlist()
    return this.#streams.length + this.#flows.length > 0
  }

  /** The first stream has nothing that may go. */
  #unlist(): void {
    const stream = this.#streams.shift()!
    stream.isListed = false
    if (stream.sendable) this.#held.add(stream)
  }

  /** The stream has something that both credits allow. */
  #mayGo(stream: Stream): boolean {
    if (!stream.sendable) return false
    return stream.send.hasLost || this.#credit.sent < this.#credit.limit
  }

  /** One record for `path`; false when nothing was to be sent after all. */
  #compose(path: Path, now: Micros): boolean {
    const items: Carried[] = []
    const most = path.estimator.recordSize()
    path.writer.begin()
    this.#writeAcks(path, now)
    this.#takeControl(path, items)
    while (path.writer.body + LEAST_FRAME < most) {
      const left = MAX_RECORD - path.writer.body - LEAST_FRAME
      const item = this.#nextDatagram(left, now) ?? this.#nextSpan(most - path.writer.body)
      if (item === undefined) break
      item.write(path.writer, now)
      items.push(item)
    }
    if (this.#scheduler.copies > 0) this.#copy(path, items)
    return this.#finish(path, items, items.length > 0, now)
  }

  /** Ends the record; one with nothing in it was never begun. */
  #finish(path: Path, items: readonly Carried[], isAsking: boolean, now: Micros): boolean {
    const { writer } = path
    if (writer.body === 0) {
      writer.abandon()
      return false
    }
    const octets = writer.finish()
    path.onSent(octets, items, isAsking, now)
    return items.length > 0
  }

  /** The next datagram, if the record has room for it: one that is longer than others of this path still goes whole. */
  #nextDatagram(left: number, now: Micros): Carried | undefined {
    while (this.#flows.length > 0) {
      const flow = this.#flows[0]!
      const datagram = flow.next(left, now)
      if (datagram === undefined && !flow.isEmpty) return undefined
      this.#flows.shift()
      flow.isListed = false
      this.listFlow(flow)
      if (datagram === undefined) continue
      this.#counters.datagramsOut++
      return datagram
    }
    return undefined
  }

  /** Octets of the stream whose turn it is. */
  #nextSpan(most: number): StreamSpan | undefined {
    while (this.#streams.length > 0) {
      const stream = this.#streams[0]!
      const credit = this.#credit
      const before = stream.send.sent
      const isAlone = this.#streams.length === 1
      const octets = Math.min(most, isAlone ? most : stream.quantum)
      const span = this.#mayGo(stream) ? nextSpan(stream, octets, before + credit.limit - credit.sent) : undefined
      if (span === undefined) {
        this.#unlist()
        continue
      }
      const fresh = stream.send.sent - before
      credit.sent += fresh
      this.#counters.octetsOut += span.to - span.from
      this.#turn(stream, span.to - span.from)
      stream.touched()
      return span
    }
    return undefined
  }

  /** A stream that has had its share gives way. */
  #turn(stream: Stream, octets: number): void {
    stream.quantum -= octets
    if (stream.quantum > 0) return
    stream.quantum = QUANTUM
    this.#streams.shift()
    this.#streams.push(stream)
  }

  #takeControl(path: Path, items: Carried[]): void {
    for (let frame = this.#control.shift(); frame !== undefined; frame = this.#control.shift()) {
      frame.write(path.writer)
      items.push(frame)
      if (path.writer.body > MAX_CONTROL) return
    }
  }

  /** Frames that steer go at once, on the fastest path; no cap holds them. */
  #sendControl(now: Micros): void {
    const path = this.#carriers.fastest()
    if (path === undefined) return
    while (!this.#control.isEmpty) {
      const items: Carried[] = []
      path.writer.begin()
      this.#writeAcks(path, now)
      this.#takeControl(path, items)
      if (this.#scheduler.copies > 0) this.#copy(path, items)
      this.#finish(path, items, items.length > 0, now)
    }
  }

  /** What a record carries goes on the other paths as well. */
  #copy(path: Path, items: readonly Carried[]): void {
    let left = this.#scheduler.copies
    for (const other of this.#carriers.willing) {
      if (other === path || left-- <= 0) continue
      for (const item of items) other.addCopy(item)
    }
  }

  #sendCopies(now: Micros): void {
    for (const path of this.#paths) {
      while (path.isUsable && path.hasCopies && hasRoom(path, now)) this.#composeCopies(path, now)
    }
  }

  #composeCopies(path: Path, now: Micros): void {
    const items: Carried[] = []
    path.writer.begin()
    this.#writeAcks(path, now)
    const size = path.estimator.recordSize()
    while (path.writer.body < size) {
      const item = path.nextCopy((items.length === 0 ? MAX_RECORD : size) - path.writer.body)
      if (item === undefined) break
      item.write(path.writer, now)
      items.push(item)
      path.counters.reinjected += item.octets
    }
    this.#finish(path, items, items.length > 0, now)
  }

  /** Acknowledgements that this record may carry: of its own path, and of paths that are slower. */
  #writeAcks(carrier: Path, now: Micros): void {
    for (const path of this.#paths) {
      if (path === carrier || carrier.estimator.srtt <= path.estimator.srtt) path.writeAck(carrier, now)
    }
  }

  #sendAcks(now: Micros): void {
    const fastest = this.#carriers.fastest()
    for (const path of this.#paths) {
      const isDue = path.ackAt <= now
      const carrier = fastest ?? path
      if (isDue && carrier !== path) this.#sendAck(path, carrier, now)
      if ((isDue && carrier === path) || path.ackHereAt <= now) this.#sendAck(path, path, now)
    }
  }

  #sendAck(path: Path, carrier: Path, now: Micros): void {
    if (carrier.state === 'closed' || carrier.isChoked) return
    carrier.writer.begin()
    path.writeAck(carrier, now)
    this.#writeAcks(carrier, now)
    this.#finish(carrier, [], false, now)
  }

  /** When an acknowledgement is due, or something late is to be sent once more. */
  pollAt(): Micros {
    let at = earliest(this.#hurry.at, this.#releaseAt)
    const fastest = this.#carriers.fastest()
    for (const path of this.#paths) {
      if (!(fastest ?? path).isChoked) at = earliest(at, path.ackAt)
      if (!path.isChoked) at = earliest(at, path.ackHereAt)
    }
    return at
  }
}
