import { formatIpv4, IPV4_ANY, type Ipv4Addr, parseIpv4 } from '../base/address.ts'
import { NetError } from '../base/errors.ts'
import type { NetInterface } from '../ip/interface.ts'
import { toIpv4 } from '../stack/address.ts'
import type { Stack } from '../stack/stack.ts'
import { type BoundUdp, bindUdp, unbindUdp } from '../stack/udp-bind.ts'
import { joinGroup, leaveGroup } from '../stack/udp-groups.ts'
import type { UdpEndpoint } from '../udp/endpoint.ts'
import { errnoOf, systemCode } from './errors.ts'
import { Hold, type Liveness } from './liveness.ts'

/** What node:dgram tells of a datagram's sender; it adds the size itself. */
interface Sender {
  readonly address: string
  readonly family: 'IPv4'
  readonly port: number
}

/** node:dgram's own function for what arrives; below zero it is an error's number. */
type OnMessage = (count: number, handle: UdpHandle, bytes: Buffer | undefined, sender: Sender | undefined) => void

/**
 * One UDP port of a stack with the methods of libuv's handle that node:dgram's Socket calls. Each returns 0, or the
 * negative number of an error.
 */
export class UdpHandle {
  /** Set by node:dgram. */
  onmessage: OnMessage | undefined
  readonly #stack: Stack
  readonly #bound: BoundUdp
  readonly #hold: Hold
  readonly #onStackClose: () => void

  /** @throws {NetError} EADDRINUSE, EADDRNOTAVAIL, ERR_CLOSED. */
  constructor(
    stack: Stack,
    liveness: Liveness,
    place: { address: string; port: number; reuse: boolean },
    onStackClose: () => void,
  ) {
    this.#stack = stack
    // Of a number, node:dgram's handle takes the lowest 16 bits.
    this.#bound = bindUdp(stack, { ...place, port: place.port & 0xffff })
    this.#onStackClose = onStackClose
    stack.dependants.add(onStackClose)
    this.#hold = new Hold(liveness)
    this.#hold.start()
    this.#endpoint.onReadable = () => this.#read()
  }

  recvStart(): number {
    this.#read()
    return 0
  }

  recvStop(): number {
    this.#endpoint.onReadable = undefined
    return 0
  }

