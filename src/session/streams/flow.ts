import { addMicros, type Micros, NEVER } from '../../base/types.ts'
import {
  DATAGRAM_COST,
  FLOW_FRESH,
  FLOW_PATIENCE,
  FLOW_QUEUE,
  MAX_DATAGRAM,
  MAX_EARLY_DATAGRAMS,
  REMEMBERED_DATAGRAMS,
} from '../limits.ts'
import type { Carried } from '../records/carried.ts'
import { ControlFrame, type ControlQueue } from '../records/control.ts'
import type { RecordWriter } from '../records/record-writer.ts'
import { copyOf } from '../records/small-pieces.ts'
import { type FlowEvents, type Opening, ResetCode, type SessionFlow } from './stream-types.ts'

export interface FlowOwner {
  readonly control: ControlQueue
  /** The time of the last poll, near enough for ages. */
  readonly now: Micros
  /** Makes room for so many octets that came too early; false when there is none. */
  holdEarly(octets: number): boolean
  /** They are not held any more. */
  letGoEarly(octets: number): void
  onFlowTouched(flow: Flow): void
  /** One of its datagrams was thrown away. */
  onDropped(): void
  onFlowGone(flow: Flow): void
}

/** What became of a flow's datagrams. */
export interface FlowCounters {
  sent: number
  received: number
  /** Thrown away before they were sent: too many waited, or too long. */
  full: number
  late: number
  /** Came again, on another path. */
  repeated: number
}

/** Datagrams between a user and the session. */
export class Flow implements SessionFlow {
  readonly id: number
  readonly isOurs: boolean
  readonly counters: FlowCounters = { sent: 0, received: 0, full: 0, late: 0, repeated: 0 }
  opening: Opening
  events: FlowEvents = {}
  isListed = false
  isOpened: boolean
  /** It counts among those that the other side may have open. */
  isAdmitted = false
  /** Nothing more is sent or received; it is forgotten once the other side knows. */
  isGone = false
  #closedCode = -1
  /** What came before its user knew of it; undefined once he does. */
  #early: { bytes: Uint8Array; age: number }[] | undefined
  readonly #owner: FlowOwner
  #queue: { bytes: Uint8Array; at: Micros }[] = []
  #queued = 0
  /** When last nothing waited. */
  #emptyAt: Micros = 0 as Micros
  /** Of those that wait, how many of the latest have no time yet. */
  #unstamped = 0
  #number = 0
  #highest = -1
  readonly #seen = new Uint8Array(REMEMBERED_DATAGRAMS / 8)

  constructor(owner: FlowOwner, { id, isOurs, opening }: { id: number; isOurs: boolean; opening: Opening }) {
    this.#owner = owner
    this.id = id
    this.isOurs = isOurs
    this.isOpened = isOurs
    this.#early = isOurs ? undefined : []
    this.opening = opening
  }

  get service(): string {
    return this.opening.service
  }
  get target(): string {
    return this.opening.target
  }
  get source(): string {
    return this.opening.source
  }

  get isEmpty(): boolean {
    return this.#queue.length === 0
  }

  send(bytes: Uint8Array): boolean {
    if (bytes.length > MAX_DATAGRAM) return false
    if (this.isGone) return true
    // The session's clock stands still between polls: the next one says when this was.
    this.#queue.push({ bytes, at: NEVER })
    this.#unstamped++
    this.#queued += bytes.length + DATAGRAM_COST
    while (this.#queued > FLOW_QUEUE) {
      this.#drop()
      this.counters.full++
      this.#owner.onDropped()
    }
    this.#owner.onFlowTouched(this)
    return true
  }

