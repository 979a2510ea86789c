import type { AddressInfo, Server } from 'node:net'
import { addAbortSignal, Duplex } from 'node:stream'
import { DOUBLE_ZERO } from '../base/double-zero.ts'
import { nodeError } from '../base/node-error.ts'
import type { Tcb } from '../tcp/tcb.ts'
import { forbidWriting } from './after-end.ts'
import {
  connectArguments,
  refuseDescriptor,
  requireCallback,
  requireDelay,
  requirePort,
  type SocketOptions,
  timerDuration,
} from './arguments.ts'
import { Attempts, type Dialler } from './attempts.ts'
import { Connection, type EndPoint, type WriteCallback } from './connection.ts'
import type { NetContext } from './context.ts'
import { findPlaces } from './dial.ts'
import { Hold } from './liveness.ts'
import { type ReadTarget, readTarget } from './read-target.ts'
import { streamOptions } from './stream-options.ts'

const NO_BYTES = new Uint8Array(0)

/** Of a connection that came to a server. */
export interface Accepted {
  readonly tcb: Tcb
  readonly server: CountingServer
}

/** What node:net's Server keeps of its connections; its sockets tell it of their end. */
export interface CountingServer extends Server {
  _connections: number
  _emitCloseIfDrained(): void
}

/** What is written, as a Duplex hands it over. */
interface Piece {
  readonly chunk: Uint8Array | string
  readonly encoding: BufferEncoding
}

interface Write {
  readonly chunks: readonly Uint8Array[]
  readonly onWritten: WriteCallback
}

/**
 * node:net's Socket over a connection of a stack: the same methods, options, events in the same order, and error codes.
 * It is not built on a handle of libuv, so whoever looks for one (`_handle`) finds none, as with any other Duplex.
 */
export class StackSocket extends Duplex implements Dialler {
  connecting = false
  server: Server | null = null
  timeout: number | undefined = undefined
  autoSelectFamilyAttemptedAddresses: string[] | undefined = undefined
  readonly #context: NetContext
  readonly #hold: Hold
  readonly #target: ReadTarget | undefined
  #connection: Connection | undefined
  /** A read, a write, an end that wait for the connection. */
  #isReadWanted = false
  #pendingWrite: Write | undefined
  #pendingEnd: WriteCallback | undefined
  #noDelay: boolean
  #keepAlive: number | false
  #timer: NodeJS.Timeout | undefined
  /** What was unsent when the timer last expired. */
  #progress = 0
  #peer: EndPoint | undefined
  #isReset = false
  /** It was connected, or was to be. */
  #isUsed = false
  #attempts: Attempts | undefined
  #bytesRead = DOUBLE_ZERO
  #bytesWritten = DOUBLE_ZERO
  #counter: CountingServer | undefined

  constructor(context: NetContext, init?: SocketOptions | null, accepted?: Accepted) {
    const options = init ?? {}
    super(streamOptions(options))
    requireDelay(options)
    refuseDescriptor(options)
    this.#context = context
    this.#hold = new Hold(context.liveness)
    this.#target = readTarget(options.onread)
    this.#noDelay = options.noDelay ?? false
    this.#keepAlive = options.keepAlive === true ? seconds(options.keepAliveInitialDelay) : false
    this.on('end', forbidWriting)
    if (accepted !== undefined) this.#accept(accepted)
    // A signal that was aborted before would have destroyed what was not made yet.
    if (options.signal) addAbortSignal(options.signal, this)
  }

  get pending(): boolean {
    return this.#connection === undefined || this.connecting
  }

  get readyState(): 'opening' | 'open' | 'readOnly' | 'writeOnly' | 'closed' {
    if (this.connecting) return 'opening'
    if (this.readable) return this.writable ? 'open' : 'readOnly'
    return this.writable ? 'writeOnly' : 'closed'
  }

  get bytesRead(): number {
    return this.#connection?.bytesRead ?? this.#bytesRead
  }

