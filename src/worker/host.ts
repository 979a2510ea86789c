import type { NetError } from '../base/errors.ts'
import type { AddressLike } from '../stack/address.ts'
import type { AddInterfaceOptions, TcpConnectOptions, TcpListenOptions } from '../stack/host.ts'
import type { PingOptions, PingReply } from '../stack/ping-events.ts'
import type { UdpOptions } from '../stack/udp-socket.ts'
import type { Crossing } from './crossing.ts'
import type { LinkDescription } from './links.ts'
import { WorkerPing } from './ping.ts'
import type { InterfaceFacts } from './protocol.ts'
import { WorkerTcpListener } from './tcp-listener.ts'
import { WorkerTcpSocket } from './tcp-socket.ts'
import { WorkerUdpSocket } from './udp-socket.ts'

/** An interface of a stack in another thread, as it was when it was added. */
export type WorkerInterface = InterfaceFacts

/**
 * A stack in another thread, with the promises of Host. What Host does at once takes a promise here (`listen`,
 * `udp.open`, `addInterface`, `info`); with `await`, the same code works with either.
 */
export class WorkerHost {
  readonly tcp: {
    /**
     * Opens a connection; resolves when the handshake is complete, or when data can ride on it (`fastOpen`).
     * @throws {NetError} as Host's; ERR_WORKER when the thread has ended.
     */
    connect(options: TcpConnectOptions): Promise<WorkerTcpSocket>
    /**
     * Listens on a port.
     * @throws {NetError} EADDRINUSE, EADDRNOTAVAIL; ERR_WORKER when the thread has ended.
     */
    listen(options: TcpListenOptions): Promise<WorkerTcpListener>
  }
  readonly udp: {
    /**
     * Opens a UDP socket.
     * @throws {NetError} EADDRINUSE, EADDRNOTAVAIL; ERR_WORKER when the thread has ended.
     */
    open(options?: UdpOptions): Promise<WorkerUdpSocket>
  }
  /** Called when an interface goes down (ENETDOWN) and when it is gone (any other code), as Host's stack tells it. */
  onInterfaceError: ((iface: WorkerInterface, error: NetError) => void) | undefined
  readonly #crossing: Crossing
  readonly #ended: Promise<void>
  readonly #interfaces = new Map<number, WorkerInterface>()

  /** `ended` resolves when the thread has ended after `close`, and rejects when it ended otherwise. */
  constructor(crossing: Crossing, ended: Promise<void>) {
    this.#crossing = crossing
    this.#ended = ended
    ended.catch(() => undefined)
    this.tcp = {
      connect: (options) => this.#connect(options),
      listen: (options) => this.#listen(options),
    }
    this.udp = { open: (options) => WorkerUdpSocket.open(this.#crossing, options) }
    crossing.onInterfaceError = (id, error) => this.#onInterfaceError(id, error)
  }

  /** Resolves when the stack is closed and its thread has ended; rejects with ERR_WORKER when that ended by itself. */
  get closed(): Promise<void> {
    return this.#ended
  }

  /**
   * Opens a link in the stack's thread and puts it into service under an address.
   * @throws {NetError} as `openPacketLink`, `openTapLink` and `openTunLink`.
   * @throws {TypeError} when an address is none.
   */
  async addInterface(link: LinkDescription, options: AddInterfaceOptions): Promise<WorkerInterface> {
    const iface = await this.#crossing.caller.call('addInterface', { link, options })
    this.#interfaces.set(iface.id, iface)
    return iface
  }

  /** Takes an interface out of service and closes its link. Connections that can go no other way end with ENODEV. */
  async removeInterface({ id }: WorkerInterface): Promise<void> {
    this.#interfaces.delete(id)
    await this.#crossing.caller.call('removeInterface', id)
  }

  /** One echo request; resolves with its reply. */
  ping(address: AddressLike, { signal, ...options }: PingOptions = {}): Promise<PingReply> {
    return this.#crossing.caller.call('ping', { address, options }, signal)
  }

  /** Echo requests again and again: an async iterable of what happens. What is wrong with the options it throws there. */
  pings(address: AddressLike, options?: PingOptions): WorkerPing {
    return new WorkerPing(this.#crossing.caller, address, options)
  }

  /**
   * Ends pings, listeners and UDP sockets, resets every connection, closes the links, ends the thread. Resolves when all
   * that is done; the process can exit.
   */
  async close(): Promise<void> {
    const { caller } = this.#crossing
    if (!caller.isClosed) {
      const closing = caller.call('close', undefined)
      caller.close()
      await closing.catch(() => undefined)
    }
    await this.#ended.catch(() => undefined)
  }

  async #connect({ signal, ...options }: TcpConnectOptions): Promise<WorkerTcpSocket> {
    const { caller } = this.#crossing
    return await WorkerTcpSocket.open(this.#crossing, (lane) => caller.call('connect', { lane, options }, signal))
  }

  async #listen({ signal, ...options }: TcpListenOptions): Promise<WorkerTcpListener> {
    const facts = await this.#crossing.caller.call('listen', options, signal)
    const listener = new WorkerTcpListener(this.#crossing, facts)
    if (signal?.aborted) listener.close()
    else signal?.addEventListener('abort', () => listener.close(), { once: true })
    return listener
  }

  #onInterfaceError(id: number, error: NetError): void {
    const iface = this.#interfaces.get(id)
    if (iface === undefined) return
    if (error.code !== 'ENETDOWN') this.#interfaces.delete(id)
    this.onInterfaceError?.(iface, error)
  }
}
