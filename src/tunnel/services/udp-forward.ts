import type { RemoteInfo, Socket } from 'node:dgram'
import { isIP } from 'node:net'
import { NetError } from '../../base/errors.ts'
import { formatHostPort, type HostPort, parseHostPort } from '../../transport/host-port.ts'
import { resolveByMachine } from '../../transport/resolve.ts'
import { type FlowLimits, FlowTable } from './flow-table.ts'
import type { Hosts } from './hosts.ts'
import { cannotListen } from './listener.ts'
import { rateLimits } from './rate-limit.ts'
import type { Service, ServiceStatus } from './service.ts'
import { Tally } from './tally.ts'
import { enlargeReceiveBuffer, makeUdpSocket, UdpSender, type UdpSocketOptions } from './udp-socket.ts'

export interface UdpForwardOptions extends FlowLimits, UdpSocketOptions {
  readonly name: string
  /** `host:port` or `[IPv6]:port`. */
  readonly listen: string
  /** The service's name on the other side. Default: `name`. */
  readonly service?: string
  /** Where the other side is to send, `host:port`, if its service lets us choose. Default: where that service leads. */
  readonly target?: string
  /** Bits per second of all its flows together, each way; datagrams beyond are dropped, and counted. Default: no limit. */
  readonly rate?: number
  /** Hears what goes wrong while it listens. */
  readonly onProblem?: (error: Error) => void
}

/**
 * Receives datagrams here and carries them through the session, each source by a flow of its own, so that answers find
 * their way back.
 */
export class UdpForward implements Service {
  readonly name: string
  readonly #options: UdpForwardOptions
  readonly #hosts: Hosts
  readonly #tally = new Tally()
  readonly #flows: FlowTable
  #socket!: Socket
  #address = ''
  #closed: Promise<void> | undefined = undefined
  #sender!: UdpSender

  private constructor(options: UdpForwardOptions, hosts: Hosts) {
    this.name = options.name
    this.#options = options
    this.#hosts = hosts
    this.#flows = new FlowTable(this.#tally, rateLimits(options.rate), options)
  }

  /** @throws {NetError} EINVAL, EADDRINUSE, EADDRNOTAVAIL or EPERM when it cannot listen. */
  static async open(options: UdpForwardOptions, hosts: Hosts): Promise<UdpForward> {
    const forward = new UdpForward(options, hosts)
    const endpoint = parseHostPort(options.listen)
    if (endpoint === undefined) {
      const what = `"listen" of the service "${options.name}"`
      throw new NetError('EINVAL', `Cannot use "${options.listen}" for ${what}: it is not host:port`)
    }
    await forward.#listen(endpoint)
    return forward
  }

  /** Where it listens, with the port that was found; known when it does not any more, too. */
  get address(): string {
    return this.#address
  }

  status(): ServiceStatus {
    const { name, address: listening } = this
    return { name, kind: 'udp-listen', listening, target: this.#options.target, ...this.#tally.toJSON() }
  }

  async close(): Promise<void> {
    this.#flows.closeAll()
    this.#closed ??= new Promise((resolve) => this.#socket.close(resolve))
    await this.#closed
  }

  async #listen(endpoint: HostPort): Promise<void> {
    const { host, port } = endpoint
    try {
      const [address = host] = isIP(host) ? [host] : await resolveByMachine(host)
      const socket = makeUdpSocket(address)
      await new Promise<void>((resolve, reject) => socket.once('error', reject).bind(port, address, resolve))
      socket.removeAllListeners('error').on('error', (error) => this.#options.onProblem?.(error))
      socket.on('message', this.#onMessage)
      enlargeReceiveBuffer(socket, this.#options)
      this.#socket = socket
      const bound = socket.address()
      this.#address = formatHostPort({ host: bound.address, port: bound.port })
      this.#sender = new UdpSender(socket, this.#tally.dropped, this.#options)
    } catch (error) {
      throw cannotListen(error, endpoint)
    }
  }

  readonly #onMessage = (bytes: Buffer, from: RemoteInfo): void => {
    const key = `${from.address}|${from.port}`
    const own = this.#flows.find(key) ?? this.#open(key, from)
    if (own === undefined) this.#tally.dropped.count('no-session')
    else this.#flows.send(own, bytes)
  }

  #open(key: string, { address, port }: RemoteInfo) {
    const opening = {
      service: this.#options.service ?? this.name,
      target: this.#options.target ?? '',
      source: formatHostPort({ host: address, port }),
    }
    const flow = this.#hosts.current?.openFlow(opening)
    if (flow === undefined) return undefined
    return this.#flows.add(key, flow, (bytes) => this.#sender.send(bytes, port, address))
  }
}
