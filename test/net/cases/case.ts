import type { AddressInfo, Server, ServerOpts, Socket, SocketConstructorOpts } from 'node:net'
import { type ConnectionOptions, createServer, type TLSSocket } from 'node:tls'
import { selfSigned } from '../certificate.ts'
import { EVENTS, Log, once, type World } from '../worlds.ts'

const CERTIFICATE = selfSigned('stack.example', '10.0.0.2')

/** What a case has at hand: the world, the log, and ways to make connections in it. */
export class Scene {
  readonly world: World
  readonly log: Log
  /** Parties of whom what happened depends on how quick the network is. */
  readonly unordered: string[] = []
  readonly #servers: Server[] = []
  readonly #sockets: Socket[] = []
  #accepted = 0

  constructor(world: World) {
    this.world = world
    const { host, local, closed, silent } = world
    const [first, second] = closed
    this.log = new Log({ [first]: 'CLOSED', [second]: 'SHUT', [silent]: 'SILENT', [local]: 'HOST', [host]: 'HOST' })
  }

  note(party: string, what: string, ...details: readonly unknown[]): void {
    this.log.note(party, what, ...details)
  }

  /** A server that listens; its port. Its connections are watched as `server`, `server 2` and so on. */
  async serve(
    onConnection: (socket: Socket) => void,
    options: ServerOpts = {},
  ): Promise<{ server: Server; port: number }> {
    const server = this.world.server.createServer(options, (socket) => {
      this.#sockets.push(socket)
      this.#accepted++
      this.log.watch(this.#accepted === 1 ? 'server' : `server ${this.#accepted}`, socket)
      onConnection(socket)
    })
    return { server, port: await this.#listen(server) }
  }

  /** The port of a server of node:tls, whose connections `onConnection` gets as they are below. */
  async serveTls(onSecure: (socket: TLSSocket) => void, onConnection?: (socket: Socket) => void): Promise<number> {
    const server = this.world.adopt(createServer(CERTIFICATE, onSecure))
    if (onConnection !== undefined) server.on('connection', onConnection)
    return await this.#listen(server)
  }

  /** A socket that connects, watched as `client`. */
  connect(port: number, options: SocketConstructorOpts = {}, party = 'client'): Socket {
    const socket = this.socket(options, party)
    return socket.connect(port, this.world.host)
  }

  /** A socket of TLS that connects, watched as `client`. */
  connectTls(options: ConnectionOptions): TLSSocket {
    const socket = this.world.connectTls({ host: this.world.host, rejectUnauthorized: false, ...options })
    this.#sockets.push(socket)
    this.log.watch('client', socket, [...EVENTS, 'secureConnect'])
    return socket
  }

  /** A socket that does not, yet. */
  socket(options: SocketConstructorOpts = {}, party = 'client'): Socket {
    const socket = new this.world.client.Socket(options)
    this.#sockets.push(socket)
    this.log.watch(party, socket, EVENTS)
    return socket
  }

  /** Notes what it reads, too. */
  read(party: string, socket: Socket): Socket {
    return socket.on('data', (chunk) => this.note(party, 'data', chunk))
  }

  /** Two ends of one connection, both watched and open. */
  async pair(client: SocketConstructorOpts = {}, server: ServerOpts = {}): Promise<Pair> {
    const accepted = new Promise<Socket>((resolve) => {
      void this.serve(resolve, server).then(({ port }) => this.connect(port, client))
    })
    const there = await accepted
    const here = this.#sockets.find((socket) => socket !== there)!
    if (here.connecting) await once(here, 'connect')
    return { here, there, closed: Promise.all([once(here, 'close'), once(there, 'close')]) }
  }

  /** Resolves once every socket is closed. */
  async over(): Promise<void> {
    for (const socket of this.#sockets) if (!socket.closed) await once(socket, 'close')
    if (this.#sockets.some((socket) => !socket.closed)) await this.over()
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy()
    for (const server of this.#servers) server.close()
  }

  /** Has the server listen; its port. */
  async #listen(server: Server): Promise<number> {
    this.#servers.push(server)
    server.listen(0, this.world.host)
    await once(server, 'listening')
    return (server.address() as AddressInfo).port
  }
}

export interface Pair {
  readonly here: Socket
  readonly there: Socket
  readonly closed: Promise<unknown>
}

/** One behaviour that both must show. */
export type Case = readonly [title: string, run: (scene: Scene) => Promise<void>]
