import { formatEndpoint, formatIpv4 } from '../base/address.ts'
import { ERROR_CODES, NetError } from '../base/errors.ts'
import { fromMs } from '../base/types.ts'
import type { UdpFlowEntry, UdpForwarder } from '../udp/forwarder.ts'
import { IcmpCode, IcmpType } from '../wire/icmp.ts'
import { within } from './limits.ts'
import type { Stack } from './stack.ts'
import { type Abortable, abortError, Waiters } from './waiters.ts'

export interface UdpForwardOptions {
  /** Flows at once; the one that was silent the longest gives way to a new one. Default 4096. */
  readonly flows?: number
  /** Milliseconds of silence after which a flow ends. Default 60,000. */
  readonly idleTimeout?: number
  /** Bytes of datagrams that may wait to be read on one flow. Default 65,536. */
  readonly receiveBuffer?: number
}

/** Takes charge of a flow. What it throws closes the flow, and is an unhandled rejection. */
export type UdpForwardHandler = (flow: UdpFlow) => void | Promise<void>

/**
 * Datagrams between one peer and one place that is not ours, until nothing has passed for a while; also an async
 * iterable of what the peer sends.
 */
export class UdpFlow implements AsyncIterable<Uint8Array> {
  /** Where the peer sends to: the address and port that it believes to reach. */
  readonly localAddress: string
  readonly localPort: number
  readonly remoteAddress: string
  readonly remotePort: number
  readonly #stack: Stack
  readonly #forwarder: UdpForwarder
  readonly #flow: UdpFlowEntry
  readonly #readers = new Waiters('recv')
  readonly #writers = new Waiters('send')
  #controller: AbortController | undefined

  constructor(flow: UdpFlowEntry, forwarder: UdpForwarder, stack: Stack) {
    const { endpoint } = flow
    this.localAddress = formatIpv4(endpoint.localAddress)
    this.localPort = endpoint.localPort
    this.remoteAddress = formatIpv4(endpoint.remoteAddress)
    this.remotePort = endpoint.remotePort
    this.#stack = stack
    this.#forwarder = forwarder
    this.#flow = flow
    endpoint.onReadable = () => this.#readers.wake()
    endpoint.onWritable = () => this.#writers.wake()
    flow.onEnd = () => this.#ended()
  }

  /** Whether it has ended: it was closed, fell silent, gave way to another, or the forwarder was closed. */
  get isClosed(): boolean {
    return this.#flow.isOver
  }

  /** Aborted when the flow ends. */
  get signal(): AbortSignal {
    this.#controller ??= new AbortController()
    if (this.isClosed) this.#controller.abort()
    return this.#controller.signal
  }

  /** Datagrams for which the receive buffer had no room. */
  get dropped(): number {
    return this.#flow.endpoint.dropped
  }

  /**
   * The next datagram of the peer; null when the flow has ended.
   * @throws {NetError} ECONNREFUSED and the like when a router or the peer complains about what was sent, ABORT_ERR.
   */
  async receive(options: Abortable = {}): Promise<Uint8Array | null> {
    if (options.signal?.aborted) throw abortError('recv')
    for (;;) {
      const message = this.#flow.endpoint.read()
      if (message !== undefined) return message.data
      if (this.isClosed) return null
      this.#checkPending('recv')
      await this.#readers.wait(options.signal)
    }
  }

  /**
   * Sends one datagram to the peer, in the name of where it sent to; waits while the send queue is full.
   * @throws {NetError} ERR_CLOSED, EMSGSIZE, ENETUNREACH, ECONNREFUSED (about an earlier datagram), ABORT_ERR.
   */
  async send(data: Uint8Array, options: Abortable = {}): Promise<void> {
    const { endpoint } = this.#flow
    if (options.signal?.aborted) throw abortError('send')
    for (;;) {
      if (this.isClosed) throw new NetError('ERR_CLOSED', 'Cannot send: the flow has ended', { syscall: 'send' })
      this.#checkPending('send')
      const code = this.#stack.udp.send(endpoint, data, endpoint.remoteAddress, endpoint.remotePort)
      if (code === undefined) break
      if (code !== 'ENOBUFS') throw this.#error(code, 'send')
      await this.#writers.wait(options.signal)
    }
    this.#stack.work()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, undefined> {
    for (let data = await this.receive(); data !== null; data = await this.receive()) yield data
  }

  /** Ends the flow; what was accepted for sending still goes. The peer's next datagram begins a new one. */
  close(): void {
    if (this.isClosed) return
    this.#forwarder.end(this.#flow)
    this.#ended()
  }

  /** Says by ICMP that nobody serves that port, and ends the flow. */
  reject(): void {
    if (this.isClosed) return
    const { icmp, now } = this.#stack
    icmp.sendError(this.#flow.first, IcmpType.UNREACHABLE, IcmpCode.PORT_UNREACHABLE, 0, now)
    this.close()
    this.#stack.work()
  }

  #ended(): void {
    this.#controller?.abort()
    this.#readers.wake()
    this.#writers.wake()
  }

  #checkPending(syscall: 'send' | 'recv'): void {
    const { endpoint } = this.#flow
    const code = endpoint.pendingError
    if (code === undefined) return
    endpoint.pendingError = undefined
    throw this.#error(code, syscall)
  }

  #error(code: keyof typeof ERROR_CODES, syscall: 'send' | 'recv'): NetError {
    const { remoteAddress, remotePort } = this.#flow.endpoint
    const what = syscall === 'recv' ? 'receive from' : 'send to'
    const message = `Cannot ${what} ${formatEndpoint(remoteAddress, remotePort)}: ${ERROR_CODES[code]}`
    return new NetError(code, message, { syscall, address: this.remoteAddress, port: this.remotePort })
  }
}

/** The standing order to forward UDP. */
export class UdpForward {
  readonly #stack: Stack
  readonly #forwarder: UdpForwarder
  readonly #handler: UdpForwardHandler
  readonly #onStackClose = (): void => this.close()
  #isClosed = false

  /** @throws {NetError} EADDRINUSE. @throws {RangeError} */
  constructor(stack: Stack, handler: UdpForwardHandler, options: UdpForwardOptions = {}) {
    this.#stack = stack
    this.#handler = handler
    this.#forwarder = stack.udp.forward({
      flows: within('flows', options.flows, 4096, 1, 1 << 20),
      idle: fromMs(within('idleTimeout', options.idleTimeout, 60_000, 1, 86_400_000)),
      receiveBuffer: within('receiveBuffer', options.receiveBuffer, 65_536, 1, 1 << 30),
    })
    this.#forwarder.onFlow = (flow) => void this.#serve(new UdpFlow(flow, this.#forwarder, stack))
    stack.dependants.add(this.#onStackClose)
  }

  /** Flows in all, those that fell silent, and those that gave way to a new one. */
  get stats(): Readonly<UdpForwarder['stats']> {
    return this.#forwarder.stats
  }

  /** Flows that live. */
  get size(): number {
    return this.#forwarder.size
  }

  /** Takes no more, and ends every flow. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#stack.dependants.delete(this.#onStackClose)
    this.#stack.udp.unforward()
  }

  async #serve(flow: UdpFlow): Promise<void> {
    try {
      await this.#handler(flow)
    } catch (error) {
      flow.close()
      throw error
    }
  }
}
