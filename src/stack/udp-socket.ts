import { formatEndpoint, formatIpv4, type Ipv4Addr } from '../base/address.ts'
import { ERROR_CODES, type ErrorCode, NetError } from '../base/errors.ts'
import type { NetInterface } from '../ip/interface.ts'
import type { IcmpError } from '../ip/transport.ts'
import type { UdpEndpoint } from '../udp/endpoint.ts'
import { type AddressLike, toIpv4 } from './address.ts'
import type { Stack } from './stack.ts'
import { type BoundUdp, bindUdp, checkPort, type UdpBindOptions, unbindUdp } from './udp-bind.ts'
import { joinGroup, leaveGroup } from './udp-groups.ts'
import { type Abortable, abortError, Waiters } from './waiters.ts'

export interface UdpOptions extends UdpBindOptions {
  /** Told of ICMP errors that concern this socket, its text and the packet's destination; sends do not wait for them. */
  readonly onError?: (error: NetError) => void
}

/** A datagram as it is received. */
export interface UdpDatagram {
  readonly data: Uint8Array
  readonly address: string
  readonly port: number
  /** Where it was sent to: an address of ours, a broadcast or a group. */
  readonly destination: string
}

/** A UDP socket with promises; also an async iterable of its datagrams, which ends when it is closed. */
export class UdpSocket implements AsyncIterable<UdpDatagram> {
  readonly #stack: Stack
  readonly #bound: BoundUdp
  readonly #endpoint: UdpEndpoint
  readonly #onStackClose = (): void => this.close()
  readonly #readers = new Waiters('recv')
  readonly #writers = new Waiters('send')
  #isClosed = false

