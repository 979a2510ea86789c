import type { Socket } from 'node:net'
import { NetError } from '../../base/errors.ts'
import { ResetCode, type SessionStream, type StreamEvents } from '../../session/streams/stream-types.ts'
import { checkEnd } from './hidden-reset.ts'
import type { RateLimit } from './rate-limit.ts'
import { limitReads } from './reading.ts'
import { resetCodeOf } from './reset-reason.ts'
import type { Octets } from './tally.ts'

/**
 * Octets that a socket of ours holds before it makes its source wait, each way: so much, and one piece more, is what a
 * stalled reader costs beyond the window of its stream. Larger ones carried no more.
 */
export const SOCKET_BUFFER = 8 * 1024

/** A connection that stands, and what it has said already. */
export interface Connection {
  readonly socket: Socket
  readonly early?: readonly Buffer[]
}

export interface SpliceOptions {
  /** Counts what goes from the socket into the stream. */
  readonly fromSocket: Octets
  /** Counts what goes from the stream into the socket. */
  readonly fromStream: Octets
  /** Holds back what goes from the socket into the stream, and the other way. Default: nothing does. */
  readonly limits?: { readonly fromSocket: RateLimit; readonly fromStream: RateLimit } | undefined
  /** Both are gone; `code` when that was before their time, whoever began it. Called once. */
  readonly onEnd: (code: number | undefined) => void
}

/** Ends a connection with a reset where it can have one: a Unix socket has none. */
export function abort(socket: Socket): void {
  // A connection by TCP has a port at its other end; `resetAndDestroy` throws for anything else.
  if (socket.remotePort === undefined) socket.destroy()
  // libuv refuses a reset while the end is on its way to the kernel, and would leave the descriptor open.
  else if (socket.writableEnded && !socket.writableFinished && socket.writableLength === 0) {
    socket.once('finish', () => socket.resetAndDestroy())
  } else socket.resetAndDestroy()
}

/**
 * Joins a socket and a stream until both directions have ended: the end of each is handed on behind the last octet,
 * each side waits for the other, and what breaks one resets the other. No octet is copied. The socket must be
 * half-open by choice (`allowHalfOpen`), and nobody else listens to it.
 */
export class Splice implements StreamEvents {
  readonly #socket: Socket
  readonly #stream: SessionStream
  readonly #options: SpliceOptions
  /** The other side reads no more: what the socket says is thrown away. */
  #isStopped = false
  #isAccepted = false
  /** The stream has enough for now; the rate lets nothing more out of the socket for now. */
  #isFull = false
  #isHeld = false
  #hasEndedSocket = false
  #isSocketGone = false
  #isStreamGone = false
  #isOver = false

  constructor({ socket, early = [] }: Connection, stream: SessionStream, options: SpliceOptions) {
    this.#socket = socket
    this.#hasEndedSocket = socket.writableEnded
    this.#stream = stream
    this.#options = options
    stream.events = this
    limitReads(socket, () => stream.room)
    socket
      .on('data', this.#onData)
      .on('end', this.#onEnd)
      .on('drain', this.#pump)
      // What it was, 'close' says.
      .on('error', ignore)
      .on('close', this.#onClose)
    for (const chunk of early) this.#onData(chunk)
    if (socket.readableEnded) stream.end()
    if (socket.destroyed) queueMicrotask(this.#onClose)
    else {
      socket.resume()
      this.#pump()
    }
  }

  /** The other side has reached what lies beyond it. */
  get isAccepted(): boolean {
    return this.#isAccepted
  }

  /** Resets both. */
  abort(code: ResetCode): void {
    if (this.#isOver) return
    this.#stream.reset(code)
    this.#breakOff(code)
  }

  readonly #onData = (chunk: Buffer): void => {
    if (this.#isStopped) return
    const { fromSocket, limits } = this.#options
    fromSocket.octets += chunk.length
    limits?.fromSocket.take(chunk.length)
    this.#isFull = !this.#stream.write(chunk)
    if (limits?.fromSocket.isOpen === false) {
      this.#isHeld = true
      limits.fromSocket.wait(this.#onSocketTurn)
    }
    if (this.#isFull || this.#isHeld) this.#socket.pause()
  }

  readonly #onSocketTurn = (): void => {
    this.#isHeld = false
    if (!this.#isFull) this.#socket.resume()
  }

  readonly #onStreamTurn = (): void => {
    if (!this.#socket.writableNeedDrain) this.#handOn(true)
  }

  readonly #onEnd = (): void => {
    if (this.#isOver) return
    checkEnd(this.#socket, (isReset) => {
      if (this.#isOver) return
      if (isReset) this.#socket.destroy(new NetError('ECONNRESET', 'The peer reset the connection'))
      else this.#stream.end()
    })
  }

  onAccepted(): void {
    this.#isAccepted = true
  }

  onWritable(): void {
    this.#isFull = false
    if (!this.#isHeld) this.#socket.resume()
  }

  onReadable(): void {
    if (!this.#socket.writableNeedDrain) this.#pump()
  }

  readonly #pump = (): void => this.#handOn(false)

  /** Hands on what has come, as much as the socket takes at once, in one system call; one piece at least where it `isTurn`. */
  #handOn(isTurn: boolean): void {
    const socket = this.#socket
    const stream = this.#stream
    if (this.#isOver || this.#hasEndedSocket) return
    const { fromStream, limits } = this.#options
    socket.cork()
    for (let mayGo = isTurn || this.#mayGo(); mayGo; mayGo = this.#mayGo()) {
      const chunk = stream.read()
      if (chunk === undefined) break
      fromStream.octets += chunk.length
      limits?.fromStream.take(chunk.length)
      if (!socket.write(chunk)) break
    }
    socket.uncork()
    if (!stream.isEnded) return
    this.#hasEndedSocket = true
    socket.end()
    if (this.#isStopped) this.abort(ResetCode.CANCELLED)
  }

  /** What the stream has waits in it otherwise, and holds up its sender. */
  #mayGo(): boolean {
    const limit = this.#options.limits?.fromStream
    if (limit === undefined || limit.isOpen) return true
    limit.wait(this.#onStreamTurn)
    return false
  }

  onReset(code: number): void {
    this.#breakOff(code)
  }

  onStopped(code: number): void {
    this.#isStopped = true
    this.#stream.end()
    // Whoever sends what nobody reads learns so as from any closed socket: once there is nothing more to give him.
    if (this.#hasEndedSocket) this.abort(code as ResetCode)
    else this.#socket.resume()
  }

  onClosed(): void {
    this.#isStreamGone = true
    this.#settle()
  }

  readonly #onClose = (): void => {
    if (this.#isOver) return
    const { errored, readableEnded, writableFinished } = this.#socket
    this.#isSocketGone = true
    if (errored === null && readableEnded && writableFinished) {
      this.#settle()
      return
    }
    const code = resetCodeOf(errored)
    this.#stream.reset(code)
    this.#finish(code)
  }

  #breakOff(code: number): void {
    if (this.#isOver) return
    if (!this.#isSocketGone) abort(this.#socket)
    this.#finish(code)
  }

  #settle(): void {
    if (this.#isSocketGone && this.#isStreamGone) this.#finish(undefined)
  }

  #finish(code: number | undefined): void {
    if (this.#isOver) return
    this.#isOver = true
    const { limits, onEnd } = this.#options
    limits?.fromSocket.forget(this.#onSocketTurn)
    limits?.fromStream.forget(this.#onStreamTurn)
    onEnd(code)
  }
}

const ignore = (): void => undefined
