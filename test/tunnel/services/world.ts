import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { StreamHost } from '../../../src/session/streams/stream-types.ts'
import { type ServiceDefinition, type ServiceHooks, Services } from '../../../src/tunnel/services/services.ts'
import type { HostPair, MakePair } from './memory-session.ts'

/** Waits until something is so; a test that waits in vain is ended by the runner. */
export async function until(what: () => boolean): Promise<void> {
  while (!what()) await new Promise((resolve) => setTimeout(resolve, 5))
}

/** A server of the test that stands for what lies beyond the tunnel. */
export class Backend {
  readonly sockets = new Set<Socket>()
  accepted = 0
  readonly #server: Server

  private constructor(onConnection: (socket: Socket) => void) {
    this.#server = createServer({ allowHalfOpen: true }, (socket) => {
      this.accepted++
      this.sockets.add(socket)
      socket.on('error', () => undefined).on('close', () => this.sockets.delete(socket))
      onConnection(socket)
    })
  }

  static async open(onConnection: (socket: Socket) => void, where: number | string = 0): Promise<Backend> {
    const backend = new Backend(onConnection)
    if (typeof where === 'string') backend.#server.listen(where)
    else backend.#server.listen(where, '127.0.0.1')
    await once(backend.#server, 'listening')
    return backend
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  get address(): string {
    return `127.0.0.1:${this.port}`
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy()
    await new Promise((resolve) => this.#server.close(resolve))
  }
}

/** Milliseconds that a connection waits for a session. */
const PATIENCE = 200

/** All of them, or none: what it throws is why. */
async function openServices(
  host: StreamHost,
  definitions: readonly ServiceDefinition[],
  hooks: ServiceHooks,
): Promise<Services> {
  const services = new Services(hooks)
  try {
    for (const definition of definitions) await services.add(definition)
  } catch (error) {
    await services.close()
    throw error
  }
  services.attach(host)
  return services
}

export const echo = (socket: Socket): void => void socket.pipe(socket)

/** Two ends with services, and everything that a case leaves behind. */
export class World {
  readonly pair: HostPair
  readonly problems: string[] = []
  readonly #closers: (() => unknown)[] = []
  asking!: Services
  answering!: Services

  private constructor(pair: HostPair) {
    this.pair = pair
  }

  /** Runs a case, and sees that it leaves nothing. */
  static async run(makePair: MakePair, body: (world: World) => Promise<void>): Promise<void> {
    const world = new World(await makePair())
    try {
      try {
        await body(world)
      } finally {
        for (const close of world.#closers.reverse()) await close()
      }
      await until(() => world.pair.open() === 0)
    } finally {
      world.pair.close()
    }
  }

  /** Opens both sides. */
  async open(
    asking: readonly ServiceDefinition[],
    answering: readonly ServiceDefinition[],
    hooks: ServiceHooks = {},
  ): Promise<void> {
    const onProblem = (name: string, error: Error): void => void this.problems.push(`${name}: ${error.message}`)
    this.answering = await openServices(this.pair.answering, answering, { onProblem, ...hooks })
    this.onEnd(() => this.answering.close())
    this.asking = await openServices(this.pair.asking, asking, { onProblem, patience: PATIENCE })
    this.onEnd(() => this.asking.close())
  }

  /** A server that stands for what lies beyond. */
  async backend(onConnection: (socket: Socket) => void, where: number | string = 0): Promise<Backend> {
    const backend = await Backend.open(onConnection, where)
    this.onEnd(() => backend.close())
    return backend
  }

  /** A connection to the first listener, or to the one of that name. */
  connect(name?: string): Socket {
    const all = this.asking.status()
    const { listening } = name === undefined ? all[0]! : all.find((each) => each.name === name)!
    return this.dial(listening!)
  }

  dial(address: string): Socket {
    const [, host, port] = /^(.*):(\d+)$/.exec(address) ?? []
    const target = address.startsWith('unix:') ? { path: address.slice(5) } : { host: host!, port: Number(port) }
    const socket = connect({ ...target, allowHalfOpen: true })
    socket.on('error', () => undefined)
    this.onEnd(() => socket.destroy())
    return socket
  }

  onEnd(close: () => unknown): void {
    this.#closers.push(close)
  }

  /** A directory that goes with the case. */
  directory(): string {
    const path = mkdtempSync(join(tmpdir(), 'services-'))
    this.onEnd(() => rmSync(path, { recursive: true, force: true }))
    return path
  }
}

/** All that comes until the end; rejects when that is no orderly one. The socket stays open for writing. */
export function readAll(socket: Socket): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    socket.on('data', (chunk) => chunks.push(chunk)).on('end', () => resolve(Buffer.concat(chunks)))
    socket
      .on('error', reject)
      .on('close', () => reject(new Error('closed before its end')))
      .resume()
  })
}

/** Resolves with the code of the error with which the socket closes, or undefined. */
export function closing(socket: Socket): Promise<string | undefined> {
  return new Promise((resolve) => {
    let code = (socket.errored as NodeJS.ErrnoException | null)?.code
    const onError = (error: NodeJS.ErrnoException): void => {
      code = error.code
    }
    socket
      .on('error', onError)
      .on('close', () => resolve(code))
      .resume()
    if (socket.closed) resolve(code)
  })
}

export const sha = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')

export const someBytes = (count: number): Buffer => randomBytes(count)

/** Sends, ends, and gives what comes back. */
export async function exchange(socket: Socket, bytes: Uint8Array | string): Promise<Buffer> {
  socket.end(bytes)
  return readAll(socket)
}

export function assertSame(a: Uint8Array, b: Uint8Array): void {
  assert.equal(a.length, b.length)
  assert.equal(sha(a), sha(b))
}
