import { copyBytes } from '../base/copy-bytes.ts'
import { atEnd, consumed } from '../tcp/receive/receive.ts'
import type { ReceiveCall } from '../tcp/receive/receive-call.ts'
import type { Tcb } from '../tcp/tcb.ts'
import type { Tcp } from '../tcp/tcp.ts'
import { systemError } from './errors.ts'

/** The largest piece that is copied out of the receive buffer at once, and the memory in which small pieces are gathered. */
const MAX_CHUNK = 64 * 1024
/** Pieces up to this size come from Buffer's pool. */
const POOLED = 4 * 1024
/** A piece of this size is handed up by itself. */
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
 * The half of a connection that reads. While the stream wants bytes they are copied once, from their frame into memory of
 * its own; what comes while it does not waits in the receive buffer.
 */
export class Incoming implements ReceiveCall {
  bytesRead = 0
  readonly #tcb: Tcb
  readonly #tcp: Tcp
  readonly #side: ReadSide
  #isReading = false
  /** Nothing is handed up yet. */
  #isHeld = true
  #isHanding = false
  #isEnded = false
  /** What has arrived and was not handed up yet: whole pieces, then what is being gathered, or what lies in the target. */
  #pieces: Buffer[] | undefined
  #gathering: Buffer | undefined
  #gathered = 0

  constructor(tcb: Tcb, tcp: Tcp, side: ReadSide) {
    this.#tcb = tcb
    this.#tcp = tcp
    this.#side = side
    tcb.receiveCall = this
  }

  /** Bytes have arrived that the stream has not been given. */
  get hasArrived(): boolean {
    return this.#gathered > 0 || (this.#pieces !== undefined && this.#pieces.length > 0)
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
    this.#gathering = undefined
    this.#gathered = 0
    if (this.#tcb.receiveCall === this) this.#tcb.receiveCall = undefined
  }

  take(bytes: Uint8Array, from: number, to: number): number {
    if (!this.#isReading || this.#isHeld) return 0
    const { target } = this.#side
    if (target !== undefined) return this.#gatherInto(target, bytes, from, to)
    const pieces = (this.#pieces ??= [])
    const isFirst = this.#gathering === undefined && pieces.length === 0
    if (isFirst || to - from >= LARGE) {
      this.#endGathering()
      pieces.push(copyOf(bytes, from, to - from))
      return to - from
    }
    for (let at = from; at < to; ) {
      this.#gathering ??= Buffer.allocUnsafeSlow(MAX_CHUNK)
      at += this.#gatherInto(this.#gathering, bytes, at, to)
      if (this.#gathered === MAX_CHUNK) this.#endGathering()
    }
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
    } finally {
      this.#isHanding = false
      // A listener threw: the rest comes all the same.
      if (this.#isReading && (this.hasArrived || receiveRing.length > 0)) process.nextTick(handUp, this)
    }
    if (this.#isReading) this.#checkEnd()
  }

  get #hasNews(): boolean {
    const tcb = this.#tcb
    return tcb.receiveRing.length > 0 || this.hasArrived || atEnd(tcb) || tcb.isOver
  }

  #gatherInto(memory: Uint8Array, bytes: Uint8Array, from: number, to: number): number {
    const count = Math.min(to - from, memory.length - this.#gathered)
    copyBytes(bytes, from, memory, this.#gathered, count)
    this.#gathered += count
    return count
  }

  /** What was gathered becomes a piece. */
  #endGathering(): void {
    const memory = this.#gathering
    if (memory === undefined) return
    const count = this.#gathered
    this.#gathering = undefined
    this.#gathered = 0
    this.#pieces!.push(count < memory.length / 2 ? copyOf(memory, 0, count) : memory.subarray(0, count))
  }

  #handArrived(): void {
    const side = this.#side
    if (side.target !== undefined && this.#gathered > 0) {
      const count = this.#gathered
      this.#gathered = 0
      this.bytesRead += count
      this.#isReading = side.onFilled(count) && this.#isReading
      return
    }
    this.#endGathering()
    const pieces = this.#pieces
    while (this.#isReading && pieces !== undefined && pieces.length > 0) {
      const piece = pieces.shift()!
      this.bytesRead += piece.length
      this.#isReading = side.onBytes(piece) && this.#isReading
    }
  }

  /** Hands up the next bytes of the receive buffer. */
  #handBuffered(): void {
    const side = this.#side
    const { target } = side
    const { receiveRing } = this.#tcb
    const count = Math.min(receiveRing.run, target?.length ?? MAX_CHUNK)
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
    } else if (tcb.failure !== undefined) {
      this.end()
      this.#side.onFailed(systemError(tcb.failure.code, 'read'))
    }
  }
}

const handUp = (incoming: Incoming): void => incoming.handUp()

function copyOf(bytes: Uint8Array, from: number, count: number): Buffer {
  const copy = count <= POOLED ? Buffer.allocUnsafe(count) : Buffer.allocUnsafeSlow(count)
  copyBytes(bytes, from, copy, 0, count)
  return copy
}