  constructor(stack: Stack, bound: BoundUdp, onError?: (error: NetError) => void) {
    const { endpoint } = bound
    this.#stack = stack
    this.#bound = bound
    this.#endpoint = endpoint
    stack.dependants.add(this.#onStackClose)
    endpoint.onReadable = () => this.#readers.wake()
    endpoint.onWritable = () => this.#writers.wake()
    if (onError !== undefined) endpoint.onError = (error) => onError(fromIcmp(error))
  }

  get localAddress(): string {
    return formatIpv4(this.#endpoint.localAddress)
  }

  get localPort(): number {
    return this.#endpoint.localPort
  }

  /** Undefined while not connected. */
  get remoteAddress(): string | undefined {
    return this.#endpoint.isConnected ? formatIpv4(this.#endpoint.remoteAddress) : undefined
  }

  get remotePort(): number | undefined {
    return this.#endpoint.isConnected ? this.#endpoint.remotePort : undefined
  }

  /** Datagrams that found the receive buffer full. */
  get dropped(): number {
    return this.#endpoint.dropped
  }

  /**
   * Speaks with one peer only: what others send is not heard, and ICMP errors fail the next call.
   * @throws {NetError} ENETUNREACH, EACCES, ERR_CLOSED.
   */
  connect(address: AddressLike, port: number): void {
    this.#checkOpen('connect')
    const to = toIpv4(address)
    checkPort(port)
    this.#check(this.#stack.udp.connect(this.#endpoint, to, port), 'connect', to, port)
  }

  /**
   * Queues one datagram, copying it; waits while the send queue is full.
   * @throws {NetError} EMSGSIZE, EACCES, ENETUNREACH, ENOTCONN, ECONNREFUSED (from an earlier datagram), ERR_CLOSED, ABORT_ERR.
   */
  async send(data: Uint8Array, address?: AddressLike, port?: number, options: Abortable = {}): Promise<void> {
    const endpoint = this.#endpoint
    const [to, toPort] = this.#destination(address, port)
    if (options.signal?.aborted) throw abortError('send')
    for (;;) {
      this.#checkOpen('send')
      this.#checkPending('send')
      const code = this.#stack.udp.send(endpoint, data, to, toPort)
      if (code === undefined) break
      if (code !== 'ENOBUFS') this.#check(code, 'send', to, toPort)
      await this.#writers.wait(options.signal)
    }
    this.#stack.work()
  }

  /**
   * The next datagram.
   * @throws {NetError} ECONNREFUSED and the like on a connected socket, ERR_CLOSED, ABORT_ERR.
   */
  async receive(options: Abortable = {}): Promise<UdpDatagram> {
    if (options.signal?.aborted) throw abortError('recv')
    for (;;) {
      this.#checkOpen('recv')
      const message = this.#endpoint.read()
      if (message !== undefined) {
        const { data, address, port, destination } = message
        return { data, address: formatIpv4(address), port, destination: formatIpv4(destination) }
      }
      this.#checkPending('recv')
      await this.#readers.wait(options.signal)
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<UdpDatagram, void, undefined> {
    while (!this.#isClosed) {
      try {
        yield await this.receive()
      } catch (error) {
        if (error instanceof NetError && error.code === 'ERR_CLOSED') return
        throw error
      }
    }
  }

  /**
   * Hears what is sent to `group` on `iface`, by default where the routes lead.
   * @throws {NetError} EINVAL when it is no multicast address, ENODEV when there is no interface for it.
   */
  join(group: AddressLike, iface?: NetInterface): void {
    this.#checkOpen('setsockopt')
    joinGroup(this.#stack, this.#endpoint, toIpv4(group), iface)
  }

  leave(group: AddressLike, iface?: NetInterface): void {
    this.#checkOpen('setsockopt')
    leaveGroup(this.#stack, this.#endpoint, toIpv4(group), iface)
  }

  /** Sends multicasts by `iface` instead of where the routes lead. */
  setMulticastInterface(iface: NetInterface): void {
    this.#endpoint.multicastInterface = iface
    this.#endpoint.route = undefined
  }

  /** Frees the port; whoever waits gets ERR_CLOSED. Datagrams already accepted for sending still go. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#stack.dependants.delete(this.#onStackClose)
    unbindUdp(this.#stack, this.#bound)
    this.#readers.wake()
    this.#writers.wake()
  }

  #destination(address: AddressLike | undefined, port: number | undefined): [Ipv4Addr, number] {
    const { remoteAddress, remotePort, isConnected } = this.#endpoint
    if (address === undefined || port === undefined) {
      if (isConnected) return [remoteAddress, remotePort]
      const message = 'Cannot send: the socket is not connected. Give an address and a port, or connect first'
      throw new NetError('ENOTCONN', message, { syscall: 'send' })
    }
    checkPort(port)
    return [toIpv4(address), port]
  }

  #checkOpen(syscall: keyof typeof OPERATIONS): void {
    if (this.#isClosed) throw closedError(syscall)
  }

  /** RFC 1122 §4.1.3.3: what an earlier datagram met fails the next call, once. */
  #checkPending(syscall: string): void {
    const code = this.#endpoint.pendingError
    if (code === undefined) return
    this.#endpoint.pendingError = undefined
    this.#check(code, syscall, this.#endpoint.remoteAddress, this.#endpoint.remotePort)
  }

  #check(code: ErrorCode | undefined, syscall: string, to: Ipv4Addr, port: number): void {
    if (code === undefined) return
    const what = syscall === 'recv' ? 'receive from' : `${syscall} to`
    const message = `Cannot ${what} ${formatEndpoint(to, port)}: ${ERROR_CODES[code]}`
    throw new NetError(code, message, { syscall, address: formatIpv4(to), port })
  }
}

/**
 * Opens a UDP socket.
 * @throws {NetError} EADDRINUSE, EADDRNOTAVAIL, ERR_CLOSED.
 * @throws {RangeError} when the port is none.
 */
export function openUdp(stack: Stack, options: UdpOptions = {}): UdpSocket {
  if (stack.isClosed) throw closedError('bind')
  return new UdpSocket(stack, bindUdp(stack, options), options.onError)
}

function fromIcmp(error: IcmpError): NetError {
  const code = error.errorCode
  const to = formatEndpoint(error.dst, error.dstPort)
  const message = `Sending to ${to} failed, says ${formatIpv4(error.from)}: ${ERROR_CODES[code]}`
  return new NetError(code, message, { syscall: 'send', address: formatIpv4(error.dst), port: error.dstPort })
}

const OPERATIONS = {
  bind: 'bind: the stack',
  connect: 'connect: the socket',
  send: 'send: the socket',
  recv: 'receive: the socket',
  setsockopt: 'join or leave a group: the socket',
} as const

const closedError = (syscall: keyof typeof OPERATIONS): NetError =>
  new NetError('ERR_CLOSED', `Cannot ${OPERATIONS[syscall]} is closed`, { syscall })
