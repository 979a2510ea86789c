import type { Socket } from 'node:net'
import { ResetCode } from '../../session/streams/stream-types.ts'
import { formatHostPort } from '../../transport/host-port.ts'
import { parseEndpoint } from './endpoint.ts'
import type { Hosts } from './hosts.ts'
import { joinAsking, type Ledger, newLedger } from './join.ts'
import { Listener } from './listener.ts'
import type { CloseOptions, Service, ServiceStatus } from './service.ts'
import { abort } from './splice.ts'

export interface TcpForwardOptions {
  readonly name: string
  /** `host:port`, `[IPv6]:port` or `unix:/path`. */
  readonly listen: string
  /** The service's name on the other side. Default: `name`. */
  readonly service?: string
  /** Where that is to lead, where it lets us choose. */
  readonly target?: string
  /** Connections at once; those above are reset. Default 10,000. */
  readonly maxConnections?: number
  /** Bits per second of all its streams together, each way. Default: no limit. */
  readonly rate?: number
  /** Hears what goes wrong while it listens. */
  readonly onProblem?: (error: Error) => void
}

export const DEFAULT_MAX_CONNECTIONS = 10_000

/** Where a connection comes from, as `Opening.source` says it; empty for a Unix socket. */
export const sourceOf = ({ remoteAddress, remotePort }: Socket): string =>
  remoteAddress === undefined || remotePort === undefined
    ? ''
    : formatHostPort({ host: remoteAddress, port: remotePort })

/**
 * Listens here, and leads each connection through the session to where the other side's service of that name connects.
 * What a connection says goes out at once, without waiting for the other side to have reached anything.
 */
export class TcpForward implements Service {
  readonly name: string
  readonly #hosts: Hosts
  readonly #most: number
  readonly #wish: { readonly service: string; readonly target: string }
  readonly #ledger: Ledger
  #listener!: Listener

  private constructor(options: TcpForwardOptions, hosts: Hosts) {
    this.name = options.name
    this.#hosts = hosts
    this.#wish = { service: options.service ?? options.name, target: options.target ?? '' }
    this.#ledger = newLedger(options.rate)
    this.#most = options.maxConnections ?? DEFAULT_MAX_CONNECTIONS
  }

  /** @throws {NetError} EINVAL, EADDRINUSE, EADDRNOTAVAIL or EPERM when it cannot listen. */
  static async open(options: TcpForwardOptions, hosts: Hosts): Promise<TcpForward> {
    const forward = new TcpForward(options, hosts)
    const endpoint = parseEndpoint(options.listen, `"listen" of the service "${options.name}"`)
    forward.#listener = await Listener.open(endpoint, (socket) => forward.#onConnection(socket))
    forward.#listener.onError = options.onProblem
    return forward
  }

  /** Where it listens, with the port that was found. */
  get address(): string {
    return this.#listener.address
  }

  status(): ServiceStatus {
    const { name, address: listening } = this
    return {
      name,
      kind: 'tcp-listen',
      listening,
      target: this.#wish.target || undefined,
      ...this.#ledger.tally.toJSON(),
    }
  }

  async close({ drain = 0 }: CloseOptions = {}): Promise<void> {
    const closed = this.#listener.close()
    await this.#ledger.open.drain(drain, ResetCode.CLOSED)
    await closed
  }

  #onConnection(socket: Socket): void {
    const { tally, open } = this.#ledger
    if (open.size >= this.#most) {
      tally.refuse(ResetCode.LIMIT)
      socket.on('error', () => undefined)
      abort(socket)
      return
    }
    tally.begin()
    const opening = { ...this.#wish, source: sourceOf(socket) }
    this.#hosts.meet(socket, this.#ledger, {
      onHost: (host) => joinAsking({ socket }, host.openStream(opening), this.#ledger),
    })
  }
}
