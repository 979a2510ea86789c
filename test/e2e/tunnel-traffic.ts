import { createHash, randomBytes } from 'node:crypto'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'

/** Connects; whoever has it may end half of it. */
export const open = (at: At): Socket =>
  connect(
    typeof at === 'string' ? { path: at, allowHalfOpen: true } : { port: at, host: '127.0.0.1', allowHalfOpen: true },
  )

export interface EchoServer {
  readonly port: number
  close(): void
}

/** A server on 127.0.0.1, or on a Unix socket, that gives back what it gets, and ends when the other side has. */
export async function echoServer(path?: string): Promise<EchoServer> {
  const open = new Set<Socket>()
  const server: Server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    open.add(socket)
    socket.on('error', () => undefined).on('close', () => open.delete(socket))
    socket.pipe(socket)
  })
  await new Promise<void>((resolve) => {
    if (path === undefined) server.listen(0, '127.0.0.1', resolve)
    else server.listen(path, resolve)
  })
  const close = (): void => {
    server.close()
    for (const socket of open) socket.destroy()
  }
  return { port: (server.address() as AddressInfo).port, close }
}

/** A connection that sends random octets bit by bit, and takes back what an echo server makes of them. */
export class Exchange {
  readonly #socket: Socket
  readonly #sent = createHash('sha256')
  readonly #received = createHash('sha256')
  sent = 0
  received = 0
  #isClosed = false
  #onChange: (() => void) | undefined

  private constructor(socket: Socket) {
    this.#socket = socket
    socket.on('data', (bytes: Buffer) => {
      this.#received.update(bytes)
      this.received += bytes.length
      this.#onChange?.()
    })
    socket
      .on('error', () => undefined)
      .on('close', () => {
        this.#isClosed = true
        this.#onChange?.()
      })
  }

  static begin(at: At): Promise<Exchange> {
    return new Promise((resolve, reject) => {
      const socket = open(at)
      socket.once('error', reject).once('connect', () => resolve(new Exchange(socket)))
    })
  }

  send(size: number): void {
    const bytes = randomBytes(size)
    this.#sent.update(bytes)
    this.sent += size
    this.#socket.write(bytes)
  }

  /** Resolves once so many octets came back; rejects when the connection ends before. */
  until(size: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        if (this.received >= size) resolve()
        else if (this.#isClosed) reject(new Error(`closed after ${this.received} of ${size} octets`))
      }
      this.#onChange = look
      look()
    })
  }

  /** Ends it; whether exactly what was sent came back. */
  async end(): Promise<boolean> {
    const ended = new Promise<void>((resolve, reject) => this.#socket.once('end', resolve).once('error', reject))
    this.#socket.end()
    await ended
    this.#socket.destroy()
    return this.#sent.digest('hex') === this.#received.digest('hex')
  }
}

export const digest = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

/** A port of 127.0.0.1, or a Unix socket. */
export type At = number | string

/** Sends so many random octets and ends; whether exactly these came back, and then the end. */
export async function echoed(at: At, size: number): Promise<boolean> {
  const sent = randomBytes(size)
  return digest(await roundTrip(at, sent)) === digest(sent)
}

/** Sends octets and ends; what came back. */
export function roundTrip(at: At, bytes: Uint8Array): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    const socket = open(at)
    socket.on('data', (chunk) => chunks.push(chunk))
    socket.on('end', () => resolve(Buffer.concat(chunks)))
    socket.on('error', reject)
    socket.end(bytes)
  })
}
