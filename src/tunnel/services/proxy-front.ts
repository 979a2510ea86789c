import type { Socket } from 'node:net'
import { ResetCode, type SessionFlow, type SessionStream } from '../../session/streams/stream-types.ts'
import { Asking, Farewell, type Words } from './asking.ts'
import { parseEndpoint } from './endpoint.ts'
import type { Hosts } from './hosts.ts'
import { type Ledger, newLedger } from './join.ts'
import { Listener } from './listener.ts'
import type { Open } from './open-set.ts'
import type { CloseOptions, Service, ServiceKind, ServiceStatus } from './service.ts'
import { abort } from './splice.ts'
import { DEFAULT_MAX_CONNECTIONS, sourceOf } from './tcp-forward.ts'

/** What a client's first words come to. */
export interface Progress<Wish> {
  /** To be said to the client now. */
  readonly say?: Uint8Array | undefined
  /** What it wants, once that is clear; `rest` is what it said behind it. */
  readonly wish?: Wish
  readonly rest?: Buffer
  /** It is over. */
  readonly failure?: ResetCode
}

/** Reads what one client wants. */
export interface WishParser<Wish> {
  push(chunk: Buffer): Progress<Wish>
}

export interface ProxyFrontOptions {
  readonly name: string
  /** `host:port`, `[IPv6]:port` or `unix:/path`. */
  readonly listen: string
  /** The service's name on the other side. Default: `name`. */
  readonly service?: string
  /** Connections at once; those above are reset. Default 10,000. */
  readonly maxConnections?: number
  /** Milliseconds that a client may take to say what it wants. Default 10,000. */
  readonly handshakeTimeout?: number
  /** Bits per second of all its streams and flows together, each way. Default: no limit. */
  readonly rate?: number
  /** Hears what goes wrong while it listens. */
  readonly onProblem?: (error: Error) => void
}

/** The manners of one protocol by which clients name their target. */
export interface ProxyManners<Wish> {
  readonly kind: ServiceKind
  readonly makeParser: () => WishParser<Wish>
  /** Does what was asked for; what followed it has been put back into the socket. */
  readonly onWish: (client: Client, wish: Wish) => void
}

const DEFAULT_HANDSHAKE_TIMEOUT = 10_000

/** A client that has said what it wants; the tally has begun it. */
export class Client {
  readonly socket: Socket
  readonly ledger: Ledger
  readonly source: string
  readonly #service: string
  readonly #hosts: Hosts

  constructor(socket: Socket, service: string, ledger: Ledger, hosts: Hosts) {
    this.socket = socket
    this.ledger = ledger
    this.source = sourceOf(socket)
    this.#service = service
    this.#hosts = hosts
  }

  /**
   * Leads the connection to a target, and tells the client what became of it.
   * @param prepare makes the stream ready before it is joined
   */
  ask(target: string, words: Words, prepare = (stream: SessionStream): SessionStream => stream): void {
    const { socket, ledger } = this
    const opening = { service: this.#service, target, source: this.source }
    this.#hosts.meet(socket, ledger, {
      onHost: (host) => new Asking(socket, prepare(host.openStream(opening)), ledger, words),
      onNone: () => this.refuse(words.refused(ResetCode.CLOSED), ResetCode.CLOSED),
    })
  }

  /** A flow to a target; undefined while there is no session. */
  openFlow(target: string): SessionFlow | undefined {
    return this.#hosts.current?.openFlow({ service: this.#service, target, source: this.source })
  }

  /** Says a last word. */
  refuse(words: Uint8Array, code: ResetCode): void {
    new Farewell(this.socket, words, this.ledger)
    this.ledger.tally.end(code, false)
  }
}

/** Listens for clients that say where they want to be led to, and sees that they say it in time. */
export class ProxyFront<Wish> implements Service {
  readonly name: string
  readonly #options: ProxyFrontOptions
  readonly #manners: ProxyManners<Wish>
  readonly #hosts: Hosts
  readonly #ledger: Ledger
  #listener!: Listener

