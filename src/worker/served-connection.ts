import { seqAdd } from '../base/seq.ts'
import { Deferred } from '../stack/deferred.ts'
import { tcpError } from '../stack/tcp-error.ts'
import { releaseSyn } from '../tcp/fast-open/client.ts'
import { infoOf, type TcpInfo } from '../tcp/info.ts'
import { atEnd, consumed } from '../tcp/receive/receive.ts'
import { ReceiveInto } from '../tcp/receive/receive-call.ts'
import { urgentOf } from '../tcp/send/urgent.ts'
import type { Tcb, TcpFailure, TcpUser } from '../tcp/tcb.ts'
import type { Tcp } from '../tcp/tcp.ts'
import { abort, close, closeBoth, send, urge } from '../tcp/user.ts'
import { type Lane, LaneWord, Wish } from './lane.ts'
import { RingReader, RingWriter } from './shared-ring.ts'

/** What a connection tells the user's side. */
export interface LaneExit {
  ring(lane: number): void
  over(lane: number, failure: TcpFailure | undefined): void
  /** The lane is not touched any more. */
  free(lane: number): void
}

/**
 * The stack's end of a connection's lane: moves bytes from the ring of the user into the send buffer, and has what comes
 * arrive in the ring to the user. No promises, no views beyond one for each piece.
 */
export class ServedConnection implements TcpUser {
  readonly #tcb: Tcb
  readonly #tcp: Tcp
  readonly #lane: Lane
  readonly #exit: LaneExit
  readonly #up: RingReader
  readonly #down: RingWriter
  #opened: Deferred | undefined
  /** Counts of bytes, modulo 2^32: taken from the user, given to him. */
  #taken = 0
  #given = 0
  #isCorked = false
  #isNoDelay: boolean
  readonly #call = new ReceiveInto()
  /** The user reads no more. */
  #isClosing = false
  #isOver = false
  #isFree = false

