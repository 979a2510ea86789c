import type { Micros } from '../../base/types.ts'
import type { ReceiveWindow } from '../credit/receive-window.ts'
import { QUANTUM } from '../limits.ts'
import { ControlFrame, type ControlQueue } from '../records/control.ts'
import { Reassembly } from './reassembly.ts'
import { SendQueue } from './send-queue.ts'
import { type Opening, ResetCode, type SessionStream, type StreamEvents } from './stream-types.ts'
import { Tellings } from './tellings.ts'
import { beyondFor, WriteAhead } from './write-ahead.ts'

/** What a stream asks of its session. */
export interface StreamOwner {
  readonly control: ControlQueue
  /** Octets that one user may write ahead of what is sent, at most. */
  readonly writeAhead: number
  /** Something is to be sent, or somebody to be told: poll soon. */
  onTouched(stream: Stream): void
  /** The receiving side of a stream went on. */
  onMoved(from: Progress, to: Progress): void
  /** Both directions are done: forget it. */
  onGone(stream: Stream): void
}

/** How far the receiving side of a stream has come, in octets. */
export interface Progress {
  /** Up to the highest that came, up to the first that is missing, and up to the last that was read. */
  readonly highest: number
  readonly next: number
  readonly read: number
  /** What came beyond a gap, in so many pieces. */
  readonly pieces: number
}

/** What of a stream contradicts what was said before. */
export type StreamFault = 'stream-credit-exceeded' | 'stream-end-contradicted'

export interface StreamInit {
  readonly id: number
  readonly isOurs: boolean
  readonly opening: Opening
  readonly window: ReceiveWindow
  /** What the other side lets us send at first. */
  readonly credit: number
}

/** A stream between its user and the session: what is to be sent, what came, and how it ends. */
export class Stream implements SessionStream {
  readonly id: number
  readonly isOurs: boolean
  readonly send = new SendQueue()
  readonly receive = new Reassembly()
  readonly window: ReceiveWindow
  opening: Opening
  events: StreamEvents = {}
  /** The octet that we may not pass, as the other side said. */
  credit: number
  /** It stands among those that have something to send; it stands among those whose users are to be told. */
  isListed = false
  isTouched = false
  /** Octets it may send before it gives way. */
  quantum = QUANTUM
  /** The other side has said what it is: before that, only octets of it came. */
  isOpened: boolean
  /** It counts among those that the other side may have open. */
  isAdmitted = false
  readonly #owner: StreamOwner
  readonly #ahead = new WriteAhead()
  #isAccepted = false
  #isStopped = false
  #isStopSent = false
  #isReset = false
  #isResetHeard = false
  #isResetAcked = false
  #isGone = false
  /** What the session was told of. */
  readonly #told = { highest: 0, next: 0, read: 0, pieces: 0 }
  readonly #tellings = new Tellings()

