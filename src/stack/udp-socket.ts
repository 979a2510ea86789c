import { formatEndpoint, formatIpv4, IPV4_ANY, type Ipv4Addr, isMulticast } from '../base/address.ts'
import { ERROR_CODES, type ErrorCode, NetError } from '../base/errors.ts'
import type { NetInterface } from '../ip/interface.ts'
import type { IcmpError } from '../ip/transport.ts'
import { UdpEndpoint, type UdpEndpointOptions } from '../udp/endpoint.ts'
import { type AddressLike, toIpv4 } from './address.ts'
import type { PortClaim } from './ports.ts'
import type { Stack } from './stack.ts'
import { type Abortable, abortError, Waiters } from './waiters.ts'

export interface UdpOptions extends Omit<UdpEndpointOptions, 'address' | 'port'> {
  /** The local address. Default: all of the stack's. */
  readonly address?: AddressLike
  /** The local port. Default: a random ephemeral one. */
  readonly port?: number
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
  readonly #endpoint: UdpEndpoint
  readonly #claim: PortClaim
  readonly #onStackClose = (): void => this.close()
  readonly #readers = new Waiters('recv')
  readonly #writers = new Waiters('send')
  #isClosed = false

  constructor(stack: Stack, endpoint: UdpEndpoint, claim: PortClaim, onError?: (error: NetError) => void) {
    this.#stack = stack
    this.#endpoint = endpoint
    this.#claim = claim
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
    const [to, on] = this.#membership(group, iface)
    const { groups } = this.#endpoint
    if (groups.some((member) => member.group === to && member.iface === on)) return
    groups.push({ group: to, iface: on })
    this.#stack.igmp.join(on, to)
    this.#stack.work()
  }

  leave(group: AddressLike, iface?: NetInterface): void {
    const [to, on] = this.#membership(group, iface)
    const { groups } = this.#endpoint
    const index = groups.findIndex((member) => member.group === to && member.iface === on)
    if (index < 0) return
    groups.splice(index, 1)
    this.#stack.igmp.leave(on, to)
    this.#stack.work()
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
    for (const { group, iface } of this.#endpoint.groups.splice(0)) this.#stack.igmp.leave(iface, group)
    this.#stack.udp.close(this.#endpoint)
    this.#claim.release()
    this.#readers.wake()
    this.#writers.wake()
    this.#stack.work()
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

  #membership(address: AddressLike, iface: NetInterface | undefined): [Ipv4Addr, NetInterface] {
    const group = toIpv4(address)
    this.#checkOpen('setsockopt')
    if (!isMulticast(group)) {
      throw new NetError('EINVAL', `Cannot join ${formatIpv4(group)}: it is not within 224.0.0.0/4`)
    }
    const on = iface ?? this.#stack.ip.route(group)?.iface
    if (on === undefined) throw new NetError('ENODEV', `Cannot join ${formatIpv4(group)}: the stack has no interface`)
    return [group, on]
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
  const address = toIpv4(options.address ?? IPV4_ANY)
  const port = options.port ?? 0
  if (port !== 0) checkPort(port)
  if (stack.isClosed) throw closedError('bind')
  const isOurs = address === IPV4_ANY || isMulticast(address) || stack.ip.isLocal(address)
  if (!isOurs) {
    const message = `Cannot bind to ${formatIpv4(address)}: the stack has no interface with that address`
    throw new NetError('EADDRNOTAVAIL', message, { syscall: 'bind', address: formatIpv4(address), port })
  }
  const { udp, ports } = stack
  const isFree = (candidate: number): boolean => udp.endpoints.isFree(address, candidate, options.reuse ?? false)
  if (port !== 0 && !isFree(port)) {
    const message = `Cannot bind to ${formatEndpoint(address, port)}: another socket of this stack uses it`
    throw new NetError('EADDRINUSE', message, { syscall: 'bind', address: formatIpv4(address), port })
  }
  const claim =
    port === 0 ? ports.claimEphemeral(udp.protocol, address, isFree) : ports.claim(udp.protocol, address, port)
  const endpoint = new UdpEndpoint({ ...options, address, port: claim.port })
  udp.endpoints.add(endpoint)
  return new UdpSocket(stack, endpoint, claim, options.onError)
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

function checkPort(port: number): void {
  if (Number.isInteger(port) && port >= 1 && port <= 65535) return
  throw new RangeError(`Cannot use port ${port}: it must be a whole number from 1 to 65535`)
}
