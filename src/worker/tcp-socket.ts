import { formatIp } from '../base/address.ts'
import { chunksOf } from '../stack/chunks.ts'
import { ENDED, tcpError } from '../stack/tcp-error.ts'
import type { TcpSocket } from '../stack/tcp-socket.ts'
import { type Abortable, abortError } from '../stack/waiters.ts'
import type { WriteOptions } from '../stack/write-queue.ts'
import type { TcpInfo } from '../tcp/info.ts'
import type { Crossing } from './crossing.ts'
import { LaneWord, Wish } from './lane.ts'
import type { ConnectionFacts } from './protocol.ts'
import { TcpEnd } from './tcp-end.ts'

/** Bytes that one `read` hands over at most. */
const MAX_READ = 256 * 1024
const UTF8 = new TextEncoder()

/** What both TcpSocket and WorkerTcpSocket are, for code that is to work with either: `await` what `info` gives. */
export type AnyTcpSocket = Omit<TcpSocket, 'tcb' | 'info'> & { info(): TcpInfo | Promise<TcpInfo> }

/**
 * One TCP connection of a stack in another thread: what TcpSocket is for a stack in this one.
 *
 * The bytes go through shared memory, a ring each way. Back-pressure both ways: `write` resolves when the bytes are in
 * the ring, and what is not read fills the other, then the stack's receive buffer, and closes the window on the peer.
 */
export class WorkerTcpSocket implements AnyTcpSocket {
  readonly #end: TcpEnd
  #isHeld: boolean
  #opened: Promise<void> | undefined

  /** Has the stack's side make a connection on a lane. */
  static async open(crossing: Crossing, make: (lane: number) => Promise<ConnectionFacts>): Promise<WorkerTcpSocket> {
    const end = new TcpEnd(crossing)
    try {
      end.facts = await make(end.laneId)
    } catch (error) {
      end.onFree()
      throw error
    }
    return new WorkerTcpSocket(end)
  }

  constructor(end: TcpEnd) {
    this.#end = end
    this.#isHeld = end.facts.isHeld
    if (!this.#isHeld) this.#opened = Promise.resolve()
  }

  get localAddress(): string {
    return formatIp(this.#end.facts.local)
  }

  get localPort(): number {
    return this.#end.facts.localPort
  }

  get remoteAddress(): string {
    return formatIp(this.#end.facts.remote)
  }

  get remotePort(): number {
    return this.#end.facts.remotePort
  }

  /** Resolves when both sides are closed; rejects with the reason when the connection failed. */
  get closed(): Promise<void> {
    return this.#end.closed
  }

  /** Resolves when the handshake is complete; a SYN that waits for data (Fast Open) goes without. Rejects with ECONNREFUSED, ETIMEDOUT, EHOSTUNREACH, … */
  get opened(): Promise<void> {
    this.#isHeld = false
    this.#opened ??= this.#end.call('opened')
    this.#opened.catch(() => undefined)
    return this.#opened
  }

  /** The SYN waits for the first `write`, whose data it will carry (Fast Open); `read`, `opened` and `end` let it go without. */
  get isWaitingForData(): boolean {
    return this.#isHeld
  }

  /** How many of the next bytes the peer calls urgent, with those that lie before them; most peers never do. */
  get urgentBytes(): number {
    return this.#end.urgentBytes
  }

  /**
   * The next bytes, or null at the end of the peer's stream. The array is the caller's own.
   * @throws {NetError} ECONNRESET, ETIMEDOUT, … when the connection failed; ERR_WORKER; ABORT_ERR.
   */
  async read(options: Abortable = {}): Promise<Uint8Array | null> {
    return (await this.#readable(options.signal)) ? this.#end.take(MAX_READ) : null
  }

  /** As `read`, into memory of the caller; returns how many bytes it filled, 0 at the end. */
  async readInto(target: Uint8Array, options: Abortable = {}): Promise<number> {
    return (await this.#readable(options.signal)) ? this.#end.readInto(target) : 0
  }

  /**
   * Sends bytes or UTF-8 text, after all that was written before; resolves when all of them are in the ring to the
   * stack. The bytes must stay as they are until then. An abort takes back what still waits for room there, and no more.
   * @throws {NetError} EPIPE after `end`, ECONNRESET, ETIMEDOUT, …; ERR_WORKER; ABORT_ERR.
   */
  async write(data: Uint8Array | string, options: WriteOptions = {}): Promise<void> {
    if (options.signal?.aborted) throw abortError('write')
    const bytes = typeof data === 'string' ? UTF8.encode(data) : data
    const { writes, failure, isOver, facts } = this.#end
    if (failure !== undefined) throw tcpError(facts, failure, 'write')
    if (writes.isEnding || isOver) throw tcpError(facts, ENDED, 'write')
    if (bytes.length > 0) this.#isHeld = false
    await writes.write(bytes, options)
  }

  /** Half-close: what was written still goes, then the peer reads the end. Reading goes on. */
  end(): void {
    this.#isHeld = false
    this.#end.writes.end()
  }

  /**
   * Closes both ways; what was written still goes, unread data becomes a reset, since it is lost. Resolves when the
   * peer has closed its side, too, or has taken a minute (`timeWait`) not to; `abort` waits for nothing.
   */
  async close(): Promise<void> {
    this.#end.wish(this.#end.length > 0 ? Wish.ABORT : Wish.CLOSE)
    this.#end.writes.end()
    await this.closed.catch(() => undefined)
  }

  /** Drops everything at once and resets the connection. */
  abort(): void {
    this.#end.abort({ code: 'ECONNABORTED', message: 'the connection was aborted on this side' })
  }

  /** The chunks of the peer's stream, to its end. Leaving the loop early closes the connection. */
  [Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    return chunksOf(this)
  }

  /** Sends small writes at once (Nagle off), or gathers them. */
  setNoDelay(isOn = true): void {
    this.#end.set(LaneWord.NO_DELAY, isOn ? 1 : 0)
  }

  /** Holds back anything less than a full segment until `uncork`. */
  cork(): void {
    this.#end.set(LaneWord.CORKED, 1)
  }

  uncork(): void {
    this.#end.set(LaneWord.CORKED, 0)
  }

  /**
   * The state of the connection in the words of `ss -ti`.
   * @throws {NetError} ERR_CLOSED when the connection is over: the stack has forgotten it.
   */
  info(): Promise<TcpInfo> {
    return this.#end.call('info')
  }

  /** Waits for bytes; false at the end of the stream. */
  async #readable(signal: AbortSignal | undefined): Promise<boolean> {
    if (signal?.aborted) throw abortError('read')
    if (this.#isHeld) void this.opened
    const end = this.#end
    while (end.length === 0) {
      if (end.isEnded) return false
      if (end.isDry && (end.isOver || end.failure !== undefined)) {
        if (end.failure !== undefined) throw tcpError(end.facts, end.failure, 'read')
        return false
      }
      if (end.isDry || end.waitForBytes()) await end.readers.wait(signal)
    }
    return true
  }
}
