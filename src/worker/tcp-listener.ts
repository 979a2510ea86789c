import { NetError } from '../base/errors.ts'
import type { TcpListener } from '../stack/tcp-listener.ts'
import type { Abortable } from '../stack/waiters.ts'
import type { Crossing } from './crossing.ts'
import type { ListenerFacts } from './protocol.ts'
import { WorkerTcpSocket } from './tcp-socket.ts'

/** A listening port of a stack in another thread, with what TcpListener has. */
export class WorkerTcpListener {
  readonly localAddress: string
  readonly localPort: number
  readonly #crossing: Crossing
  readonly #id: number
  #isClosed = false

  constructor(crossing: Crossing, { id, localAddress, localPort }: ListenerFacts) {
    this.#crossing = crossing
    this.#id = id
    this.localAddress = localAddress
    this.localPort = localPort
  }

  get isClosed(): boolean {
    return this.#isClosed || this.#crossing.caller.isClosed
  }

  /**
   * The next connection.
   * @throws {NetError} ERR_CLOSED when the listener is closed meanwhile; ERR_WORKER; ABORT_ERR.
   */
  async accept({ signal }: Abortable = {}): Promise<WorkerTcpSocket> {
    if (this.isClosed) throw new NetError('ERR_CLOSED', 'Cannot accept: the listener is closed', { syscall: 'accept' })
    const { caller } = this.#crossing
    return await WorkerTcpSocket.open(this.#crossing, (lane) =>
      caller.call('accept', { listener: this.#id, lane }, signal),
    )
  }

  /** Connections as they come, until the listener is closed. */
  async *[Symbol.asyncIterator](): AsyncGenerator<WorkerTcpSocket, void, undefined> {
    while (!this.isClosed) {
      try {
        yield await this.accept()
      } catch (error) {
        if (error instanceof NetError && error.code === 'ERR_CLOSED') return
        throw error
      }
    }
  }

  /** Connections in all, SYN cookies sent and redeemed, and connections refused because the queue was full. */
  get stats(): Promise<TcpListener['stats']> {
    return this.#crossing.caller.call('listenerStats', this.#id)
  }

  /** Stops listening. Connections that were accepted live on; the others are reset. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#crossing.caller.call('unlisten', this.#id).catch(() => undefined)
  }
}
