import { formatIp } from '../base/address.ts'
import { isSynHeld, releaseSyn } from '../tcp/fast-open/client.ts'
import { infoOf, type TcpInfo } from '../tcp/info.ts'
import { atEnd, consumed } from '../tcp/receive/receive.ts'
import { ReceiveInto } from '../tcp/receive/receive-call.ts'
import type { Tcb } from '../tcp/tcb.ts'
import type { Tcp } from '../tcp/tcp.ts'
import { abort, closeBoth } from '../tcp/user.ts'
import { chunksOf } from './chunks.ts'
import { requireBytes } from './limits.ts'
import { TcpCourse } from './tcp-course.ts'
import { ENDED, tcpError } from './tcp-error.ts'
import { type Abortable, abortError } from './waiters.ts'
import type { WriteOptions } from './write-queue.ts'

/** Bytes that one `read` hands over at most: enough to be cheap, little enough to stay in the cache. */
const MAX_READ = 256 * 1024

const UTF8 = new TextEncoder()

/**
 * One TCP connection, for programs: promises over the machine in `tcp/`.
 *
 * Back-pressure both ways: `write` resolves when the bytes are in the send
 * buffer, and what is not read closes the window on the peer.
 */
export class TcpSocket {
  readonly #tcb: Tcb
  readonly #tcp: Tcp
  readonly #course: TcpCourse
  #call: ReceiveInto | undefined = undefined

  constructor(tcb: Tcb, tcp: Tcp) {
    this.#tcb = tcb
    this.#tcp = tcp
    this.#course = new TcpCourse(tcb)
    tcb.user = this.#course
  }

  /** The connection in the TCP machine beneath. Whoever becomes its user takes this socket's place. */
  get tcb(): Tcb {
    return this.#tcb
  }

