import type { Socket } from 'node:net'
import { ResetCode, type SessionStream } from '../../session/streams/stream-types.ts'
import { formatEndpoint } from '../../transport/endpoint.ts'
import { formatHostPort } from '../../transport/host-port.ts'
import { Dialer, type DialOptions } from './dial.ts'
import { parseEndpoint } from './endpoint.ts'
import { answer, type Ledger, newLedger, refuse, type Waiting } from './join.ts'
import { Pool, type PoolOptions } from './pool.ts'
import { type ProxyVersion, proxyHeader } from './proxy-header.ts'
import type { AnsweringService, CloseOptions, ServiceStatus } from './service.ts'
import type { Connection } from './splice.ts'
import { DEFAULT_MAX_CONNECTIONS } from './tcp-forward.ts'
import { tryOut } from './try-out.ts'

export interface TcpBackendOptions extends DialOptions {
  readonly name: string
  /** `host:port`, `[IPv6]:port` or `unix:/path`; of several, those behind the first are for when it fails. */
  readonly connect: string | readonly string[]
  /** Streams at once; those above are refused. Default 10,000. */
  readonly maxConnections?: number
  /** Connections that are made before they are needed. Default: none. */
  readonly pool?: PoolOptions
  /** Tells the target first where the connection comes from (haproxy's PROXY protocol). Default: it does not. */
  readonly proxyProtocol?: ProxyVersion
  /** Where the connection was taken, `address:port`, as the PROXY protocol tells it. Default: the target's address. */
  readonly listener?: string
  /** Bits per second of all its streams together, each way. Default: no limit. */
  readonly rate?: number
  /** Hears why a target could not be reached. */
  readonly onProblem?: (error: Error) => void
}

/** Connects each stream to a target of ours; one that names its own is refused. */
export class TcpBackend implements AnsweringService {
  readonly name: string
  readonly #target: string
  readonly #options: TcpBackendOptions
  readonly #dialer: Dialer
  readonly #pool: Pool | undefined
  readonly #ledger: Ledger
  #isClosing = false

  /** @throws {NetError} EINVAL when a target is none. */
  constructor(options: TcpBackendOptions) {
    this.name = options.name
    const given = typeof options.connect === 'string' ? [options.connect] : options.connect
    const targets = given.map((text) => parseEndpoint(text, `"connect" of the service "${this.name}"`))
    this.#target = targets.map(formatEndpoint).join(', ')
    this.#options = options
    this.#ledger = newLedger(options.rate)
    this.#dialer = new Dialer(targets, options)
    const { pool } = options
    this.#pool = pool && pool.count > 0 ? new Pool(new Dialer(targets, { ...options, retries: 0 }), pool) : undefined
  }

  status(): ServiceStatus {
    const { name } = this
    return { name, kind: 'tcp-connect', listening: undefined, target: this.#target, ...this.#ledger.tally.toJSON() }
  }

  onStream(stream: SessionStream): void {
    const { tally, open } = this.#ledger
    const { maxConnections = DEFAULT_MAX_CONNECTIONS, onProblem } = this.#options
    if (this.#isClosing) refuse(stream, tally, ResetCode.CLOSED)
    else if (open.size >= maxConnections) refuse(stream, tally, ResetCode.LIMIT)
    else if (stream.target !== '') refuse(stream, tally, ResetCode.FORBIDDEN)
    else answer(stream, this.#ledger, (waiting) => this.#reach(waiting), onProblem)
  }

  async close({ drain = 0 }: CloseOptions = {}): Promise<void> {
    this.#isClosing = true
    this.#pool?.close()
    await this.#ledger.open.drain(drain, ResetCode.CLOSED)
  }

  async #reach(waiting: Waiting): Promise<Connection> {
    const pooled = await this.#pool?.take()
    if (pooled === undefined) return { socket: await this.#dial(waiting) }
    this.#introduce(pooled.socket, waiting)
    waiting.accept()
    const { sent, connection } = await tryOut(pooled, waiting, this.#ledger.tally.in)
    if (connection !== undefined) return connection
    const socket = await this.#dial(waiting)
    for (const chunk of sent) socket.write(chunk)
    return { socket }
  }

  async #dial(waiting: Waiting): Promise<Socket> {
    const socket = await this.#dialer.dial(waiting.signal)
    this.#introduce(socket, waiting)
    return socket
  }

  /** Says whose connection it is, if the target wants to know. */
  #introduce(socket: Socket, { stream }: Waiting): void {
    const { proxyProtocol, listener } = this.#options
    if (proxyProtocol === undefined) return
    const { remoteAddress, remotePort } = socket
    const target = remoteAddress === undefined ? undefined : formatHostPort({ host: remoteAddress, port: remotePort! })
    socket.write(proxyHeader(proxyProtocol, stream.source, listener ?? target))
  }
}