  /** Bytes that were written to it, those that still wait in it among them. */
  get bytesWritten(): number {
    let count = this.#connection?.bytesWritten ?? this.#bytesWritten
    for (const { length } of this.#pendingWrite?.chunks ?? []) count += length
    const { writableBuffer } = this as unknown as { writableBuffer: readonly Piece[] }
    for (const { chunk, encoding } of writableBuffer) {
      count += typeof chunk === 'string' ? Buffer.byteLength(chunk, encoding) : chunk.length
    }
    return count
  }

  get bufferSize(): number {
    return this.writableLength
  }

  get localAddress(): string | undefined {
    return this.#connection?.local.address
  }

  get localPort(): number | undefined {
    return this.#connection?.local.port
  }

  get localFamily(): string | undefined {
    return this.#connection?.local.family
  }

  get remoteAddress(): string | undefined {
    return this.#remote?.address
  }

  get remotePort(): number | undefined {
    return this.#remote?.port
  }

  get remoteFamily(): string | undefined {
    return this.#remote?.family
  }

  address(): AddressInfo | Record<string, never> {
    return this.#connection?.local ?? {}
  }

  /** `(options[, onConnect])` or `(port[, host][, onConnect])`, as node:net's. */
  connect(...args: readonly unknown[]): this {
    const [options, onConnect] = connectArguments(args)
    if (onConnect !== undefined) this.once('connect', onConnect)
    requirePort(options)
    if (Object.hasOwn(this, 'write')) delete (this as { write?: unknown }).write
    if (this.destroyed) this.#renew()
    this._unrefTimer()
    this.connecting = true
    this.#isUsed = true
    this.#attempts ??= new Attempts(this.#context, this)
    findPlaces(options, this.#attempts)
    // Not before: a lookup may throw, or fail at once.
    if (!this.destroyed) this.#hold.start()
    return this
  }

  setTimeout(msecs: number, onTimeout?: () => void): this {
    if (this.destroyed) return this
    this.timeout = msecs
    const duration = timerDuration(msecs)
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (duration > 0) {
      this.#timer = setTimeout(onTimer, duration, this).unref()
    }
    if (onTimeout === undefined) return this
    requireCallback(onTimeout)
    return duration > 0 ? this.once('timeout', onTimeout) : this.removeListener('timeout', onTimeout)
  }

  setNoDelay(isOn = true): this {
    this.#noDelay = Boolean(isOn)
    this.#connection?.setNoDelay(this.#noDelay)
    return this
  }

  setKeepAlive(isOn = false, initialDelay = 0): this {
    this.#keepAlive = isOn ? seconds(initialDelay) : false
    this.#connection?.setKeepAlive(this.#keepAlive)
    return this
  }

  /** The open socket keeps the process alive, as it does from the beginning. */
  ref(): this {
    this.#hold.setRef(true)
    return this
  }

  unref(): this {
    this.#hold.setRef(false)
    return this
  }

  /** Ends, and destroys once everything is written. */
  destroySoon(): void {
    if (this.writable) this.end()
    if (this.writableFinished) this.destroy()
    else this.once('finish', this.destroy)
  }

  /** Destroys it, and the peer gets a reset. */
  resetAndDestroy(): this {
    if (this.#connection === undefined && !this.connecting) {
      return this.destroy(nodeError(Error, 'ERR_SOCKET_CLOSED', 'Socket is closed'))
    }
    if (!this.connecting) {
      this.#reset()
      return this
    }
    this.once('connect', () => {
      // What was written before goes before.
      this.#goOn()
      this.#reset()
    })
    return this
  }

  override pause(): this {
    if (this.#target !== undefined) this.#connection?.stopReading()
    return super.pause()
  }

  override resume(): this {
    super.resume()
    // After what that has scheduled, which asks for bytes as well: they are not handed over before.
    if (this.#target !== undefined && !this.connecting) this.#connection?.read()
    return this
  }

  override read(size?: number): unknown {
    if (this.#target !== undefined && !this.connecting) this.#connection?.read()
    return super.read(size)
  }

  /** Something happened: the timeout begins anew. */
  _unrefTimer(): void {
    this.#timer?.refresh()
  }

  override _read(): void {
    if (this.connecting || this.#connection === undefined) this.#isReadWanted = true
    else this.#connection.read()
  }

  override _write(chunk: Uint8Array | string, encoding: BufferEncoding, onWritten: WriteCallback): void {
    const bytes = bytesOf(chunk, encoding)
    if (this.connecting) {
      this.#pendingWrite = { chunks: [bytes], onWritten }
      return
    }
    this._unrefTimer()
    if (this.#connection === undefined) onWritten(nodeError(Error, 'ERR_SOCKET_CLOSED', 'Socket is closed'))
    else this.#connection.write(bytes, onWritten)
  }

  override _writev(pieces: readonly Piece[], onWritten: WriteCallback): void {
    const chunks = pieces.map(({ chunk, encoding }) => bytesOf(chunk, encoding))
    if (this.connecting) {
      this.#pendingWrite = { chunks, onWritten }
      return
    }
    this._unrefTimer()
    if (this.#connection === undefined) onWritten(nodeError(Error, 'ERR_SOCKET_CLOSED', 'Socket is closed'))
    else this.#connection.writev(chunks, onWritten)
  }

  override _final(onEnded: WriteCallback): void {
    if (this.pending) this.#pendingEnd = onEnded
    else this.#connection!.end(onEnded)
  }

  override _destroy(error: Error | null, onDestroyed: (error: Error | null) => void): void {
    this.connecting = false
    this.#hold.stop()
    clearTimeout(this.#timer)
    this.#attempts?.cancel()
    this.#attempts = undefined
    const pendingWrite = this.#pendingWrite
    this.#pendingWrite = undefined
    this.#pendingEnd = undefined
    if (this.#connection !== undefined) this.#letGo(this.#connection)
    onDestroyed(error)
    if (this.#isUsed) setImmediate(emitClose, this, Boolean(error))
    else process.nextTick(emitBareClose, this)
    this.#isUsed = false
    if (pendingWrite !== undefined) {
      const reason = 'Socket closed before the connection was established'
      this.once('close', () => pendingWrite.onWritten(nodeError(Error, 'ERR_SOCKET_CLOSED_BEFORE_CONNECTION', reason)))
    }
    this.#leaveServer()
  }

  get connection(): Connection | undefined {
    return this.#connection
  }

  onConnected(): void {
    const connection = this.#connection
    if (connection === undefined) return
    this.#attempts?.stop()
    this.#attempts = undefined
    this.connecting = false
    this._unrefTimer()
    this.emit('connect')
    // In the order in which they would have come after the event.
    this.#goOn()
    this.emit('ready')
    if (this.#connection !== connection) return
    connection.begin()
    if (!this.isPaused()) this.read(0)
  }

  onDialled(connection: Connection): void {
    this.#connection = connection
    if (this.#noDelay) connection.setNoDelay(true)
    if (this.#keepAlive !== false) connection.setKeepAlive(this.#keepAlive)
  }

  onRefused(code: string): void {
    this.#attempts?.onRefused(code)
  }

  get target(): Uint8Array | undefined {
    return this.#target?.bytes
  }

  onBytes(chunk: Buffer): boolean {
    this._unrefTimer()
    return this.push(chunk)
  }

  onFilled(count: number): boolean {
    this._unrefTimer()
    return this.#target!.hand(this, count)
  }

  onEnd(): void {
    this._unrefTimer()
    this.push(null)
    this.read(0)
  }

  onFailed(error: Error): void {
    this.destroy(error)
  }

  /** The program has closed the stack beneath it, and need not be told so by an error. */
  onStackClosed(): void {
    this.destroy()
  }

  /** The timer expired; while a large write makes progress there is nothing to tell. */
  _onTimeout(): void {
    const { unsent = 0, progress = 0 } = this.#connection ?? {}
    if (unsent > 0 && progress !== this.#progress) {
      this.#progress = progress
      this._unrefTimer()
    } else this.emit('timeout')
  }

  /** Looks for bytes, once the program has seen the new socket. */
  begin(isPaused: boolean): void {
    this.#connection?.begin()
    if (!isPaused && this.#connection !== undefined) this.read(0)
  }

  get #remote(): EndPoint | undefined {
    if (this.#connection !== undefined && !this.connecting) this.#peer ??= this.#connection.remote
    return this.#peer
  }

  #accept({ tcb, server }: Accepted): void {
    this.#connection = new Connection(tcb, this.#context.host.machine, this)
    this.#isUsed = true
    this.#hold.start()
    if (this.#noDelay) this.#connection.setNoDelay(true)
    if (this.#keepAlive !== false) this.#connection.setKeepAlive(this.#keepAlive)
    this.server = server
    this.#counter = server
    server._connections++
  }

  /** As if it were new: it may be connected again after it was closed. */
  #renew(): void {
    const again = this as unknown as { _undestroy(): void }
    again._undestroy()
    this.#peer = undefined
    this.#isReadWanted = false
  }

  /** Does what had to wait for the connection. */
  #goOn(): void {
    const connection = this.#connection
    if (connection === undefined) return
    const write = this.#pendingWrite
    this.#pendingWrite = undefined
    if (write !== undefined) {
      this._unrefTimer()
      connection.writev(write.chunks, write.onWritten)
    }
    const onEnded = this.#pendingEnd
    this.#pendingEnd = undefined
    if (onEnded !== undefined) connection.end(onEnded)
    if (this.#isReadWanted) connection.read()
    this.#isReadWanted = false
  }

  #letGo(connection: Connection): void {
    this.#connection = undefined
    this.#bytesRead = connection.bytesRead
    this.#bytesWritten = connection.bytesWritten
    connection.destroy(this.#isReset)
    this.#isReset = false
  }

  #reset(): void {
    this.#isReset = true
    this.destroy()
  }

  #leaveServer(): void {
    const counter = this.#counter
    if (counter === undefined) return
    this.#counter = undefined
    counter._connections--
    counter._emitCloseIfDrained()
  }
}

/** node:http ends each message with an empty string, for which Buffer would make memory of its own. */
function bytesOf(chunk: Uint8Array | string, encoding: BufferEncoding): Uint8Array {
  if (typeof chunk !== 'string') return chunk
  return chunk === '' ? NO_BYTES : Buffer.from(chunk, encoding)
}

const emitClose = (socket: StackSocket, hadError: boolean): void => {
  socket.emit('close', hadError)
}
/** Node tells no reason where there was no connection. */
const emitBareClose = (socket: StackSocket): void => {
  socket.emit('close')
}
const onTimer = (socket: StackSocket): void => socket._onTimeout()

/** Whole seconds are what the kernel takes; milliseconds, as they are given. */
const seconds = (initialDelay = 0): number => Math.trunc(Math.max(0, initialDelay) / 1000) * 1000
