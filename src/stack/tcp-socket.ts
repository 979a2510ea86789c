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
  async read(options: Abortable = {}): Promise<Uint8Array | null> {
    while (await this.#readable(options.signal)) {
      const chunk = this.#tcb.receiveRing.peek().slice(0, MAX_READ)
      // Somebody else who waited may have been quicker.
      if (chunk.length === 0) continue
      consumed(this.#tcb, chunk.length, this.#tcp.now)
      return chunk
    }
    return null
  }

  /**
   * As `read`, into memory of the caller; returns how many bytes it filled, 0 at the end or where there is no room for any.
   * An abort takes back no bytes that have arrived.
   */
  async readInto(target: Uint8Array, options: Abortable = {}): Promise<number> {
    requireBytes('read into', target)
    if (target.length === 0) return 0
    const { receiveRing } = this.#tcb
    this.#call ??= new ReceiveInto()
    this.#tcb.receiveCall = this.#call
    const call = this.#call
    let filled = 0
    // Somebody else who waited may have been quicker.
    while (filled === 0) {
      // Whoever waits already comes first.
      if (receiveRing.length > 0 || call.isWaiting || !this.#course.readers.isEmpty) {
        if (!(await this.#readable(options.signal))) return 0
      } else {
        call.begin(target)
        try {
          if (!(await this.#readable(options.signal, call))) return 0
        } catch (error) {
          if (call.filled === 0) throw error
        } finally {
          filled = call.end()
        }
      }
      filled += this.#takeInto(target, filled)
    }
    return filled
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
    await this.#course.writes.write(bytes, options)
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

  /** Waits for bytes, in the ring or where `call` wants them; false at the end of the stream. */
  async #readable(signal: AbortSignal | undefined, call?: ReceiveInto): Promise<boolean> {
    if (signal?.aborted) throw abortError('read')
    releaseSyn(this.#tcb)
    while (this.#tcb.receiveRing.length === 0 && !call?.filled) {
      if (atEnd(this.#tcb)) return false
      if (this.#course.isOver) {
        if (this.#tcb.failure !== undefined) throw tcpError(this.#tcb, this.#tcb.failure, 'read')
        return false
      }
      await this.#course.readers.wait(signal)
    }
    return true
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
