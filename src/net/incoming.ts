import { copyBytes } from '../base/copy-bytes.ts'
import { DOUBLE_ZERO } from '../base/double-zero.ts'
import { atEnd, consumed } from '../tcp/receive/receive.ts'
import type { ReceiveCall } from '../tcp/receive/receive-call.ts'
import type { Tcb } from '../tcp/tcb.ts'
import type { Tcp } from '../tcp/tcp.ts'
import { Ballast } from './ballast.ts'
import { isStackClosed, systemError } from './errors.ts'

/** The largest piece that is copied out of the receive buffer at once. */
const MAX_CHUNK = 64 * 1024
/** Pieces up to this size come from Buffer's pool. */
const POOLED = 4 * 1024
/** A piece of this size is handed up by itself; smaller ones that follow another are gathered in the receive buffer first. */
const LARGE = 16 * 1024

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

/**
 * The half of a connection that reads. While the stream wants bytes they are copied from their frame into memory of its
 * own; what comes while it does not, or in many small pieces, goes by way of the receive buffer.
 */
export class Incoming implements ReceiveCall {
  bytesRead = DOUBLE_ZERO
  readonly #tcb: Tcb
  readonly #tcp: Tcp
  readonly #side: ReadSide
  #isReading = false
  /** Nothing is handed up yet. */
  #isHeld = true
  #isHanding = false
  #isEnded = false
  /** What has arrived and was not handed up yet. */
  #pieces: Buffer[] | undefined

  constructor(tcb: Tcb, tcp: Tcp, side: ReadSide) {
    this.#tcb = tcb
    this.#tcp = tcp
    this.#side = side
    tcb.receiveCall = this
  }

  /** Bytes have arrived that the stream has not been given. */
  get hasArrived(): boolean {
    return this.#pieces !== undefined && this.#pieces.length > 0
  }

  /** Hands up bytes until `onBytes` says no. */
  read(): void {
    if (this.#isReading || this.#isEnded) return
    this.#isReading = true
    if (!this.#isHeld && this.#hasNews) process.nextTick(handUp, this)
  }

  stopReading(): void {
    this.#isReading = false
  }

  /** Hands up what there is: nothing before the first call. */
  release(): void {
    this.#isHeld = false
    if (this.#isReading) this.handUp()
  }

  /** Nothing is handed up any more. */
  end(): void {
    this.#isReading = false
    this.#isEnded = true
    this.#pieces = undefined
    if (this.#tcb.receiveCall === this) this.#tcb.receiveCall = undefined
  }

  take(bytes: Uint8Array, from: number, to: number): number {
    // A target is filled when it is handed over, not before: somebody else may use it meanwhile.
    if (!this.#isReading || this.#isHeld || this.#side.target !== undefined) return 0
    this.#pieces ??= []
    if (this.#pieces.length > 0 && to - from < LARGE) return 0
    this.#pieces.push(copyOf(bytes, from, to - from))
    return to - from
  }

  /** Hands up what has come. */
  handUp(): void {
    if (this.#isHanding || this.#isHeld || !this.#isReading) return
    this.#isHanding = true
    const { receiveRing } = this.#tcb
    try {
      this.#handArrived()
      while (this.#isReading && receiveRing.length > 0) this.#handBuffered()
    } catch (error) {
      // What a listener throws stops neither the rest nor the end.
      process.nextTick(handUp, this)
      throw error
    } finally {
      this.#isHanding = false
    }
    if (this.#isReading) this.#checkEnd()
  }

  get #hasNews(): boolean {
    const tcb = this.#tcb
    return tcb.receiveRing.length > 0 || this.hasArrived || atEnd(tcb) || tcb.isOver
  }

  #handArrived(): void {
    const pieces = this.#pieces
    while (this.#isReading && pieces !== undefined && pieces.length > 0) {
      const piece = pieces.shift()!
      this.bytesRead += piece.length
      this.#isReading = this.#side.onBytes(piece) && this.#isReading
    }
  }

  /** Hands up the next bytes of the receive buffer. */
  #handBuffered(): void {
    const side = this.#side
    const { target } = side
    const { receiveRing } = this.#tcb
    const count = Math.min(receiveRing.run, target?.length ?? MAX_CHUNK)
    if (count === 0) {
      this.end()
      side.onFailed(systemError('ENOBUFS', 'read'))
      return
    }
    const at = receiveRing.indexOf(0)
    const piece = target === undefined ? copyOf(receiveRing.bytes, at, count) : undefined
    if (target !== undefined) copyBytes(receiveRing.bytes, at, target, 0, count)
    this.bytesRead += count
    consumed(this.#tcb, count, this.#tcp.now)
    const isWanted = piece === undefined ? side.onFilled(count) : side.onBytes(piece)
    if (!isWanted) this.#isReading = false
  }

  #checkEnd(): void {
    const tcb = this.#tcb
    if (atEnd(tcb)) {
      this.end()
      this.#side.onEnd()
    } else if (tcb.failure !== undefined && !isStackClosed(tcb.failure)) {
      this.end()
      this.#side.onFailed(systemError(tcb.failure.code, 'read'))
    }
  }
}

const ballast = new Ballast()

const handUp = (incoming: Incoming): void => incoming.handUp()

function copyOf(bytes: Uint8Array, from: number, count: number): Buffer {
  const copy = count <= POOLED ? Buffer.allocUnsafe(count) : Buffer.allocUnsafeSlow(count)
  ballast.handed(count)
  copyBytes(bytes, from, copy, 0, count)
  return copy
}
