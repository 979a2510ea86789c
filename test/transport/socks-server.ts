import { createSocket, type Socket as UdpSocket } from 'node:dgram'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { HostPort } from '../../src/transport/host-port.ts'
import { readExactly } from '../../src/transport/read.ts'
import { addressLength, parseUdp, readAddress, udpHeader } from '../../src/transport/socks5-wire.ts'

export interface SocksServerOptions {
  readonly login?: { readonly user: string; readonly password: string }
  /** Carries datagrams. Default true. */
  readonly udp?: boolean
  /** Answers a request with this instead of doing it. */
  readonly reply?: number
  /** Says so much before anybody speaks, in place of the SOCKS protocol. */
  readonly says?: string
  /** Says what it says an octet at a time. */
  readonly dribbles?: boolean
  /** Accepts and says nothing. */
  readonly isMute?: boolean
  readonly host?: string
  readonly port?: number
}

/** A SOCKS5 proxy for tests (RFC 1928, RFC 1929): CONNECT, UDP ASSOCIATE, user and password. */
export class SocksServer {
  readonly stats = { connects: 0, associations: 0, datagrams: 0, badLogins: 0 }
  readonly #server: Server
  readonly #sockets = new Set<Socket | UdpSocket>()
  readonly #options: SocksServerOptions

  private constructor(options: SocksServerOptions) {
    this.#options = options
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
      this.#keep(client)
      this.#serve(client).catch(() => client.destroy())
    })
  }

  static async start(options: SocksServerOptions = {}): Promise<SocksServer> {
    const server = new SocksServer(options)
    await new Promise<void>((resolve) => {
      server.#server.listen(options.port ?? 0, options.host ?? '127.0.0.1', resolve)
    })
    return server
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Ends everything, and resets what is open. */
  close(): void {
    this.#server.close()
    for (const socket of [...this.#sockets]) {
      this.#sockets.delete(socket)
      if ('destroy' in socket) socket.destroy()
      else socket.close()
    }
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('error', () => undefined).on('close', () => this.#sockets.delete(socket))
  }

  async #serve(client: Socket): Promise<void> {
    const { says, isMute, reply, udp, dribbles } = this.#options
    if (dribbles === true) dribble(client)
    if (isMute === true) return
    if (says !== undefined) return void client.end(says)
    if (!(await this.#greet(client))) return void client.end()
    const head = await readExactly(client, 5)
    const rest = await readExactly(client, 3 + addressLength(head, 3)! - head.length)
    const to = readAddress(Buffer.concat([head, rest]), 3)
    if (reply !== undefined) return void client.end(answer(reply))
    if (head[1] === 1) this.#connect(client, to)
    else if (head[1] === 3 && udp !== false) await this.#associate(client)
    else client.end(answer(7))
  }

  async #greet(client: Socket): Promise<boolean> {
    const { login } = this.#options
    const [, count = 0] = await readExactly(client, 2)
    const methods = await readExactly(client, count)
    const wanted = login === undefined ? 0 : 2
    if (!methods.includes(wanted)) {
      client.write(Uint8Array.of(5, 0xff))
      return false
    }
    client.write(Uint8Array.of(5, wanted))
    if (login === undefined) return true
    const [, length = 0] = await readExactly(client, 2)
    const user = (await readExactly(client, length)).toString()
    const password = (await readExactly(client, (await readExactly(client, 1))[0]!)).toString()
    const isRight = user === login.user && password === login.password
    if (!isRight) this.stats.badLogins++
    client.write(Uint8Array.of(1, isRight ? 0 : 1))
    return isRight
  }

  #connect(client: Socket, to: HostPort): void {
    this.stats.connects++
    const far = connect({ host: to.host, port: to.port, allowHalfOpen: true, noDelay: true })
    this.#keep(far)
    let isOpen = false
    far.once('connect', () => {
      isOpen = true
      client.write(answer(0))
      client.pipe(far).pipe(client)
      far.on('close', (failed) => failed && client.resetAndDestroy())
      client.on('close', (failed) => failed && far.resetAndDestroy())
    })
    far.once('error', ({ code }: NodeJS.ErrnoException) => {
      if (!isOpen) client.end(answer(code === 'ECONNREFUSED' ? 5 : code === 'ENETUNREACH' ? 3 : 4))
    })
  }

  async #associate(client: Socket): Promise<void> {
    this.stats.associations++
    const relay = createSocket('udp4')
    this.#sockets.add(relay)
    let from: AddressInfo | undefined
    relay.on('error', () => undefined)
    relay.on('message', (message, sender) => {
      // The first who speaks from where the client is is the client.
      from ??= { address: sender.address, port: sender.port, family: 'IPv4' }
      if (sender.address === from.address && sender.port === from.port) {
        const parsed = parseUdp(message)
        if (parsed === undefined) return
        this.stats.datagrams++
        relay.send(message.subarray(parsed.dataAt), parsed.from.port, parsed.from.host)
      } else relay.send([udpHeader({ host: sender.address, port: sender.port }), message], from.port, from.address)
    })
    const host = client.localAddress!
    await new Promise<void>((resolve) => relay.bind(0, '0.0.0.0', resolve))
    client.write(answer(0, { host, port: relay.address().port }))
    const end = (): void => {
      if (this.#sockets.delete(relay)) relay.close()
    }
    client.on('close', end).on('end', end).resume()
  }
}

/** Lets every octet travel by itself. */
function dribble(socket: Socket): void {
  const write = socket.write.bind(socket) as (chunk: Uint8Array) => boolean
  let last = Promise.resolve()
  socket.write = (chunk: Uint8Array | string): boolean => {
    for (const octet of Buffer.from(chunk as Uint8Array)) {
      last = last.then(() => sleep(1)).then(() => void write(Uint8Array.of(octet)))
    }
    return true
  }
}

/** RFC 1928 §6. */
function answer(reply: number, bound: HostPort = { host: '0.0.0.0', port: 0 }): Buffer {
  const bytes = udpHeader(bound)
  bytes[0] = 5
  bytes[1] = reply
  return bytes
}