  get localAddress(): string {
    return formatIp(this.#tcb.local)
  }

  get localPort(): number {
    return this.#tcb.localPort
  }

  get remoteAddress(): string {
    return formatIp(this.#tcb.remote)
  }

  get remotePort(): number {
    return this.#tcb.remotePort
  }

  /** Resolves when both sides are closed; rejects with the reason when the connection failed. */
  get closed(): Promise<void> {
    return this.#course.closed
  }

  /** Resolves when the handshake is complete; a SYN that waits for data (Fast Open) goes without. Rejects with ECONNREFUSED, ETIMEDOUT, EHOSTUNREACH, … */
  get opened(): Promise<void> {
    releaseSyn(this.#tcb)
    return this.#course.opened
  }

  /** The SYN waits for the first `write`, whose data it will carry (Fast Open); `read`, `opened` and `end` let it go without. */
  get isWaitingForData(): boolean {
    return isSynHeld(this.#tcb)
  }

  /** How many of the next bytes the peer calls urgent, with those that lie before them; most peers never do. */
  get urgentBytes(): number {
    return this.#tcb.urgentRemaining
  }

  /**
   * The next bytes, or null at the end of the peer's stream. The array is the
   * caller's own.
   * @throws {NetError} ECONNRESET, ETIMEDOUT, … when the connection failed; ABORT_ERR.
   */
  async read({ signal }: Abortable = {}): Promise<Uint8Array | null> {
    const turn = this.#turnToRead(signal)
    if (turn !== undefined) await turn
    let hasCome = this.#hasCome()
    while (hasCome === undefined) {
      await this.#course.readers.wait(signal)
      hasCome = this.#hasCome()
    }
    if (!hasCome) return null
    const chunk = this.#tcb.receiveRing.peek().slice(0, MAX_READ)
    consumed(this.#tcb, chunk.length, this.#tcp.now)
    return chunk
  }

  /**
   * As `read`, into memory of the caller; returns how many bytes it filled, 0 at the end or where there is no room for any.
   * An abort takes back no bytes that have arrived.
   */
  async readInto(target: Uint8Array, { signal }: Abortable = {}): Promise<number> {
    requireBytes('read into', target)
    if (target.length === 0) return 0
    const turn = this.#turnToRead(signal)
    if (turn !== undefined) await turn
    const { receiveRing } = this.#tcb
    this.#call ??= new ReceiveInto()
    this.#tcb.receiveCall = this.#call
    const call = this.#call
    for (;;) {
      let filled = 0
      if (receiveRing.length === 0 && !call.isWaiting && this.#course.readers.isEmpty) {
        call.begin(target)
        try {
          while (this.#hasCome(call) === undefined) await this.#course.readers.wait(signal)
        } catch (error) {
          if (call.filled === 0) throw error
        } finally {
          filled = call.end()
        }
      } else if (this.#hasCome() === undefined) {
        await this.#course.readers.wait(signal)
      }
      filled += this.#takeInto(target, filled)
      // Somebody else who waited may have been quicker.
      if (filled > 0 || this.#hasCome() === false) return filled
    }
  }

  /**
   * Sends bytes or UTF-8 text, after all that was written before; resolves when all of them are in the send buffer.
   * The bytes must stay as they are until then. An abort takes back what still waits for room there, and no more.
   * @throws {NetError} EPIPE after `end`, ECONNRESET, ETIMEDOUT, …; ABORT_ERR.
   * @throws {TypeError} for anything else.
   */
  async write(data: Uint8Array | string, options: WriteOptions = {}): Promise<void> {
    if (options.signal?.aborted) throw abortError('write')
    const bytes = typeof data === 'string' ? UTF8.encode(data) : requireBytes('write', data)
    this.#checkWritable()
    const waiting = this.#course.writes.write(bytes, options)
    if (waiting !== undefined) await waiting
  }

  /** Half-close: what was written still goes, then the peer reads the end. Reading goes on. */
  end(): void {
    this.#course.writes.end()
  }

  /**
   * Closes both ways; what was written still goes, unread data becomes a reset, since it is lost. Resolves when the
   * peer has closed its side, too, or has taken a minute (`timeWait`) not to; `abort` waits for nothing.
   */
  async close(): Promise<void> {
    const isImmediate = this.#tcb.receiveRing.length > 0 || this.#tcb.settings.linger === 0
    if (this.#course.writes.isEmpty || isImmediate) {
      closeBoth(this.#tcb, this.#tcp.sender, this.#tcp.now)
    } else {
      this.#tcb.readClosed = true
      this.#course.writes.end()
    }
    this.#tcp.changed(this.#tcb)
    await this.closed.catch(() => undefined)
  }

  /** Drops everything at once and resets the connection. */
  abort(): void {
    abort(this.#tcb, this.#tcp.sender, this.#tcp.now)
    this.#tcp.changed(this.#tcb)
  }

  /** The chunks of the peer's stream, to its end. Leaving the loop early closes the connection. */
  [Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    return chunksOf(this)
  }

  /** Sends small writes at once (Nagle off), or gathers them. */
  setNoDelay(isOn = true): void {
    this.#tcb.noDelay = isOn
    this.#tcp.changed(this.#tcb)
  }

  /** Holds back anything less than a full segment until `uncork`. */
  cork(): void {
    this.#tcb.cork = true
  }

  uncork(): void {
    this.#tcb.cork = false
    this.#tcp.changed(this.#tcb)
  }

  /** The state of the connection in the words of `ss -ti`. */
  info(): TcpInfo {
    return infoOf(this.#tcb, this.#tcp.now)
  }

  /** Begins a read. Where bytes are there, whoever was woken for them before comes first: then it is to be awaited. */
  #turnToRead(signal: AbortSignal | undefined): Promise<void> | undefined {
    if (signal?.aborted) throw abortError('read')
    releaseSyn(this.#tcb)
    return this.#tcb.receiveRing.length > 0 ? Promise.resolve() : undefined
  }

  /** Whether bytes have come, in the ring or where `call` wants them; false at the end of the stream, undefined till then. */
  #hasCome(call?: ReceiveInto): boolean | undefined {
    if (this.#tcb.receiveRing.length > 0 || (call !== undefined && call.filled > 0)) return true
    if (atEnd(this.#tcb)) return false
    if (!this.#course.isOver) return undefined
    if (this.#tcb.failure !== undefined) throw tcpError(this.#tcb, this.#tcb.failure, 'read')
    return false
  }

  /** Moves what has arrived to `target`, behind the `filled` bytes of it; how much that was. */
  #takeInto(target: Uint8Array, filled: number): number {
    const { receiveRing } = this.#tcb
    let at = filled
    while (at < target.length && receiveRing.length > 0) {
      const view = receiveRing.peek()
      const count = Math.min(view.length, target.length - at)
      target.set(count === view.length ? view : view.subarray(0, count), at)
      at += count
      consumed(this.#tcb, count, this.#tcp.now)
    }
    return at - filled
  }

  #checkWritable(): void {
    if (this.#tcb.failure !== undefined) throw tcpError(this.#tcb, this.#tcb.failure, 'write')
    if (this.#course.writes.isEnding || this.#tcb.finQueued || this.#course.isOver)
      throw tcpError(this.#tcb, ENDED, 'write')
  }
}
