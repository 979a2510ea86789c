import type { Socket as UdpSocket } from 'node:dgram'
import { once } from 'node:events'
import http from 'node:http'
import type { Server, Socket } from 'node:net'
import { Checker, MAX_PIECE, payload } from './payload.ts'
import { decodeRequest, encodeReport, Kind, PEER_PORTS, REQUEST_LENGTH, type Request } from './protocol.ts'

/** The sockets that a peer is made of: the kernel's, or our stack's. */
export interface PeerSockets {
  createServer(options: { readonly allowHalfOpen: boolean }, onConnection: (socket: Socket) => void): Server
  /** Has a server of node:http listen where the other one does. */
  adopt(server: http.Server): Server
  createUdp(): UdpSocket
  /** A client that says nothing for so many milliseconds is gone, and its reset was lost. */
  readonly patience: number
}

/** Begins to serve everything that a client of the soak asks for; resolves when it listens. */
export async function servePeer(sockets: PeerSockets): Promise<void> {
  const tcp = sockets.createServer({ allowHalfOpen: true }, (socket) => new Served(socket, sockets.patience))
  const web = http.createServer((request, response) => request.pipe(response))
  // A client that is slow for once must not find its connection closed as it asks.
  web.keepAliveTimeout = 0
  sockets.adopt(web)
  const udp = sockets.createUdp()
  udp.on('message', (message, { port, address }) => udp.send(message, port, address, () => undefined))
  tcp.listen({ port: PEER_PORTS.tcp, backlog: 512 })
  web.listen({ port: PEER_PORTS.http, backlog: 512 })
  udp.bind(PEER_PORTS.udp)
  await Promise.all([once(tcp, 'listening'), once(web, 'listening'), once(udp, 'listening')])
}

/** One connection, from the request on. */
class Served {
  readonly #socket: Socket
  #head = Buffer.alloc(0)
  #request: Request | undefined
  #checker = new Checker(0)
  #sent = 0

  constructor(socket: Socket, patience: number) {
    this.#socket = socket
    socket.setNoDelay(true)
    socket.setTimeout(patience, () => socket.resetAndDestroy())
    // Clients reset connections on purpose; what is wrong, they find out.
    socket.on('error', () => undefined)
    socket.on('data', (chunk) => this.#onData(chunk))
    socket.on('drain', () => this.#onDrain())
    socket.on('end', () => this.#onEnd())
  }

  #onData(chunk: Buffer): void {
    if (this.#request !== undefined) this.#onBody(chunk)
    else {
      this.#head = Buffer.concat([this.#head, chunk])
      if (this.#head.length < REQUEST_LENGTH) return
      this.#begin(decodeRequest(this.#head))
      if (this.#head.length > REQUEST_LENGTH) this.#onBody(this.#head.subarray(REQUEST_LENGTH))
    }
  }

  #begin(request: Request): void {
    this.#request = request
    this.#checker = new Checker(request.start)
    if (request.kind === Kind.SOURCE) this.#pour()
    if (request.kind === Kind.KEEP) this.#socket.setTimeout(0)
    if (request.kind === Kind.CRASH) {
      this.#socket.write(payload(request.start, 100))
      this.#socket.resetAndDestroy()
    }
  }

  #onBody(chunk: Buffer): void {
    const kind = this.#request?.kind
    if (kind === Kind.SINK) this.#checker.take(chunk)
    const isEcho = kind === Kind.ECHO || kind === Kind.KEEP
    if (isEcho && !this.#socket.write(chunk)) this.#socket.pause()
  }

  #onDrain(): void {
    if (this.#request?.kind === Kind.SOURCE) this.#pour()
    else this.#socket.resume()
  }

  #pour(): void {
    const { start, length } = this.#request!
    while (this.#sent < length) {
      const piece = payload(start + this.#sent, Math.min(MAX_PIECE, length - this.#sent))
      this.#sent += piece.length
      if (!this.#socket.write(piece)) break
    }
    if (this.#sent === length && !this.#socket.writableEnded) this.#socket.end()
  }

  #onEnd(): void {
    const kind = this.#request?.kind
    if (kind === Kind.SOURCE) return
    if (kind === Kind.SINK) this.#socket.write(encodeReport(this.#checker.bytes, this.#checker.wrong))
    this.#socket.end()
  }
}
