import { addMicros, type Micros, NEVER } from '../../base/types.ts'
import { CLOSING_TIME, FIRST_PROBE, LAST_PROBE, MANY_COPIES, MAX_BEHIND, SMALLEST_RECORD } from '../limits.ts'
import { type Carried, lose, type SentRecord } from '../records/carried.ts'
import type { PathRole } from '../records/frame.ts'
import { RecordWriter } from '../records/record-writer.ts'
import { PathEstimator } from './estimator.ts'
import type { PathInput, Pipe } from './pipe.ts'
import { ReceivedRecords } from './received-records.ts'
import { SentRecords } from './sent-records.ts'
import { Throttle } from './throttle.ts'

/** `stalled`: nothing was acknowledged for too long, and others carry what it had. `closing`: it will be ended. */
export type PathState = 'open' | 'stalled' | 'closing' | 'closed'

export interface PathOptions {
  /** Agreed by both sides, and never used again in this session. */
  readonly id: number
  readonly pipe: Pipe
  /** For people. */
  readonly name?: string
  readonly role?: PathRole
  /** Its share under `weighted`. Default 1. */
  readonly weight?: number
  /** Octets per second that we send on it. Default: no limit. */
  readonly rate?: number | undefined
}

/** What happened on a path, for status and metrics; octets and times in microseconds. */
export interface PathCounters {
  octetsOut: number
  octetsIn: number
  recordsOut: number
  recordsIn: number
  /** Of `octetsOut`: sent because another path was late, far or gone. */
  reinjected: number
  stalls: number
}

/** Hears how long an answer took, in microseconds. */
export type OnTrip = (rtt: number) => void

/** One path of a session: what is on its way there, what came from there, and what is known of it. */
export class Path implements PathInput {
  readonly id: number
  readonly name: string
  readonly pipe: Pipe
  readonly estimator = new PathEstimator()
  readonly counters: PathCounters = {
    octetsOut: 0,
    octetsIn: 0,
    recordsOut: 0,
    recordsIn: 0,
    reinjected: 0,
    stalls: 0,
  }
  readonly writer = new RecordWriter()
  role: PathRole
  /** The number of what was last said about its role, by whichever side. */
  statusNumber = 0
  weight: number
  state: PathState = 'open'
  /** The other side puts nothing new on it. */
  isCloseHeard = false
  /** Why it ended. */
  reason = ''
  /** The pipe takes more. */
  isWritable = true
  /** Octets that came and were not looked at. */
  inbox: Uint8Array[] = []
  /** Who wants to know how long the next record's answer takes. */
  tripWishes: OnTrip[] = []
  /** Whose answer has not come: to the record of that number. */
  #trips: { readonly number: number; readonly sentAt: Micros; readonly onTrip: OnTrip }[] = []
  /** What another path is late with, or carries too. */
  #copies: Carried[] = []
  /** Octets of those. */
  copied = 0
  /** Its own limit, and that of the whole session. */
  readonly throttles: Throttle[] = []
  /** Of the weighted scheduler. */
  debt = 0
  stalledAt: Micros = NEVER
  /** When its round trip was last asked for or told; NEVER before the first time, and when that is believed no more. */
  pingedAt: Micros = NEVER
  readonly #onWork: (path: Path) => void
  readonly #sent = new SentRecords()
  readonly #received = new ReceivedRecords()
  /** When the peer last acknowledged something, or something went out with nothing before it. */
  #progressAt: Micros
  #probeAt: Micros = NEVER
  #probeGap = FIRST_PROBE

  constructor(options: PathOptions, now: Micros, onWork: (path: Path) => void) {
    this.id = options.id
    this.pipe = options.pipe
    this.name = options.name ?? `path ${options.id}`
    this.role = options.role ?? 'primary'
    this.weight = options.weight ?? 1
    if (options.rate !== undefined) this.throttles.push(new Throttle(options.rate, now))
    this.estimator.begin(now)
    this.#progressAt = now
    this.#onWork = onWork
  }

  onBytes(bytes: Uint8Array): void {
    if (this.state === 'closed') return
    this.inbox.push(bytes)
    this.#onWork(this)
  }

  onWritable(): void {
    this.isWritable = true
    this.#onWork(this)
  }

