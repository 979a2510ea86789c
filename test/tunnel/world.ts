import { mkdtempSync, rmSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { TunnelClient } from '../../src/tunnel/client.ts'
import { parseConfig } from '../../src/tunnel/config/parse.ts'
import type { ClientConfig, ServerConfig } from '../../src/tunnel/config/types.ts'
import { type Log, silent } from '../../src/tunnel/log.ts'
import { TunnelServer } from '../../src/tunnel/server.ts'

/** Milliseconds that anything may take. */
const PATIENCE = 30_000

/** Resolves once it is so. @throws when that takes too long */
export async function until(done: () => boolean): Promise<void> {
  const limit = performance.now() + PATIENCE
  while (!done()) {
    if (performance.now() > limit) throw new Error(`it takes too long: ${done}`)
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
}

export const listen = async (server: Server): Promise<number> => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as AddressInfo).port
}

/** A server that gives back what it gets. */
export const echoServer = (): Server =>
  createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => undefined)
    socket.pipe(socket)
  })

/** A way to a port that a test can cut, and let fall silent. */
export class Relay {
  readonly #server: Server
  readonly #pairs = new Set<readonly [Socket, Socket]>()
  #isSilent = false
  /** The port that new connections lead to. */
  to: number

  constructor(to: number) {
    this.to = to
    this.#server = createServer({ noDelay: true }, (from) => {
      const onward = connect({ port: this.to, host: '127.0.0.1', noDelay: true })
      const pair = [from, onward] as const
      this.#pairs.add(pair)
      for (const [one, other] of [pair, [onward, from] as const]) {
        one.on('data', (bytes) => other.write(bytes))
        one.on('end', () => other.end())
        one.on('error', () => undefined)
        one.on('close', () => {
          other.destroy()
          this.#pairs.delete(pair)
        })
        if (this.#isSilent) one.pause()
      }
    })
  }

  listen(): Promise<number> {
    return listen(this.#server)
  }

  /** Resets all that goes this way; new connections are let through. */
  cut(): void {
    for (const pair of this.#pairs) for (const socket of pair) socket.resetAndDestroy()
  }

  /** Nothing gets through, and nobody is told; new connections begin, and hear nothing. */
  silence(isSilent: boolean): void {
    this.#isSilent = isSilent
    for (const pair of this.#pairs) for (const socket of pair) isSilent ? socket.pause() : socket.resume()
  }

  close(): void {
    this.#server.close()
    this.cut()
  }
}

interface WorldOptions {
  readonly backend?: Server
  /** For the client's configuration. */
  readonly extra?: string
  /** What the client says. */
  readonly log?: Log
}

const portOf = (address: string): number => Number(/:(\d+)$/.exec(address)![1])

/** A tunnel between a client and a server in this process, each path by a relay. */
export class World {
  readonly relays: Relay[] = []
  server: TunnelServer
  client!: TunnelClient
  /** Where the client listens. */
  port = 0
  readonly #folder: string
  readonly #backend: Server
  readonly #config: ServerConfig

  private constructor(folder: string, backend: Server, port: number) {
    this.#folder = folder
    this.#backend = backend
    const config = `{ mode: server, listen: ["127.0.0.1:0"], state: "${folder}",
      users: [{ name: ada, password: secret }],
      services: [{ name: web, type: tcp, connect: "127.0.0.1:${port}" }] }`
    this.#config = parseConfig(config, { file: join(folder, 's.yaml') }) as ServerConfig
    this.server = new TunnelServer(this.#config, silent)
  }

  /** As if the server were killed and started again: whoever comes now meets one that knows no session. */
  async restartServer(): Promise<void> {
    const old = this.server
    this.server = new TunnelServer(this.#config, silent)
    await this.server.start()
    for (const relay of this.relays) {
      relay.to = portOf(this.server.addresses[0]!)
      relay.cut()
    }
    await old.stop(0)
  }

  /** With so many paths, all of them up. */
  static async create(paths: number, options: WorldOptions = {}): Promise<World> {
    const { backend = echoServer(), extra = '', log = silent } = options
    const folder = mkdtempSync(join(tmpdir(), 'gotcp-tunnel-'))
    const world = new World(folder, backend, await listen(backend))
    await world.server.start()
    const port = portOf(world.server.addresses[0]!)
    const ways: string[] = []
    for (let i = 0; i < paths; i++) {
      const relay = new Relay(port)
      world.relays.push(relay)
      ways.push(`{ name: p${i}, remote: "127.0.0.1:${await relay.listen()}" }`)
    }
    const config = `{ mode: client, state: "${folder}", user: ada, password: secret, paths: [${ways.join(', ')}], ${extra}
      services: [{ name: web, type: tcp, listen: "127.0.0.1:0" }] }`
    world.client = new TunnelClient(parseConfig(config, { file: join(folder, 'c.yaml') }) as ClientConfig, log)
    await world.client.start()
    world.port = portOf(world.client.services.status()[0]!.listening!)
    await until(() => world.client.paths.every(({ state }) => state === 'up'))
    return world
  }

  async close(): Promise<void> {
    await this.client.stop(0)
    await this.server.stop(0)
    for (const relay of this.relays) relay.close()
    this.#backend.close()
    rmSync(this.#folder, { recursive: true, force: true })
  }
}