  /** What was handed over since the last poll counts its age from now on. */
  stamp(now: Micros): void {
    if (this.#unstamped === this.#queue.length) this.#emptyAt = now
    for (; this.#unstamped > 0; this.#unstamped--) this.#queue[this.#queue.length - this.#unstamped]!.at = now
  }

  close(code: number = ResetCode.CANCELLED): void {
    if (this.isGone) return
    const { control } = this.#owner
    const onAcked = (): void => this.#owner.onFlowGone(this)
    control.push(new ControlFrame(control, (writer) => writer.reset(this.id, code, 0), { onAcked }))
    this.#end()
    this.#owner.onFlowTouched(this)
  }

  /** The next datagram that is worth sending, if it has at most `most` octets. */
  next(most: number, now: Micros): Datagram | undefined {
    this.stamp(now)
    while (this.#queue.length > 0) {
      const { bytes, at } = this.#queue[0]!
      if (this.isLate(at, now)) {
        this.#drop()
        this.counters.late++
        this.#owner.onDropped()
      } else if (bytes.length > most) return undefined
      else {
        this.#drop()
        this.counters.sent++
        return new Datagram(this, this.#number++, bytes, at)
      }
    }
    return undefined
  }

  /** What was handed over at that time has waited for too long. */
  isLate(at: Micros, now: Micros = this.#owner.now): boolean {
    const isStanding = addMicros(this.#emptyAt, FLOW_PATIENCE) < now
    return addMicros(at, isStanding ? FLOW_FRESH : FLOW_PATIENCE) < now
  }

  /** Its user knows of it: he is told what came before. */
  introduce(): void {
    for (const { bytes, age } of this.#forgetEarly()) this.events.onDatagram?.(bytes, age)
  }

  /** A datagram came that is new: for its user, or kept until he knows of the flow. */
  onDatagram(bytes: Uint8Array, age: number): void {
    const early = this.#early
    if (early === undefined) this.events.onDatagram?.(bytes, age)
    else if (early.length < MAX_EARLY_DATAGRAMS && this.#owner.holdEarly(bytes.length + DATAGRAM_COST)) {
      early.push({ bytes: copyOf(bytes), age })
    } else this.#owner.onDropped()
  }

  /** One came; whether it is new. */
  isNew(number: number): boolean {
    if (number <= this.#highest - REMEMBERED_DATAGRAMS) return this.#repeated()
    if (number > this.#highest) {
      this.#unsee(Math.max(this.#highest + 1, number - REMEMBERED_DATAGRAMS + 1), number)
      this.#highest = number
    } else if ((this.#seen[(number % REMEMBERED_DATAGRAMS) >> 3]! & (1 << (number & 7))) !== 0) return this.#repeated()
    this.#seen[(number % REMEMBERED_DATAGRAMS) >> 3]! |= 1 << (number & 7)
    this.counters.received++
    return true
  }

  /** None of these numbers has come: whole octets at once, since the peer chooses how many there are. */
  #unsee(first: number, last: number): void {
    const seen = this.#seen
    for (let n = first; n <= last; ) {
      const octet = (n % REMEMBERED_DATAGRAMS) >> 3
      const whole = n % 8 === 0 ? Math.min((last + 1 - n) >> 3, seen.length - octet) : 0
      if (whole > 0) seen.fill(0, octet, octet + whole)
      else seen[octet]! &= ~(1 << (n & 7))
      n += whole > 0 ? 8 * whole : 1
    }
  }

  onReset(code: number): void {
    if (this.isGone) return
    this.#end()
    this.#owner.onFlowGone(this)
    this.events.onClosed?.(code)
  }

  /** The session has ended: its user is told by `tell`. */
  onSessionEnd(code: number): void {
    if (this.isGone) return
    this.#end()
    this.#closedCode = code
  }

  tell(): void {
    if (this.#closedCode >= 0) this.events.onClosed?.(this.#closedCode)
    this.#closedCode = -1
  }

  #end(): void {
    this.isGone = true
    this.#queue = []
    this.#queued = 0
    this.#unstamped = 0
    this.#forgetEarly()
  }

  #forgetEarly(): readonly { bytes: Uint8Array; age: number }[] {
    const early = this.#early ?? []
    this.#early = undefined
    for (const { bytes } of early) this.#owner.letGoEarly(bytes.length + DATAGRAM_COST)
    return early
  }

  #repeated(): boolean {
    this.counters.repeated++
    return false
  }

  #drop(): void {
    if (this.#unstamped === this.#queue.length) this.#unstamped--
    this.#queued -= this.#queue.shift()!.bytes.length + DATAGRAM_COST
  }
}

/** A datagram in a record: it is sent once on each path that carries it, and never again. */
class Datagram implements Carried {
  readonly octets: number
  copies = 0
  readonly #flow: Flow
  readonly #number: number
  readonly #bytes: Uint8Array
  readonly #at: Micros
  #isAcked = false

  constructor(flow: Flow, number: number, bytes: Uint8Array, at: Micros) {
    this.#flow = flow
    this.#number = number
    this.#bytes = bytes
    this.#at = at
    this.octets = bytes.length + 24
  }

  /** A copy that waited for a slow path is not worth more than one that waited for the first. */
  get isSettled(): boolean {
    return this.#isAcked || this.#flow.isGone || this.#flow.isLate(this.#at)
  }

  write(writer: RecordWriter, now: Micros): void {
    writer.datagram(this.#flow.id, this.#number, Math.max(0, now - this.#at), this.#bytes)
  }

  onAcked(): void {
    this.#isAcked = true
  }

  onLost(): void {}
}