  onClosed(reason: string): void {
    if (this.state === 'closed') return
    this.reason = reason
    this.state = 'closed'
    this.#onWork(this)
  }

  /** Whether new data may be put on it. */
  get isUsable(): boolean {
    return this.state === 'open'
  }

  /** So much waits in its pipe that nothing more is put there: its peer reads nothing. */
  get isChoked(): boolean {
    return this.pipe.queued > MAX_BEHIND
  }

  /** Octets that fit on it now. */
  room(now: Micros): number {
    if (!this.isWritable) return 0
    const { limit, queued } = this.pipe
    let room = Math.min(this.estimator.cap(now) - this.inFlight, limit - queued - this.writer.octets)
    for (const throttle of this.throttles) room = Math.min(room, throttle.available(now))
    return room
  }

  /** Octets that it may bring in the next `micros`. */
  within(micros: number): number {
    let octets = this.estimator.within(micros)
    for (const throttle of this.throttles) octets = Math.min(octets, throttle.within(micros))
    return octets
  }

  /** When a limit of its rate lets something go; at once where there is none. */
  releasedAt(now: Micros): Micros {
    let at = now
    for (const throttle of this.throttles) at = latest(at, throttle.at(now))
    return at
  }

  /** Octets of records that ask for acknowledgement and have none. */
  get inFlight(): number {
    return this.#sent.octets
  }

  /** The first record of which this is true, of those that have no acknowledgement and were not given up. */
  findSent(test: (record: SentRecord) => boolean): SentRecord | undefined {
    return this.#sent.find(test)
  }

