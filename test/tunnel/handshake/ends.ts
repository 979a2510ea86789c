import { createHash } from 'node:crypto'
import { type Micros, micros } from '../../../src/base/types.ts'
import { passwordCredentials } from '../../../src/tunnel/auth/credentials.ts'
import { Guard, type GuardOptions, type Lease } from '../../../src/tunnel/auth/guard.ts'
import type { HandshakeError } from '../../../src/tunnel/auth/handshake-error.ts'
import { type SessionLimits, SessionRegistry } from '../../../src/tunnel/auth/session-registry.ts'
import { type UserOptions, UserStore } from '../../../src/tunnel/auth/users.ts'
import {
  ClientHandshake,
  type ClientHandshakeOptions,
  type ClientHandshakeResult,
} from '../../../src/tunnel/handshake/client.ts'
import {
  ServerHandshake,
  type ServerHandshakeOptions,
  type ServerHandshakeResult,
} from '../../../src/tunnel/handshake/server.ts'
import type { SessionSecret } from '../../../src/tunnel/handshake/session-secret.ts'

export const LIMITS: SessionLimits = { maxPaths: 4, maxStreams: 100, freezeTime: 30_000, credit: 1 << 20 }
/** Channel bindings of two different TLS connections. */
export const CHANNEL = Buffer.alloc(32, 0xcb)
export const OTHER_CHANNEL = Buffer.alloc(32, 0xdd)
export const ADA = passwordCredentials('ada', 'pencil')

/** A clock that stands still until it is moved. */
export class ManualClock {
  #now = micros(1_000_000)

  readonly now = (): Micros => this.#now

  advance(ms: number): void {
    this.#now = micros(this.#now + ms * 1000)
  }
}

/** Octets that look random and are the same in every run. */
export function seededOctets(seed: string): (octets: number) => Uint8Array {
  let count = 0
  return (octets) => createHash('sha256').update(`${seed} ${count++}`).digest().subarray(0, octets)
}

export interface WorldOptions {
  readonly users?: readonly UserOptions[]
  readonly guard?: GuardOptions
}

/** A server's state without its sockets. */
export class World {
  readonly clock = new ManualClock()
  readonly guard: Guard
  readonly sessions: SessionRegistry<SessionSecret>
  readonly users: UserStore

  constructor(users: UserStore, options: WorldOptions) {
    this.users = users
    this.guard = new Guard({ burst: 1e6, clock: this.clock.now, ...options.guard })
    this.sessions = new SessionRegistry<SessionSecret>({ clock: this.clock.now, random: seededOctets('session') })
  }

  static async create(options: WorldOptions = {}): Promise<World> {
    const users = options.users ?? [{ name: 'ada', password: 'pencil' }]
    return new World(await UserStore.create(users, { iterations: 4096, secret: Buffer.alloc(32, 1) }), options)
  }

  lease(address = '192.0.2.1'): Lease {
    const lease = this.guard.admit(address, () => true)
    if (lease === undefined) throw new Error(`${address} is not admitted`)
    return lease
  }

  server(options: Partial<ServerHandshakeOptions> = {}, address = '192.0.2.1'): ServerEnd {
    return new ServerEnd(
      { users: this.users, sessions: this.sessions, limits: LIMITS, ...options },
      this.lease(address),
    )
  }

  /** Runs a whole handshake in memory. */
  async run(
    client: Partial<ClientHandshakeOptions>,
    server: Partial<ServerHandshakeOptions> = {},
  ): Promise<{ client: ClientEnd; server: ServerEnd }> {
    const ends = { client: clientEnd(client), server: this.server(server) }
    await relay(ends.client, ends.server)
    return ends
  }
}

/** What one machine has said and what became of it. */
export class End<Result> {
  readonly sent: Buffer[] = []
  result: Result | undefined
  rest: Uint8Array | undefined
  error: HandshakeError | undefined

  readonly events = {
    send: (bytes: Uint8Array): void => void this.sent.push(Buffer.from(bytes)),
    onDone: (result: Result, rest: Uint8Array): void => {
      this.result = result
      this.rest = rest
    },
    onFailed: (error: HandshakeError): void => {
      this.error = error
    },
  }

  get isOver(): boolean {
    return this.result !== undefined || this.error !== undefined
  }

  /** Takes away what it has said. */
  take(): Buffer {
    return Buffer.concat(this.sent.splice(0))
  }
}

export class ServerEnd extends End<ServerHandshakeResult> {
  readonly machine: ServerHandshake

  constructor(options: ServerHandshakeOptions, lease: Lease) {
    super()
    this.machine = new ServerHandshake(options, lease, this.events)
    this.machine.start()
  }
}

export class ClientEnd extends End<ClientHandshakeResult> {
  readonly machine: ClientHandshake

  constructor(options: ClientHandshakeOptions) {
    super()
    this.machine = new ClientHandshake(options, this.events)
  }
}

export const authenticate = (credentials = ADA, instance = Buffer.alloc(16, 7)): ClientHandshakeOptions['wish'] => ({
  kind: 'authenticate',
  credentials,
  instance,
  credit: 65_536,
})

export const clientEnd = (options: Partial<ClientHandshakeOptions> = {}): ClientEnd =>
  new ClientEnd({ wish: authenticate(), ...options })

/** Carries octets between the two, changed by `cut` into pieces, until neither has anything more to say. */
export async function relay(
  client: ClientEnd,
  server: ServerEnd,
  cut: (bytes: Buffer) => readonly Uint8Array[] = (bytes) => [bytes],
): Promise<void> {
  while (!client.isOver || !server.isOver) {
    const toClient = server.take()
    const toServer = client.take()
    for (const piece of cut(toClient)) client.machine.receive(piece)
    for (const piece of cut(toServer)) server.machine.receive(piece)
    if (client.sent.length > 0 || server.sent.length > 0) continue
    if (client.isOver && client.error !== undefined) server.machine.closed()
    else if (server.isOver && server.error !== undefined) client.machine.closed()
    else await settled(client)
  }
}

/** Waits until the client has computed its keys. */
export async function settled(client: ClientEnd): Promise<void> {
  while (client.sent.length === 0 && !client.isOver) await new Promise((resolve) => setImmediate(resolve))
}
