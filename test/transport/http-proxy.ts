import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { createServer as createTlsServer } from 'node:tls'
import { readSome } from '../../src/transport/read.ts'

export interface HttpProxyOptions {
  readonly login?: { readonly user: string; readonly password: string }
  /** Speaks TLS with these. */
  readonly tls?: { readonly key: string; readonly cert: string }
  /** Answers with these octets instead of doing what is asked. */
  readonly answer?: string | Buffer
  /** Ends the connection behind the answer. Default true. */
  readonly ends?: boolean
  /** Says each octet by itself. */
  readonly dribbles?: boolean
  /** Accepts and says nothing. */
  readonly isMute?: boolean
}

/** An HTTP proxy for tests that knows CONNECT and nothing else. */
export class HttpProxy {
  /** The heads of the requests that came. */
  readonly requests: string[] = []
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #options: HttpProxyOptions

  private constructor(options: HttpProxyOptions) {
    this.#options = options
    const { tls } = options
    const onClient = (client: Socket): void => {
      this.#keep(client)
      this.#serve(client).catch(() => client.destroy())
    }
    this.#server =
      tls === undefined
        ? createServer({ allowHalfOpen: true }, onClient)
        : createTlsServer({ ...tls, allowHalfOpen: true }, onClient)
  }

  static async start(options: HttpProxyOptions = {}): Promise<HttpProxy> {
    const proxy = new HttpProxy(options)
    await new Promise<void>((resolve) => void proxy.#server.listen(0, '127.0.0.1', resolve))
    return proxy
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Connections that are open, in both directions. */
  get open(): number {
    return this.#sockets.size
  }

  close(): void {
    this.#server.close()
    for (const socket of this.#sockets) socket.destroy()
  }

  #keep(socket: Socket): void {
    this.#sockets.add(socket)
    socket.on('error', () => undefined).on('close', () => this.#sockets.delete(socket))
  }

  async #serve(client: Socket): Promise<void> {
    const { isMute, answer, ends = true, login } = this.#options
    if (isMute === true) return void client.resume().on('end', () => client.destroy())
    const head = await readHead(client)
    this.requests.push(head)
    if (answer !== undefined) {
      await this.#say(client, answer)
      if (ends) client.end()
      return
    }
    const wanted = login === undefined ? undefined : Buffer.from(`${login.user}:${login.password}`).toString('base64')
    if (wanted !== undefined && !head.includes(`Proxy-Authorization: Basic ${wanted}\r\n`)) {
      client.end('HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="a, b"\r\n\r\nno')
      return
    }
    const [, host = '', port] = /^CONNECT \[?([^ ]*?)\]?:(\d+) HTTP\/1\.1\r\n/.exec(head) ?? []
    const far = connect({ host, port: Number(port), allowHalfOpen: true })
    this.#keep(far)
    far.once('error', () =>
      client.end('HTTP/1.1 503 Service Unavailable\r\nX-Squid-Error: ERR_CONNECT_FAIL 111\r\n\r\n'),
    )
    // With the target's first words in the same segment.
    far.once('data', (banner) => {
      far.pause()
      void this.#say(
        client,
        Buffer.concat([Buffer.from('HTTP/1.0 200 Connection established\r\nVia: x\r\n\r\n'), banner]),
      ).then(() => far.pipe(client))
      client.pipe(far)
    })
  }

  async #say(client: Socket, bytes: string | Buffer): Promise<void> {
    if (this.#options.dribbles !== true) {
      client.write(bytes)
      return
    }
    for (const octet of Buffer.from(bytes as string)) {
      if (client.destroyed) return
      client.write(Uint8Array.of(octet))
      await sleep(1)
    }
  }
}

async function readHead(client: Socket): Promise<string> {
  let text = ''
  while (!text.includes('\r\n\r\n')) text += (await readSome(client)).toString('latin1')
  return text
}