  constructor(owner: StreamOwner, { id, isOurs, opening, window, credit }: StreamInit) {
    this.#owner = owner
    this.id = id
    this.isOurs = isOurs
    this.isOpened = isOurs
    this.opening = opening
    this.window = window
    this.credit = credit
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

  get isEnded(): boolean {
    return this.receive.isEnded
  }

  /** Nothing more goes either way, in good order or not. */
  get isOver(): boolean {
    return this.#isReset || this.#isGone
  }

  accept(): void {
    if (this.isOurs || this.#isAccepted || this.isOver) return
    this.#isAccepted = true
    this.#owner.control.push(new ControlFrame(this.#owner.control, (writer) => writer.accept(this.id)))
    this.#touch()
  }

  write(bytes: Uint8Array): boolean {
    if (this.isOver || this.#isStopped || this.send.isEnded) return true
    this.send.write(bytes)
    this.#touch()
    return this.#ahead.allows(this.send.unsent, this.#beyond, this.#owner.writeAhead)
  }

  get room(): number {
    return Math.max(0, this.credit + beyondFor(this.#owner.writeAhead) - this.send.written)
  }

  end(): void {
    if (this.isOver || this.send.isEnded) return
    this.send.isEnded = true
    this.#touch()
  }

  read(): Uint8Array | undefined {
    const bytes = this.receive.take()
    if (bytes !== undefined) this.#account()
    if (bytes !== undefined || this.isEnded) this.#touch()
    return bytes
  }

  stop(code: number): void {
    if (this.isOver || this.#isStopSent || this.isEnded) return
    this.#isStopSent = true
    const { control } = this.#owner
    control.push(new ControlFrame(control, (writer) => writer.stop(this.id, code)))
    this.#discard()
    this.#touch()
  }

  reset(code: number): void {
    if (this.isOver) return
    this.#tellings.forgetAccepted()
    this.#resetNow(code)
    this.#touch()
  }

  /** Octets that may go now. */
  get sendable(): boolean {
    if (this.isOver) return false
    return this.send.hasLost || Math.min(this.credit, this.send.written) > this.send.sent
  }

  onAccepted(): void {
    if (!this.isOurs || this.#isAccepted || this.isOver) return
    this.#isAccepted = true
    this.#tellings.accepted()
    this.#touch()
  }

  onCredit(limit: number): void {
    if (limit > this.credit) this.credit = limit
  }

  /** Octets came. */
  onOctets(offset: number, bytes: Uint8Array, isEnd: boolean): StreamFault | undefined {
    const { receive } = this
    const { next, isEnded } = receive
    if (offset + bytes.length > this.window.limit) return 'stream-credit-exceeded'
    if (!receive.insert(offset, bytes, isEnd)) return 'stream-end-contradicted'
    this.window.onHighest(receive.highest)
    if (this.#isStopSent || this.isOver) receive.discard()
    else if (receive.next > next || receive.isEnded !== isEnded) this.#tellings.readable()
    this.#account()
    this.#touch()
    return undefined
  }

  /** The reader has taken something: tell the other side, when it is worth it. */
  renewCredit(rtt: number, now: Micros): void {
    if (this.receive.end !== undefined || this.isOver) return
    if (!this.window.advance(this.receive.read, rtt, now)) return
    const { control } = this.#owner
    const { limit } = this.window
    // A later one says more.
    const isObsolete = (): boolean => this.isOver || this.window.limit > limit
    control.push(new ControlFrame(control, (writer) => writer.streamCredit(this.id, limit), { isObsolete }))
  }

  onStop(code: number): void {
    if (this.isOver || this.#isStopped) return
    this.#isStopped = true
    this.#tellings.stopped(code)
    // Nobody wants what is left; the end, where we are, completes our direction.
    this.send.clear()
    this.send.isEnded = true
    this.#touch()
  }

  onReset(code: number, finalOffset: number): StreamFault | undefined {
    const { highest, end } = this.receive
    if (finalOffset < highest || (end !== undefined && finalOffset !== end)) return 'stream-end-contradicted'
    if (finalOffset > this.window.limit) return 'stream-credit-exceeded'
    this.receive.finish(finalOffset)
    this.#account()
    this.#isResetHeard = true
    if (!this.#isReset) {
      this.#resetNow(ResetCode.CANCELLED)
      this.#tellings.reset(code)
    }
    this.#touch()
    return undefined
  }

  /** The session has ended. */
  onSessionEnd(code: number): void {
    if (this.isOver) return
    this.#isReset = true
    this.#isGone = true
    this.#letGo()
    this.#tellings.reset(code)
  }

  /** Tells the user what is new; after this nothing is. Before he knows of the stream, all of it waits. */
  tell(): void {
    const { events } = this
    if (!this.isOpened) {
      this.receive.settle()
      if (this.#isReset) this.#finish()
      return
    }
    this.#tellings.tell(events, this)
    if (this.#ahead.isWaiting && !this.isOver && this.#mayWriteOn()) events.onWritable?.()
    this.receive.settle()
    this.#finish()
  }

  /** Something of it went out, arrived or was lost. */
  touched(): void {
    this.#touch()
  }

  #mayWriteOn(): boolean {
    return this.#ahead.resumes(this.send.unsent, this.#beyond, this.#owner.writeAhead)
  }

  /** Octets that are unsent because the other side does not let them go yet. */
  get #beyond(): number {
    return this.send.written - Math.max(this.send.sent, Math.min(this.credit, this.send.written))
  }

  #resetNow(code: number): void {
    this.#isReset = true
    const { control } = this.#owner
    const finalOffset = this.send.sent
    const onAcked = (): void => {
      this.#isResetAcked = true
      this.#touch()
    }
    control.push(new ControlFrame(control, (writer) => writer.reset(this.id, code, finalOffset), { onAcked }))
    this.#letGo()
  }

  #letGo(): void {
    this.send.clear()
    this.#discard()
  }

  #discard(): void {
    this.receive.discard()
    this.#account()
  }

  /** Tells the session how far the receiving side has come since it was told last. */
  #account(): void {
    const { highest, next, read, pieces } = this.receive
    const told = this.#told
    this.#owner.onMoved(told, this.receive)
    told.highest = highest
    told.next = next
    told.read = read
    told.pieces = pieces
  }

  /** Both directions are done. */
  #finish(): void {
    if (this.#isGone) return
    // Where all of the other side's octets came, it may have forgotten the stream already, and answer nothing.
    const isHeard = this.#isResetHeard || this.receive.next === this.receive.end
    const isDone = this.#isReset ? isHeard && this.#isResetAcked : this.send.isDone && this.receive.isDone
    if (!isDone) return
    this.#isGone = true
    this.#owner.onGone(this)
    if (!this.#isReset) this.events.onClosed?.()
  }

  #touch(): void {
    this.#owner.onTouched(this)
  }
}
