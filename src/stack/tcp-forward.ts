import { formatEndpoint, formatIp } from '../base/address.ts'
import { ERROR_CODES, NetError } from '../base/errors.ts'
import { fromMs } from '../base/types.ts'
import type { TcpForwarder, TcpRefusal, TcpRequest } from '../tcp/passive/forwarder.ts'
import { resolveTcpOptions, type TcpOptionsInit } from '../tcp/settings.ts'
import type { Tcp } from '../tcp/tcp.ts'
import { within } from './limits.ts'
import type { Stack } from './stack.ts'
import { TcpSocket } from './tcp-socket.ts'

export interface TcpForwardOptions {
  /**
   * Requests that may be undecided at once, with those that were accepted and are half open; a SYN beyond them is
   * dropped, and its sender tries again. Default 1024.
   */
  readonly pending?: number
  /** Milliseconds until a request that nobody decided is refused. Default 60,000. */
  readonly timeout?: number
}

/** Decides about a request, at once or later. What it throws refuses the request, and is an unhandled rejection. */
export type TcpForwardHandler = (request: TcpForwardRequest) => void | Promise<void>

/** A connection that somebody wants to open to a place that is not ours. The peer waits until it is decided. */
export class TcpForwardRequest {
  /** Where the peer wants to go: the address and port that it believes to reach. */
  readonly localAddress: string
  readonly localPort: number
  readonly remoteAddress: string
  readonly remotePort: number
  readonly #request: TcpRequest
  readonly #forwarder: TcpForwarder
  readonly #tcp: Tcp
  #controller: AbortController | undefined

  constructor(request: TcpRequest, forwarder: TcpForwarder, tcp: Tcp) {
    this.localAddress = formatIp(request.local)
    this.localPort = request.localPort
    this.remoteAddress = formatIp(request.remote)
    this.remotePort = request.remotePort
    this.#request = request
    this.#forwarder = forwarder
    this.#tcp = tcp
    request.onEnd = () => this.#controller?.abort(this.#ended())
  }

  /** Whether it can still be decided. */
  get isPending(): boolean {
    return this.#request.over === undefined
  }

  /** Aborted when the request ends undecided: the peer gave up, its time is over, or the forwarder was closed. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController()
      const { over } = this.#request
      if (over !== undefined && over !== 'decided') this.#controller.abort(this.#ended())
    }
    return this.#controller.signal
  }

  /**
   * Answers the SYN; resolves when the peer has completed the handshake. The socket's local address is where the peer
   * wanted to go.
   * @throws {NetError} ETIMEDOUT, ECONNRESET or ERR_CLOSED when the request has ended, EINVAL when it is decided already,
   * ECONNABORTED when the peer went away meanwhile.
   */
  async accept(options: TcpOptionsInit = {}): Promise<TcpSocket> {
    const settings = resolveTcpOptions(options)
    if (this.#request.over !== undefined) throw this.#ended()
    const socket = new TcpSocket(this.#forwarder.accept(this.#request, settings), this.#tcp)
    await socket.opened
    return socket
  }

  /**
   * Refuses: by a reset, as a closed port does; as a router that cannot reach the host does, by ICMP; or not at all, so
   * that the peer tries again. Does nothing where it is decided.
   */
  reject(how: TcpRefusal = 'reset'): void {
    this.#forwarder.refuse(this.#request, how)
  }

  #ended(): NetError {
    const { over } = this.#request
    const code = over === undefined || over === 'decided' ? 'EINVAL' : over
    const why = code === 'EINVAL' ? 'it has been decided about' : (ENDINGS[code] ?? ERROR_CODES[code])
    const where = { syscall: 'accept', address: this.remoteAddress, port: this.remotePort }
    const from = formatEndpoint(this.#request.remote, this.remotePort)
    return new NetError(code, `Cannot accept the request from ${from}: ${why}`, where)
  }
}

const ENDINGS: { readonly [code: string]: string } = {
  ETIMEDOUT: 'nobody decided about it in time',
  ECONNRESET: 'the peer gave up',
  ERR_CLOSED: 'the forwarder was closed',
}

/** The standing order to forward TCP. */
export class TcpForward {
  readonly #tcp: Tcp
  readonly #stack: Stack
  readonly #forwarder: TcpForwarder
  readonly #handler: TcpForwardHandler
  readonly #onStackClose = (): void => this.close()
  #isClosed = false

  /** @throws {NetError} EADDRINUSE. @throws {RangeError} */
  constructor(tcp: Tcp, stack: Stack, handler: TcpForwardHandler, options: TcpForwardOptions = {}) {
    const pending = within('pending', options.pending, 1024, 1, 1 << 20)
    const timeout = fromMs(within('timeout', options.timeout, 60_000, 1, 86_400_000))
    this.#tcp = tcp
    this.#stack = stack
    this.#handler = handler
    this.#forwarder = tcp.forward({ pending, timeout })
    this.#forwarder.onRequest = (request) => void this.#ask(new TcpForwardRequest(request, this.#forwarder, tcp))
    stack.dependants.add(this.#onStackClose)
  }

  /**
   * Requests in all; repeated SYNs that added nothing; accepted and open; refused by the handler; refused because nobody
   * decided in time; abandoned by their peers; and SYNs dropped because too many were pending.
   */
  get stats(): Readonly<TcpForwarder['stats']> {
    return this.#forwarder.stats
  }

  /** Requests that are undecided, and those accepted that are half open. */
  get pending(): number {
    return this.#forwarder.pending
  }

  /** Takes no more requests, and refuses those that are undecided. Connections live on. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#stack.dependants.delete(this.#onStackClose)
    this.#tcp.unforward()
  }

  async #ask(request: TcpForwardRequest): Promise<void> {
    try {
      await this.#handler(request)
    } catch (error) {
      request.reject()
      throw error
    }
  }
}
