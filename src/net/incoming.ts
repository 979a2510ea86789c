import { atEnd, consumed } from '../tcp/receive/receive.ts'
import { ReceiveCall } from '../tcp/receive/receive-call.ts'
import type { Tcb } from '../tcp/tcb.ts'
import type { Tcp } from '../tcp/tcp.ts'
import { systemError } from './errors.ts'

/** The largest piece that is copied and handed up at once. */
const MAX_CHUNK = 64 * 1024
/** Pieces up to this size come from Buffer's pool. */
const POOLED = 4 * 1024
/** A turn that brought so much will be followed by another: memory waits for it. */
const BULK = 32 * 1024
/** That memory: what a turn of a fast link brings. */
const WAITING_MEMORY = 256 * 1024

/** What a stream is told of the bytes that come. */
export interface ReadSide {
  /** The next bytes; false to be left alone until `read`. */
  onBytes(chunk: Buffer): boolean
  /** Where bytes go that `onBytes` need not have in memory of their own; then `onFilled` is told how many they are. */
  readonly target: Uint8Array | undefined
  onFilled(count: number): boolean
  onEnd(): void
  onFailed(error: Error): void
}

/** The half of a connection that reads: from the receive buffer, or from memory that waits there so that bytes arrive in it. */
export class Incoming {
  bytesRead = 0
  readonly #tcb: Tcb
  readonly #tcp: Tcp
  readonly #side: ReadSide
  #isReading = false
  /** Nothing is handed up yet. */
  #isHeld = true
  #isTaking = false
  #isEnded = false
  /** What waits in the connection's `receiveCall`, and what may be the next. */
  #waiting: Uint8Array | undefined
  #spare: Buffer | undefined

  constructor(tcb: Tcb, tcp: Tcp, side: ReadSide) {
    this.#tcb = tcb
    this.#tcp = tcp
    this.#side = side
  }

  get isReading(): boolean {
    return this.#isReading
  }

  /** Hands up bytes until `onBytes` says no. */
  read(): void {
    if (this.#isReading || this.#isEnded) return
    this.#isReading = true
    if (!this.#isHeld && this.#hasNews) process.nextTick(take, this)
  }

  stopReading(): void {
    this.#isReading = false
  }

  /** Hands up what there is: nothing before the first call. */
  release(): void {
    this.#isHeld = false
    if (this.#isReading) this.take()
  }

  /** Nothing is handed up any more. */
  end(): void {
    this.#isReading = false
    this.#isEnded = true
    this.#takeBack()
    this.#spare = undefined
  }

  /** Hands up what has come, and waits for more. */
  take(): void {
    if (this.#isTaking || this.#isHeld || !this.#isReading) return
    this.#isTaking = true
    const before = this.bytesRead
    const { receiveRing } = this.#tcb
    try {
      this.#takeArrived()
      while (this.#isReading && receiveRing.length > 0) this.#hand(receiveRing.peek())
    } finally {
      this.#isTaking = false
      // A listener threw: the rest comes all the same.
      if (this.#isReading && receiveRing.length > 0) process.nextTick(take, this)
    }
    if (this.#isReading) this.#checkEnd()
    if (this.#isReading) this.#wait(this.bytesRead - before)
  }

  get #hasNews(): boolean {
    const tcb = this.#tcb
    return tcb.receiveRing.length > 0 || this.#waiting !== undefined || atEnd(tcb) || tcb.isOver
  }

  /** Hands up what has arrived in the memory that waited. */
  #takeArrived(): void {
    const memory = this.#waiting
    if (memory === undefined) return
    const count = this.#takeBack()
    if (count === 0) return
    this.bytesRead += count
    const side = this.#side
    const isOurs = memory === this.#spare
    if (!isOurs) this.#isReading = side.onFilled(count) && this.#isReading
    else if (count >= memory.length / 2) {
      const chunk = this.#spare!
      this.#spare = undefined
      this.#isReading = side.onBytes(count === memory.length ? chunk : chunk.subarray(0, count)) && this.#isReading
    } else this.#isReading = side.onBytes(copyOf(memory, count)) && this.#isReading
  }

  /** Hands up a copy of the next bytes of the receive buffer. */
  #hand(view: Uint8Array): void {
    const side = this.#side
    const { target } = side
    const count = Math.min(view.length, target?.length ?? MAX_CHUNK)
    let chunk: Buffer | undefined
    if (target === undefined) chunk = copyOf(view, count)
    else target.set(count === view.length ? view : view.subarray(0, count))
    this.bytesRead += count
    consumed(this.#tcb, count, this.#tcp.now)
    const isWanted = chunk === undefined ? side.onFilled(count) : side.onBytes(chunk)
    if (!isWanted) this.#isReading = false
  }

  /** Has memory wait for what comes: the stream's own, or ours while much comes. */
  #wait(latest: number): void {
    const tcb = this.#tcb
    const { target } = this.#side
    if (this.#waiting !== undefined || tcb.receiveRing.length > 0 || tcb.isOver) return
    if (target === undefined && latest < BULK) {
      this.#spare = undefined
      return
    }
    if (target === undefined) this.#spare ??= Buffer.allocUnsafeSlow(WAITING_MEMORY)
    this.#waiting = target ?? this.#spare!
    tcb.receiveCall ??= new ReceiveCall()
    tcb.receiveCall.begin(this.#waiting)
  }

  /** The memory that waited is the stream's again; how many bytes of it are filled. */
  #takeBack(): number {
    if (this.#waiting === undefined) return 0
    this.#waiting = undefined
    return this.#tcb.receiveCall!.end()
  }

  #checkEnd(): void {
    const tcb = this.#tcb
    if (atEnd(tcb)) {
      this.end()
      this.#side.onEnd()
    } else if (tcb.failure !== undefined) {
      this.end()
      this.#side.onFailed(systemError(tcb.failure.code, 'read'))
    }
  }
}

const take = (incoming: Incoming): void => incoming.take()

function copyOf(bytes: Uint8Array, count: number): Buffer {
  const chunk = count <= POOLED ? Buffer.allocUnsafe(count) : Buffer.allocUnsafeSlow(count)
  chunk.set(count === bytes.length ? bytes : bytes.subarray(0, count))
  return chunk
}
