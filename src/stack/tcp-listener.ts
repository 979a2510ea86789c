import { formatIp } from '../base/address.ts'
import { NetError } from '../base/errors.ts'
import type { Listener } from '../tcp/passive/listener.ts'
import type { Tcp } from '../tcp/tcp.ts'
import type { Stack } from './stack.ts'
import { TcpSocket } from './tcp-socket.ts'
import { type Abortable, abortError, Waiters } from './waiters.ts'

/** A listening port, for programs: `for await (const socket of listener)`. */
export class TcpListener {
  readonly localAddress: string
  readonly localPort: number
  readonly #listener: Listener
  readonly #tcp: Tcp
  readonly #stack: Stack
  readonly #signal: AbortSignal | undefined
  readonly #onEnd = (): void => this.close()
  readonly #waiters = new Waiters('accept')
  #isClosed = false

  /** `signal` closes it. */
  constructor(listener: Listener, tcp: Tcp, stack: Stack, signal?: AbortSignal) {
    this.#listener = listener
    this.#tcp = tcp
    this.#stack = stack
    this.#signal = signal
    stack.dependants.add(this.#onEnd)
    signal?.addEventListener('abort', this.#onEnd, { once: true })
    this.localAddress = formatIp(listener.local)
    this.localPort = listener.localPort
    listener.onConnection = () => this.#waiters.wake()
  }

  get isClosed(): boolean {
    return this.#isClosed
  }

  /**
   * The next connection.
   * @throws {NetError} ERR_CLOSED when the listener is closed meanwhile; ABORT_ERR.
   */
  async accept(options: Abortable = {}): Promise<TcpSocket> {
    if (options.signal?.aborted) throw abortError('accept')
    for (;;) {
      const tcb = this.#listener.accept()
      if (tcb !== undefined) return new TcpSocket(tcb, this.#tcp)
      if (this.#isClosed)
        throw new NetError('ERR_CLOSED', 'Cannot accept: the listener is closed', { syscall: 'accept' })
      await this.#waiters.wait(options.signal)
    }
  }

  /** Connections as they come, until the listener is closed. */
  async *[Symbol.asyncIterator](): AsyncGenerator<TcpSocket, void, undefined> {
    for (;;) {
      const tcb = this.#listener.accept()
      if (tcb !== undefined) yield new TcpSocket(tcb, this.#tcp)
      else if (this.#isClosed) return
      else await this.#waiters.wait()
    }
  }

  /** Connections in all, SYN cookies sent and redeemed, and connections refused because the queue was full. */
  get stats(): Readonly<Listener['stats']> {
    return this.#listener.stats
  }

  /** Stops listening. Connections that were accepted live on; the others are reset. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#stack.dependants.delete(this.#onEnd)
    this.#signal?.removeEventListener('abort', this.#onEnd)
    this.#tcp.unlisten(this.#listener)
    this.#waiters.wake()
  }
}