  close(): void {
    this.#hold.stop()
    this.#stack.dependants.delete(this.#onStackClose)
    unbindUdp(this.#stack, this.#bound)
  }

  ref(): void {
    this.#hold.setRef(true)
  }

  unref(): void {
    this.#hold.setRef(false)
  }

  getsockname(name: Partial<Record<keyof Sender, unknown>>): number {
    return describe(name, this.#endpoint.localAddress, this.#endpoint.localPort)
  }

  getpeername(name: Partial<Record<keyof Sender, unknown>>): number {
    return describe(name, this.#endpoint.remoteAddress, this.#endpoint.remotePort)
  }

  connect(address: string, port: number): number {
    const to = parseIpv4(address)
    return errnoOf(to === undefined ? 'EINVAL' : this.#stack.udp.connect(this.#endpoint, to, port))
  }

  disconnect(): number {
    const { endpoints } = this.#stack.udp
    endpoints.remove(this.#endpoint)
    this.#endpoint.remoteAddress = IPV4_ANY
    this.#endpoint.remotePort = 0
    endpoints.add(this.#endpoint)
    return 0
  }

  /** node:dgram would put libuv's function here; ours stays. */
  get send(): UdpHandle['transmit'] {
    return this.transmit
  }

  set send(_ofLibuv: unknown) {}

  /** `(request, list, count, port, address, hasCallback)`, or `(request, list, count, hasCallback)` where connected; one more than the bytes sent. */
  transmit(
    _request: unknown,
    list: readonly Uint8Array[],
    _count: number,
    port: number | boolean,
    address?: string,
  ): number {
    const endpoint = this.#endpoint
    const data = list.length === 1 ? list[0]! : Buffer.concat(list as Uint8Array[])
    const [to, toPort] =
      typeof port === 'number' ? [parseIpv4(address!), port] : [endpoint.remoteAddress, endpoint.remotePort]
    if (to === undefined) return errnoOf('EINVAL')
    // As of libuv's handle, what an earlier datagram met is told where datagrams are received.
    const code = this.#stack.udp.send(endpoint, data, to, toPort)
    if (code !== undefined) return errnoOf(code)
    this.#stack.work()
    return data.length + 1
  }

  bufferSize(size: number, isReceiving: boolean): number {
    const name = isReceiving ? 'receiveBuffer' : 'sendBuffer'
    if (size > 0) this.#endpoint[name] = size
    return this.#endpoint[name]
  }

  setBroadcast(isOn: number): number {
    this.#endpoint.broadcast = isOn !== 0
    this.#endpoint.route = undefined
    return 0
  }

  setTTL(ttl: number): number {
    if (!(ttl >= 1 && ttl <= 255)) return errnoOf('EINVAL')
    this.#endpoint.ttl = ttl
    return 0
  }

  setMulticastTTL(ttl: number): number {
    if (!(ttl >= 0 && ttl <= 255)) return errnoOf('EINVAL')
    this.#endpoint.multicastTtl = ttl
    return 0
  }

  setMulticastLoopback(isOn: number): number {
    this.#endpoint.multicastLoop = isOn !== 0
    return 0
  }

  setMulticastInterface(address: string): number {
    return this.#attempt(() => {
      this.#endpoint.multicastInterface = this.#interfaceOf(address)
      this.#endpoint.route = undefined
    })
  }

  /** By default the interface to which the routes lead. */
  addMembership(group: string, address?: string): number {
    return this.#attempt(() => {
      const isNew = joinGroup(this.#stack, this.#endpoint, toIpv4(group), this.#interfaceOf(address))
      if (!isNew) throw new NetError('EADDRINUSE', `Cannot join ${group}: it was joined already`)
    })
  }

  dropMembership(group: string, address?: string): number {
    return this.#attempt(() => {
      const isMember = leaveGroup(this.#stack, this.#endpoint, toIpv4(group), this.#interfaceOf(address))
      if (!isMember) throw new NetError('EADDRNOTAVAIL', `Cannot leave ${group}: it was not joined`)
    })
  }

  addSourceSpecificMembership(): number {
    return errnoOf('ENOTSUP')
  }

  dropSourceSpecificMembership(): number {
    return errnoOf('ENOTSUP')
  }

  /** Datagrams wait in the stack until its next turn. */
  getSendQueueSize(): number {
    return this.#endpoint.pendingBytes
  }

  getSendQueueCount(): number {
    return this.#endpoint.pending
  }

  get #endpoint(): UdpEndpoint {
    return this.#bound.endpoint
  }

  #read(): void {
    const endpoint = this.#endpoint
    for (let message = endpoint.read(); message !== undefined; message = endpoint.read()) {
      const { data, address, port } = message
      const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength)
      try {
        this.onmessage?.(bytes.length, this, bytes, { address: formatIpv4(address), family: 'IPv4', port })
      } catch (error) {
        // The rest comes all the same.
        process.nextTick(() => this.#read())
        throw error
      }
      if (endpoint.onReadable === undefined) return
    }
    const code = endpoint.pendingError
    if (code === undefined) return
    endpoint.pendingError = undefined
    this.onmessage?.(errnoOf(code), this, undefined, undefined)
  }

  #attempt(action: () => void): number {
    try {
      action()
      return 0
    } catch (error) {
      return errnoOf(socketCode(error))
    }
  }

  #interfaceOf(address: string | undefined): NetInterface | undefined {
    if (address === undefined || address === '0.0.0.0') return undefined
    const iface = this.#stack.ip.ownerOf(toIpv4(address))
    if (iface === undefined) throw new NetError('EADDRNOTAVAIL', `Cannot use ${address}: no interface has it`)
    return iface
  }
}

/** The system's code for what failed: an IPv4 socket finds no sense in text that is no address, nor in one of IPv6. */
export function socketCode(error: unknown): string {
  if (error instanceof TypeError) return 'EINVAL'
  const code = systemCode(error)
  return code === 'EAFNOSUPPORT' ? 'EINVAL' : code
}

function describe(name: Partial<Record<keyof Sender, unknown>>, address: Ipv4Addr, port: number): number {
  Object.assign(name, { address: formatIpv4(address), family: 'IPv4', port })
  return 0
}