  /** Takes the place of the connection's user. */
  constructor(tcb: Tcb, tcp: Tcp, lane: Lane, exit: LaneExit) {
    this.#tcb = tcb
    this.#tcp = tcp
    this.#lane = lane
    this.#exit = exit
    this.#up = new RingReader(lane.up)
    this.#down = new RingWriter(lane.down)
    this.#isNoDelay = tcb.noDelay
    Atomics.store(lane.words, LaneWord.NO_DELAY, this.#isNoDelay ? 1 : 0)
    tcb.receiveCall = this.#call
    tcb.user = this
  }

  /** Resolves when the handshake is complete. */
  get opened(): Promise<void> {
    const tcb = this.#tcb
    releaseSyn(tcb)
    if (tcb.isUsable) return Promise.resolve()
    this.#opened ??= new Deferred()
    return this.#opened.promise
  }

  get info(): TcpInfo {
    return infoOf(this.#tcb, this.#tcp.now)
  }

  /** The lane is known to the user's side: whatever there is already goes its way. */
  begin(): void {
    if (this.#tcb.isOver) this.onClosed(this.#tcb.failure)
    else this.visit()
  }

  /** The user's side rang. */
  visit(): void {
    if (this.#isFree) return
    const wish = Atomics.load(this.#lane.words, LaneWord.WISH)
    if (wish === Wish.ABORT) this.#abort()
    this.#switch()
    this.#send()
    if (wish === Wish.CLOSE) this.#close()
    this.#receive()
  }

  onEstablished(): void {
    this.#opened?.resolve()
  }

  onReadable(): void {
    this.#receive()
  }

  onWritable(): void {
    this.#send()
  }

  onUrgent(): void {
    const tcb = this.#tcb
    // What has arrived in the ring since the last turn is not the user's yet, either.
    const next = seqAdd(tcb.readSeq, -this.#call.filled)
    const end = this.#given + urgentOf(tcb).remaining(next)
    Atomics.store(this.#lane.words, LaneWord.URGENT_DOWN, end | 0)
    Atomics.store(this.#lane.words, LaneWord.IS_URGENT_DOWN, 1)
  }

  onClosed(failure: TcpFailure | undefined): void {
    if (this.#isOver) return
    this.#isOver = true
    if (failure === undefined) this.#opened?.resolve()
    else this.#opened?.reject(tcpError(this.#tcb, failure, 'connect'))
    this.#exit.over(this.#lane.id, failure)
    this.#receive()
  }

  /** Moves the user's bytes into the send buffer, and his end behind them. */
  #send(): void {
    const tcb = this.#tcb
    const up = this.#up
    if (tcb.isOver) return
    if (Atomics.exchange(this.#lane.words, LaneWord.IS_URGENT_UP, 0) === 1) {
      urge(tcb, (Atomics.load(this.#lane.words, LaneWord.URGENT_UP) - this.#taken) | 0)
    }
    let hasRoom = true
    do {
      for (let left = up.length; left > 0 && hasRoom; left = up.length) {
        const run = up.peek()
        const count = send(tcb, run, 0, run.length < left)
        hasRoom = count === run.length
        this.#taken = (this.#taken + count) | 0
        up.consume(count)
      }
    } while (hasRoom && !up.isEnded && !up.waitForBytes())
    if (up.takeWriter()) this.#exit.ring(this.#lane.id)
    if (up.isEnded) close(tcb)
  }

  /** Gives the user what has come, and has what comes next arrive in his ring. */
  #receive(): void {
    if (this.#isFree) return
    const tcb = this.#tcb
    const down = this.#down
    this.#commit(this.#call.end())
    let room = down.region()
    while (!this.#isClosing && tcb.receiveRing.length > 0) {
      if (room.length === 0) {
        if (down.waitForRoom()) break
        room = down.region()
      }
      const run = tcb.receiveRing.peek()
      const count = Math.min(run.length, room.length)
      room.set(count === run.length ? run : run.subarray(0, count))
      this.#commit(count)
      consumed(tcb, count, this.#tcp.now)
      room = down.region()
    }
    if (atEnd(tcb)) down.end()
    else if (!tcb.isOver && !this.#isClosing && tcb.receiveRing.length === 0) this.#call.begin(room)
    if (down.takeReader()) this.#exit.ring(this.#lane.id)
    if (this.#isOver && (this.#isClosing || tcb.receiveRing.length === 0)) this.#free()
  }

  #commit(count: number): void {
    this.#given = (this.#given + count) | 0
    if (count > 0) this.#down.commit(count)
  }

  /** Takes over how the user has set his switches. */
  #switch(): void {
    const tcb = this.#tcb
    const isCorked = Atomics.load(this.#lane.words, LaneWord.CORKED) === 1
    const isNoDelay = Atomics.load(this.#lane.words, LaneWord.NO_DELAY) === 1
    if (isCorked === this.#isCorked && isNoDelay === this.#isNoDelay) return
    if (isCorked !== this.#isCorked) tcb.cork = isCorked
    this.#isCorked = isCorked
    this.#isNoDelay = isNoDelay
    tcb.noDelay = isNoDelay
    if (!tcb.isOver) this.#tcp.changed(tcb)
  }

  /** As TcpSocket's `close`: what he has not read and never will is lost, and the peer is told. */
  #close(): void {
    const tcb = this.#tcb
    if (this.#isClosing || tcb.isOver) {
      this.#isClosing = true
      return
    }
    this.#commit(this.#call.end())
    const isUnread = this.#down.length > 0 || tcb.receiveRing.length > 0
    this.#isClosing = true
    if (isUnread) abort(tcb, this.#tcp.sender, this.#tcp.now)
    else if (this.#up.isEnded || tcb.settings.linger === 0) closeBoth(tcb, this.#tcp.sender, this.#tcp.now)
    else tcb.readClosed = true
    this.#tcp.changed(tcb)
  }

  #abort(): void {
    this.#isClosing = true
    if (this.#tcb.isOver) return
    abort(this.#tcb, this.#tcp.sender, this.#tcp.now)
    this.#tcp.changed(this.#tcb)
  }

  #free(): void {
    this.#isFree = true
    this.#tcb.user = undefined
    this.#exit.free(this.#lane.id)
  }
}
