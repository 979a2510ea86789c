import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import type { Server as TlsServer } from 'node:tls'
import { ERROR_CODES, type ErrorCode, NetError } from '../base/errors.ts'
import { plainAddress } from './address.ts'
import { AllowList } from './allow-list.ts'
import { type Admission, type Ended, HalfOpen } from './half-open.ts'
import { formatHostPort, type HostPort } from './host-port.ts'
import { createSecureServer, type SecureServerOptions } from './tls.ts'

export interface ListenOptions<A extends Admission> {
  /** Where to listen; port 0 is any that is free. */
  readonly addresses: readonly HostPort[]
  /** Without it nothing is encrypted. */
  readonly tls?: SecureServerOptions | undefined
  /** Who may come in, as `AllowList` takes it. Default: everybody. */
  readonly allow?: readonly string[] | undefined
  /** Asked for every address that may come in, before anything is spent on it; undefined when not now. */
  readonly admit: (address: string) => A | undefined
  /** Milliseconds that TLS may take. Default 5000. */
  readonly timeout?: number | undefined
}

/**
 * A connection is ready for what proves who is there. Its socket is not read from, and its errors are swallowed; whoever
 * takes it over lets it flow, or destroys it, and releases its admission.
 */
export type OnConnection<A extends Admission> = (socket: Socket, remote: HostPort, admission: A) => void

/** Connections that came in since the start, by what became of them. */
export interface ListenCounts extends Readonly<Record<Ended, number>> {
  /** Handed over. */
  readonly accepted: number
  /** That the system could not give us, for want of descriptors most of all. */
  readonly lost: number
  /** Not allowed by address. */
  readonly denied: number
  /** Not admitted: too many, too often, or banned. */
  readonly refused: number
}

const BACKLOG = 1024
const DEFAULT_TIMEOUT = 5000

/** Lets paths in, on several addresses: TLS first, within limits. Nothing that a peer does makes it throw. */
export class PathListener<A extends Admission = Admission> {
  readonly #servers: Server[] = []
  readonly #counts = { accepted: 0, lost: 0, denied: 0, refused: 0, displaced: 0, late: 0, failed: 0 }
  readonly #halfOpen: HalfOpen<A>
  readonly #admit: (address: string) => A | undefined
  readonly #onConnection: OnConnection<A>
  #allow: AllowList
  #secure: TlsServer | undefined

  private constructor(options: ListenOptions<A>, onConnection: OnConnection<A>) {
    this.#onConnection = onConnection
    this.#admit = options.admit
    this.#halfOpen = new HalfOpen(options.timeout ?? DEFAULT_TIMEOUT, (why) => void this.#counts[why]++)
    this.#allow = new AllowList(options.allow ?? [])
    this.#secure = this.#secureServer(options.tls)
  }

  /**
   * Listens on all addresses, or on none.
   * @throws {NetError} EADDRINUSE, EADDRNOTAVAIL, EPERM; {RangeError} for `allow`
   */
  static async open<A extends Admission>(
    options: ListenOptions<A>,
    onConnection: OnConnection<A>,
  ): Promise<PathListener<A>> {
    const listener = new PathListener(options, onConnection)
    try {
      for (const address of options.addresses) await listener.#listen(address, options.addresses)
    } catch (error) {
      listener.close()
      throw error
    }
    return listener
  }

  /** Where it listens, with the ports that were chosen. */
  get addresses(): readonly HostPort[] {
    return this.#servers.map((server) => {
      const { address, port } = server.address() as AddressInfo
      return { host: address, port }
    })
  }

  get counts(): ListenCounts {
    return { ...this.#counts }
  }

  /** Connections that have not finished TLS. */
  get halfOpen(): number {
    return this.#halfOpen.size
  }

  /** Who may come in from now on; who is in stays. @throws {RangeError} as `AllowList`, and nothing has changed. */
  setAllow(networks: readonly string[]): void {
    this.#allow = new AllowList(networks)
  }

  /** The certificate that is shown from now on. */
  setTls(tls: SecureServerOptions): void {
    this.#secure = this.#secureServer(tls)
  }

  /** Lets nobody in any more. What was handed over is not its concern. */
  close(): void {
    for (const server of this.#servers.splice(0)) server.close()
    this.#halfOpen.clear()
  }

  #listen(address: HostPort, all: readonly HostPort[]): Promise<void> {
    // Who ends while TLS is being negotiated is gone; Node would wait for him where a socket may be half-open.
    const allowHalfOpen = this.#secure === undefined
    const server = createServer({ noDelay: true, allowHalfOpen }, (socket) => this.#onSocket(socket))
    const { host, port } = address
    // Where both are wanted, each family has its own socket.
    const ipv6Only = all.some((other) => other.host === '0.0.0.0' && other.port === port)
    return new Promise((resolve, reject) => {
      server.once('error', (error) => reject(cannotListen(error, address)))
      server.listen({ host, port, backlog: BACKLOG, ipv6Only }, () => {
        server.removeAllListeners('error').on('error', () => void this.#counts.lost++)
        this.#servers.push(server)
        resolve()
      })
    })
  }

  #onSocket(socket: Socket): void {
    socket.on('error', () => undefined)
    const { remoteAddress } = socket
    if (remoteAddress === undefined) {
      // It went before it was looked at.
      this.#counts.failed++
      socket.destroy()
    } else if (!this.#allow.has(remoteAddress)) {
      this.#counts.denied++
      socket.resetAndDestroy()
    } else this.#onAllowed(socket, remoteAddress)
  }

  #onAllowed(socket: Socket, address: string): void {
    const admission = this.#admit(plainAddress(address))
    if (admission === undefined) {
      this.#counts.refused++
      socket.resetAndDestroy()
    } else if (this.#secure === undefined) this.#handOver(socket, admission)
    else {
      this.#halfOpen.add(socket, admission)
      this.#secure.emit('connection', socket)
    }
  }

  #secureServer(tls: SecureServerOptions | undefined): TlsServer | undefined {
    if (tls === undefined) return undefined
    return createSecureServer(tls).on('secureConnection', (socket) => {
      socket.on('error', () => undefined)
      const admission = this.#halfOpen.open(socket)
      if (admission !== undefined && !socket.destroyed) this.#handOver(socket, admission)
      else {
        admission?.release()
        socket.destroy()
      }
    })
  }

  #handOver(socket: Socket, admission: A): void {
    this.#counts.accepted++
    this.#onConnection(socket, { host: plainAddress(socket.remoteAddress!), port: socket.remotePort! }, admission)
  }
}

function cannotListen(error: NodeJS.ErrnoException, address: HostPort): NetError {
  const system = error.code === 'EACCES' ? 'EPERM' : (error.code ?? '')
  const code = Object.hasOwn(ERROR_CODES, system) ? (system as ErrorCode) : 'EINVAL'
  const why = WORDS[system] ?? error.message
  return new NetError(code, `Cannot listen on ${formatHostPort(address)}: ${why}`, { syscall: 'listen' })
}

const WORDS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program does; `ss -ltnp` says which',
  EADDRNOTAVAIL: 'the address is none of this machine',
  ENOTFOUND: 'the name is not known; to listen on an interface, give its address',
  EPERM: 'the system does not permit it; ports below 1024 are for root',
}
