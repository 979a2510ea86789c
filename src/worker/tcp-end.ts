import { Deferred } from '../stack/deferred.ts'
import { ENDED, tcpError } from '../stack/tcp-error.ts'
import { Waiters } from '../stack/waiters.ts'
import { type ByteSink, WriteQueue } from '../stack/write-queue.ts'
import type { TcpFailure } from '../tcp/tcb.ts'
import type { Crossing, LaneUser } from './crossing.ts'
import { type Lane, LaneWord, Wish } from './lane.ts'
import { type Answer, type ConnectionFacts, connectionOver } from './protocol.ts'
import { RingReader, RingWriter } from './shared-ring.ts'

/**
 * The user's end of a connection's lane, and who waits there. It has the lane until the stack's side is done with it;
 * what is unread then moves to memory of its own, so that a socket that nobody reads holds up no lane.
 */
export class TcpEnd implements LaneUser, ByteSink {
  readonly readers = new Waiters('read')
  readonly writes = new WriteQueue(this)
  /** Known once the connection is there. */
  facts!: ConnectionFacts
  isOver = false
  /** Why it ended, or will have ended as soon as the stack hears of it. */
  failure: TcpFailure | undefined
  readonly #crossing: Crossing
  readonly #lane: Lane
  readonly #up: RingWriter
  #down: RingReader
  /** The lane is somebody else's. */
  #isFree = false
  /** Nothing is read any more. */
  #isDropped = false
  #closed: Deferred | undefined
  #written = 0
  #read = 0

  constructor(crossing: Crossing) {
    this.#crossing = crossing
    this.#lane = crossing.enter(this)
    this.#up = new RingWriter(this.#lane.up)
    this.#down = new RingReader(this.#lane.down)
  }

  get laneId(): number {
    return this.#lane.id
  }

  get closed(): Promise<void> {
    this.#closed ??= new Deferred()
    this.#settle()
    return this.#closed.promise
  }

  /** Bytes that can be read. */
  get length(): number {
    return this.#isDropped ? 0 : this.#down.length
  }

  /** The peer's stream has been read to its end. */
  get isEnded(): boolean {
    return this.#down.isEnded
  }

  /** Nothing more will come. */
  get isDry(): boolean {
    return this.#isFree || this.#isDropped
  }

  get urgentBytes(): number {
    const { words } = this.#lane
    if (this.#isFree || Atomics.load(words, LaneWord.IS_URGENT_DOWN) === 0) return 0
    return Math.max(0, (Atomics.load(words, LaneWord.URGENT_DOWN) - this.#read) | 0)
  }

  /** Whether there is reason to wait for bytes; the bell rings when there is none any more. */
  waitForBytes(): boolean {
    return this.#down.waitForBytes()
  }

  /** Some of the next bytes, in memory of their own. */
  take(most: number): Uint8Array {
    const count = Math.min(most, this.#down.length)
    // Where memory is shared, `slice` takes ten times as long.
    const chunk = new Uint8Array(Buffer.allocUnsafeSlow(count).buffer)
    this.readInto(chunk)
    return chunk
  }

  /** Moves what there is to `target`; how much that is. */
  readInto(target: Uint8Array): number {
    const count = this.#down.read(target)
    this.#read = (this.#read + count) | 0
    if (!this.#isFree && this.#down.takeWriter()) this.#ring()
    return count
  }

  send(bytes: Uint8Array, from: number): number {
    if (this.#isFree) return 0
    let count = 0
    do count += this.#up.write(bytes, from + count)
    while (from + count < bytes.length && !this.#up.waitForRoom())
    this.#written = (this.#written + count) | 0
    if (this.#up.takeReader()) this.#ring()
    return count
  }

  urge(count: number): void {
    if (this.#isFree) return
    Atomics.store(this.#lane.words, LaneWord.URGENT_UP, (this.#written + count) | 0)
    Atomics.store(this.#lane.words, LaneWord.IS_URGENT_UP, 1)
    this.#ring()
  }

  finish(): void {
    if (this.#isFree) return
    this.#up.end()
    this.#ring()
  }

  /** Tells the stack how the connection is to end. Nothing is read any more. */
  wish(wish: (typeof Wish)[keyof typeof Wish]): void {
    this.#isDropped = true
    this.set(LaneWord.WISH, wish)
    this.readers.wake()
  }

  /** As the stack will have it at once: everything that waits fails. */
  abort(failure: TcpFailure): void {
    if (this.isOver) return
    this.failure = failure
    this.wish(Wish.ABORT)
    this.#failWrites()
  }

  /** Asks the stack something about the connection. @throws {NetError} ERR_CLOSED once that is over. */
  async call<O extends 'info' | 'opened'>(operation: O): Promise<Answer<O>> {
    if (this.#isFree) throw connectionOver(operation)
    return await this.#crossing.caller.call(operation, this.#lane.id)
  }

  /** Sets a word of the lane, and has the stack look at it. */
  set(word: number, value: number): void {
    if (this.#isFree) return
    Atomics.store(this.#lane.words, word, value)
    this.#ring()
  }

  visit(): void {
    this.readers.wake()
    if (!this.writes.isEmpty) this.writes.resume()
  }

  onOver(failure: TcpFailure | undefined): void {
    this.isOver = true
    this.failure = failure
    this.#settle()
    this.#failWrites()
    this.readers.wake()
  }

  onFree(): void {
    if (this.#isFree) return
    this.#isFree = true
    this.#down = this.#down.detached()
    this.#crossing.leave(this.#lane)
    this.readers.wake()
  }

  onDied(why: string): void {
    this.#isFree = true
    if (!this.isOver) this.onOver({ code: 'ERR_WORKER', message: why })
  }

  #ring(): void {
    this.#crossing.ring(this.#lane)
  }

  #failWrites(): void {
    if (!this.writes.isEmpty) this.writes.fail(tcpError(this.facts, this.failure ?? ENDED, 'write'))
  }

  #settle(): void {
    if (!this.isOver) return
    if (this.failure === undefined) this.#closed?.resolve()
    else this.#closed?.reject(tcpError(this.facts, this.failure, 'read'))
  }
}
