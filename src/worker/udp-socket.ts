import { formatEndpoint, formatIpv4, IPV4_ANY, type Ipv4Addr } from '../base/address.ts'
import { ERROR_CODES, NetError } from '../base/errors.ts'
import { type AddressLike, toIpv4 } from '../stack/address.ts'
import { checkPort } from '../stack/udp-bind.ts'
import type { UdpDatagram, UdpOptions, UdpSocket } from '../stack/udp-socket.ts'
import { type Abortable, abortError } from '../stack/waiters.ts'
import type { Crossing } from './crossing.ts'
import type { InterfaceFacts, UdpGroupAction } from './protocol.ts'
import { UdpEnd } from './udp-end.ts'
import { CONNECTED, MAX_DATAGRAM } from './udp-record.ts'

/** What both UdpSocket and WorkerUdpSocket are; `connect` is done at once where the stack is in the same thread. */
export type AnyUdpSocket = Pick<
  UdpSocket,
  | 'localAddress'
  | 'localPort'
  | 'remoteAddress'
  | 'remotePort'
  | 'dropped'
  | 'send'
  | 'receive'
  | 'close'
  | typeof Symbol.asyncIterator
> & { connect(address: AddressLike, port: number): void | Promise<void> }

/** A UDP socket of a stack in another thread, with what UdpSocket has; what that does at once takes a promise here. */
export class WorkerUdpSocket implements AnyUdpSocket, AsyncIterable<UdpDatagram> {
  readonly #crossing: Crossing
  readonly #end: UdpEnd
  readonly localPort: number
  #localAddress: string
  #remote: { readonly address: string; readonly port: number } | undefined

  static async open(crossing: Crossing, { onError, ...options }: UdpOptions = {}): Promise<WorkerUdpSocket> {
    const end = new UdpEnd(crossing, onError)
    try {
      const local = await crossing.caller.call('udpOpen', { lane: end.lane.id, options })
      return new WorkerUdpSocket(crossing, end, local)
    } catch (error) {
      end.onFree()
      throw error
    }
  }

  constructor(crossing: Crossing, end: UdpEnd, local: { localAddress: string; localPort: number }) {
    this.#crossing = crossing
    this.#end = end
    this.localPort = local.localPort
    this.#localAddress = local.localAddress
  }

  get localAddress(): string {
    return this.#localAddress
  }

  /** Undefined while not connected. */
  get remoteAddress(): string | undefined {
    return this.#remote?.address
  }

  get remotePort(): number | undefined {
    return this.#remote?.port
  }

  /** Datagrams that found the receive buffer full, as of the last that did not. */
  get dropped(): number {
    return this.#end.dropped
  }

  /**
   * Speaks with one peer only: what others send is not heard, and ICMP errors fail the next call.
   * @throws {NetError} ENETUNREACH, EACCES, ERR_CLOSED, ERR_WORKER.
   */
  async connect(address: AddressLike, port: number): Promise<void> {
    this.#end.checkOpen('connect')
    const lane = this.#end.lane.id
    const { localAddress, remoteAddress } = await this.#crossing.caller.call('udpConnect', { lane, address, port })
    this.#localAddress = localAddress
    this.#remote = { address: remoteAddress, port }
  }

  /**
   * Queues one datagram, copying it; resolves when the stack has taken it.
   * @throws {NetError} as UdpSocket's; ERR_WORKER.
   */
  async send(data: Uint8Array, address?: AddressLike, port?: number, options: Abortable = {}): Promise<void> {
    const place = this.#destination(address, port)
    if (options.signal?.aborted) throw abortError('send')
    this.#end.checkOpen('send')
    if (data.length > MAX_DATAGRAM) {
      const where = { syscall: 'send', address: formatIpv4(place.address), port: place.port }
      const message = `Cannot send to ${formatEndpoint(place.address, place.port)}: ${ERROR_CODES.EMSGSIZE}`
      throw new NetError('EMSGSIZE', message, where)
    }
    const isConnected = address === undefined || port === undefined
    const record = { ...place, data, destination: IPV4_ANY, ...(isConnected ? { port: CONNECTED } : {}) }
    await this.#end.send(record, options.signal)
  }

  /**
   * The next datagram.
   * @throws {NetError} ECONNREFUSED and the like on a connected socket, ERR_CLOSED, ERR_WORKER, ABORT_ERR.
   */
  async receive(options: Abortable = {}): Promise<UdpDatagram> {
    if (options.signal?.aborted) throw abortError('recv')
    const { data, address, port, destination } = await this.#end.receive(options.signal)
    return { data, address: formatIpv4(address), port, destination: formatIpv4(destination) }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<UdpDatagram, void, undefined> {
    while (!this.#end.isClosed) {
      try {
        yield await this.receive()
      } catch (error) {
        if (error instanceof NetError && error.code === 'ERR_CLOSED') return
        throw error
      }
    }
  }

  /** Hears what is sent to `group` on `iface`, by default where the routes lead. @throws {NetError} EINVAL, ENODEV. */
  join(group: AddressLike, iface?: InterfaceFacts): Promise<void> {
    return this.#group('join', group, iface)
  }

  leave(group: AddressLike, iface?: InterfaceFacts): Promise<void> {
    return this.#group('leave', group, iface)
  }

  /** Sends multicasts by `iface` instead of where the routes lead. */
  setMulticastInterface(iface: InterfaceFacts): Promise<void> {
    return this.#group('send', IPV4_ANY, iface)
  }

  /** Frees the port; whoever waits gets ERR_CLOSED. Datagrams already accepted for sending still go. */
  close(): void {
    this.#end.close()
  }

  #destination(address: AddressLike | undefined, port: number | undefined): { address: Ipv4Addr; port: number } {
    if (address !== undefined && port !== undefined) {
      checkPort(port)
      return { address: toIpv4(address), port }
    }
    if (this.#remote !== undefined) return { address: toIpv4(this.#remote.address), port: this.#remote.port }
    const message = 'Cannot send: the socket is not connected. Give an address and a port, or connect first'
    throw new NetError('ENOTCONN', message, { syscall: 'send' })
  }

  async #group(action: UdpGroupAction, group: AddressLike, iface: InterfaceFacts | undefined): Promise<void> {
    this.#end.checkOpen('setsockopt')
    await this.#crossing.caller.call('udpGroup', { lane: this.#end.lane.id, action, group, iface: iface?.id })
  }
}