  /** It carries this as well, as soon as it has room. */
  addCopy(item: Carried): void {
    item.copies++
    this.#copies.push(item)
    this.copied += item.octets
    if (this.#copies.length % MANY_COPIES !== 0) return
    this.#copies = this.#copies.filter((copy) => !copy.isSettled)
    this.copied = this.#copies.reduce((sum, { octets }) => sum + octets, 0)
  }

  /** The next copy that is still needed, if it has at most `most` octets. */
  nextCopy(most: number): Carried | undefined {
    for (let item = this.#copies[0]; item !== undefined; item = this.#copies[0]) {
      if (!item.isSettled && item.octets > most) return undefined
      this.#copies.shift()
      this.copied -= item.octets
      item.copies--
      if (!item.isSettled) return item
    }
    return undefined
  }

  get hasCopies(): boolean {
    return this.#copies.length > 0
  }

  /** Hands the record that the writer has just finished to memory; it goes with the next `flush`. */
  onSent(octets: number, items: readonly Carried[], isAsking: boolean, now: Micros): void {
    const number = this.#sent.next(now)
    this.counters.recordsOut++
    this.counters.octetsOut += octets
    for (const throttle of this.throttles) throttle.take(octets)
    if (!isAsking) return
    const { estimator } = this
    if (this.inFlight === 0) {
      this.#progressAt = now
      estimator.begin(now)
    }
    const { delivered, deliveredAt, firstSentAt } = estimator
    // A question alone says nothing of how much the path can take.
    const isAppLimited = estimator.isAppLimited || items.length === 0
    const measured = { sentAt: now, delivered, deliveredAt, firstSentAt, isAppLimited }
    this.#sent.push({ number, octets, items, isGivenUp: false, ...measured })
  }

  /** All that could be sent was, and little of it is here: what is measured now is not the most it can. */
  limit(now: Micros): void {
    if (!this.isUsable || this.inFlight > this.estimator.cap(now) / 2) return
    this.estimator.limit(this.inFlight)
    this.#sent.limit(now)
  }

  /** Gives the pipe what was written. */
  flush(): void {
    if (this.writer.octets === 0) return
    const pieces = this.writer.take()
    if (this.state === 'closed') return
    this.isWritable = this.pipe.write(pieces)
  }

  /** The peer has `count` of our records; false when we never sent so many. */
  onAck(count: number, delay: number, isHere: boolean, now: Micros): boolean {
    if (count > this.#sent.count) return false
    const isOutage = this.state === 'stalled' && now - this.#progressAt > this.estimator.stallTime
    if (isHere) this.#onOwnAck(count, delay, isOutage, now)
    const before = this.inFlight
    const newest = this.#sent.acknowledge(count)
    if (newest === undefined) return true
    this.#progressAt = now
    this.estimator.onDelivered(before - this.inFlight, this.inFlight, newest, now)
    if (this.state === 'stalled') this.#recover(isOutage)
    return true
  }

  /** A record came. */
  onRecord(octets: number, isAsking: boolean, now: Micros): void {
    this.counters.recordsIn++
    this.#received.onRecord(octets, isAsking, now)
  }

  /** The peer wants to know at once, of the record that is coming. */
  askAck(): void {
    this.#received.askAck()
  }

  /** When an acknowledgement of what came here is due, on whatever path. */
  get ackAt(): Micros {
    return this.#received.ackAt
  }

  /** When one should go on this very path. */
  get ackHereAt(): Micros {
    return this.state === 'closed' ? NEVER : this.#received.ackHereAt(this.estimator.srtt)
  }

  /** Puts the acknowledgement of what came on this path in a record of `carrier`, when there is news. */
  writeAck(carrier: Path, now: Micros): void {
    this.#received.writeAck(carrier.writer, this.id, carrier === this, now)
  }

  /** Records that came, to be told when the path is gone. */
  get received(): number {
    return this.#received.count
  }

  /** When silence with something in flight becomes a stall, or a stalled path is asked again. */
  get watchAt(): Micros {
    if (this.state === 'stalled') return this.#probeAt
    if (this.state === 'closing') return addMicros(this.#progressAt, Math.max(this.estimator.answerTime, CLOSING_TIME))
    if (this.state !== 'open' || this.inFlight === 0) return NEVER
    return addMicros(this.#progressAt, this.estimator.stallTime)
  }

  /** It carries nothing new from now on, and ends when both sides have all that was on its way. */
  close(now: Micros): void {
    this.state = 'closing'
    this.#progressAt = now
    this.#loseCopies()
  }

  /** It was silent for too long: it carries nothing more, until it speaks again. */
  stall(now: Micros): void {
    this.state = 'stalled'
    this.stalledAt = now
    this.counters.stalls++
    this.#probeGap = FIRST_PROBE
    this.#probeAt = addMicros(now, this.#probeGap)
    this.estimator.onStall()
    this.giveUp()
  }

  /** Asks a stalled path; the caller writes the record. */
  probed(now: Micros): void {
    this.#probeGap = Math.min(2 * this.#probeGap, LAST_PROBE)
    this.#probeAt = addMicros(now, this.#probeGap)
  }

  /** All that is on its way here may be lost. */
  giveUp(): void {
    this.#sent.giveUp()
    this.#loseCopies()
  }

  /** The next record is the question of all who asked. */
  expectTrip(now: Micros): void {
    for (const onTrip of this.tripWishes) this.#trips.push({ number: this.#sent.count, sentAt: now, onTrip })
    this.tripWishes = []
  }

  /** Only what came back on the path itself tells its round trip; most is acknowledged sooner, on a faster one. */
  #onOwnAck(count: number, delay: number, isOutage: boolean, now: Micros): void {
    while (this.#trips.length > 0 && this.#trips[0]!.number < count) {
      const { sentAt, onTrip } = this.#trips.shift()!
      onTrip(now - sentAt)
    }
    const roundTrip = this.#sent.roundTrip(count, now)
    if (roundTrip === undefined || isOutage) return
    this.estimator.onRtt(roundTrip, delay, now)
    this.pingedAt = now
  }

  /** What waits to be carried as well is not. */
  #loseCopies(): void {
    this.copied = 0
    for (const item of this.#copies.splice(0)) lose(item)
  }

  /** It speaks again. How long it was away says nothing of how far away the peer is; what was only late does. */
  #recover(isOutage: boolean): void {
    this.state = 'open'
    this.stalledAt = NEVER
    this.#probeAt = NEVER
    this.estimator.restart(10 * SMALLEST_RECORD)
    if (!isOutage) return
    this.estimator.forgetRtt()
    this.#sent.distrustTimes()
    this.pingedAt = NEVER
  }
}

const latest = (a: Micros, b: Micros): Micros => (a > b ? a : b)