  private constructor(options: ProxyFrontOptions, manners: ProxyManners<Wish>, hosts: Hosts) {
    this.name = options.name
    this.#options = options
    this.#ledger = newLedger(options.rate)
    this.#manners = manners
    this.#hosts = hosts
  }

  /** @throws {NetError} EINVAL, EADDRINUSE, EADDRNOTAVAIL or EPERM when it cannot listen. */
  static async open<Wish>(
    options: ProxyFrontOptions,
    manners: ProxyManners<Wish>,
    hosts: Hosts,
  ): Promise<ProxyFront<Wish>> {
    const front = new ProxyFront(options, manners, hosts)
    const endpoint = parseEndpoint(options.listen, `"listen" of the service "${options.name}"`)
    front.#listener = await Listener.open(endpoint, (socket) => front.#onConnection(socket))
    front.#listener.onError = options.onProblem
    return front
  }

  /** Where it listens, with the port that was found. */
  get address(): string {
    return this.#listener.address
  }

  status(): ServiceStatus {
    const { name, address: listening } = this
    return { name, kind: this.#manners.kind, listening, target: undefined, ...this.#ledger.tally.toJSON() }
  }

  async close({ drain = 0 }: CloseOptions = {}): Promise<void> {
    const closed = this.#listener.close()
    await this.#ledger.open.drain(drain, ResetCode.CLOSED)
    await closed
  }

  #onConnection(socket: Socket): void {
    const { tally, open } = this.#ledger
    const { service = this.name, maxConnections = DEFAULT_MAX_CONNECTIONS } = this.#options
    const { handshakeTimeout = DEFAULT_HANDSHAKE_TIMEOUT } = this.#options
    if (open.size >= maxConnections) {
      tally.refuse(ResetCode.LIMIT)
      socket.on('error', () => undefined)
      abort(socket)
      return
    }
    tally.begin()
    const client = new Client(socket, service, this.#ledger, this.#hosts)
    new Introduction(client, this.#manners, handshakeTimeout)
  }
}

/** A client that has not said yet what it wants. */
class Introduction<Wish> implements Open {
  readonly #client: Client
  readonly #manners: ProxyManners<Wish>
  readonly #parser: WishParser<Wish>
  readonly #timer: NodeJS.Timeout

  constructor(client: Client, manners: ProxyManners<Wish>, timeout: number) {
    this.#client = client
    this.#manners = manners
    this.#parser = manners.makeParser()
    this.#timer = setTimeout(() => this.abort(ResetCode.TIMED_OUT), timeout)
    client.ledger.open.add(this)
    client.socket
      .on('data', this.#onData)
      .on('end', this.#onGone)
      .on('close', this.#onGone)
      .on('error', ignore)
      .resume()
  }

  abort(code: ResetCode): void {
    this.#release()
    this.#client.ledger.tally.end(code, false)
    abort(this.#client.socket)
    this.#client.ledger.open.delete(this)
  }

  readonly #onData = (chunk: Buffer): void => {
    const client = this.#client
    const { say, wish, rest, failure } = this.#parser.push(chunk)
    if (failure !== undefined) {
      this.#release()
      client.refuse(say ?? NOTHING, failure)
    } else {
      if (say !== undefined) client.socket.write(say)
      if (wish === undefined) return
      this.#release()
      if (rest !== undefined && rest.length > 0) client.socket.unshift(rest)
      this.#manners.onWish(client, wish)
    }
    client.ledger.open.delete(this)
  }

  /** It has said all that it will, or is gone, and has not said what it wants. */
  readonly #onGone = (): void => this.abort(ResetCode.CANCELLED)

  #release(): void {
    clearTimeout(this.#timer)
    this.#client.socket.pause().off('data', this.#onData).off('end', this.#onGone).off('close', this.#onGone)
  }
}

const NOTHING = new Uint8Array(0)

const ignore = (): void => undefined
