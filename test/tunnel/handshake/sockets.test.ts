import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { after, before, describe, it } from 'node:test'
import { createServer as createTlsServer, type TLSSocket, connect as tlsConnect } from 'node:tls'
import type { HandshakeError } from '../../../src/tunnel/auth/handshake-error.ts'
import type { ClientHandshakeOptions } from '../../../src/tunnel/handshake/client.ts'
import {
  type PerformOptions,
  performClientHandshake,
  performServerHandshake,
} from '../../../src/tunnel/handshake/perform.ts'
import { selfSigned } from '../../net/certificate.ts'
import { authenticate, LIMITS, World } from './ends.ts'

const RECORDS = Buffer.from('the first records')

/** RFC 9266 §2. */
const bindingOf = (socket: TLSSocket): Buffer =>
  socket.exportKeyingMaterial(32, 'EXPORTER-Channel-Binding', Buffer.alloc(0))

/** Two ends of a pipe in memory. */
function duplexPair(): [Duplex, Duplex] {
  const end = (other: () => Duplex): Duplex =>
    new Duplex({
      read: () => undefined,
      write: (chunk: Buffer, _encoding, done) => {
        other().push(chunk)
        done()
      },
    })
  const ends: [Duplex, Duplex] = [end(() => ends[1]), end(() => ends[0])]
  return ends
}

/** Servers that are closed, and sockets that are destroyed, when a test ends. */
class Scene {
  readonly #servers: Server[] = []
  readonly #sockets = new Set<Socket>()

  async listen<T extends Server>(server: T): Promise<number> {
    this.#servers.push(server)
    server.on('connection', (socket) => this.hold(socket)).on('secureConnection', (socket) => this.hold(socket))
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    return (server.address() as { port: number }).port
  }

  hold<T extends Socket>(socket: T): T {
    this.#sockets.add(socket)
    socket.on('error', () => undefined)
    return socket
  }

  async end(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await Promise.all(this.#servers.map((server) => new Promise((resolve) => server.close(resolve))))
  }
}

async function withScene(body: (scene: Scene) => Promise<void>): Promise<void> {
  const scene = new Scene()
  try {
    await body(scene)
  } finally {
    await scene.end()
  }
}

const tls: { cert: string; key: string }[] = []
before(() => void tls.push(selfSigned('server', '127.0.0.1'), selfSigned('server', '127.0.0.1')))
after(() => void (tls.length = 0))

/** A server that performs handshakes with TLS and tells what became of each. */
async function secureServer(scene: Scene, world: World): Promise<{ port: number; next: () => Promise<unknown> }> {
  const outcomes: Promise<unknown>[] = []
  const server = createTlsServer({ ...tls[0], minVersion: 'TLSv1.3' }, (socket) => {
    const { users, sessions } = world
    const options = { users, sessions, limits: LIMITS, binding: bindingOf(socket), lease: world.lease('127.0.0.1') }
    const outcome = performServerHandshake(socket, options)
    outcome.catch(() => undefined)
    outcomes.push(outcome)
    server.emit('handshake')
  })
  const next = async (): Promise<unknown> => {
    if (outcomes.length === 0) await once(server, 'handshake')
    return await outcomes.shift()!
  }
  return { port: await scene.listen(server), next }
}

async function secureClient(scene: Scene, port: number): Promise<TLSSocket> {
  const socket = scene.hold(tlsConnect({ port, host: '127.0.0.1', rejectUnauthorized: false }))
  await once(socket, 'secureConnect')
  return socket
}

const perform = (socket: TLSSocket, options: Partial<ClientHandshakeOptions & PerformOptions> = {}) =>
  performClientHandshake(socket, { wish: authenticate(), binding: bindingOf(socket), ...options })

const failure = async (promise: Promise<unknown>): Promise<string> =>
  await promise.then(
    () => 'none',
    (error: HandshakeError) => error.failure,
  )

describe('performClientHandshake() and performServerHandshake()', () => {
  it('begin a session and add a path inside TLS', () =>
    withScene(async (scene) => {
      const world = await World.create()
      const { port, next } = await secureServer(scene, world)
      const first = await perform(await secureClient(scene, port))
      assert.equal(first.result.kind, 'authenticated')
      await next()
      const wish = { kind: 'join', session: first.result.session, pathId: 1 } as const
      const second = await perform(await secureClient(scene, port), { wish })
      assert.equal(second.result.kind, 'joined')
      await next()
      assert.equal([...world.sessions][0]?.paths.size, 2)
      assert.equal(world.guard.halfOpen, 0)
    }))

  it('lose nothing of what comes behind, in the same segment or later', () =>
    withScene(async (scene) => {
      const world = await World.create()
      const { port, next } = await secureServer(scene, world)
      const client = await secureClient(scene, port)
      const done = perform(client)
      const { socket } = (await next()) as { socket: TLSSocket }
      for (const octet of RECORDS) socket.write(Uint8Array.of(octet))
      socket.end(RECORDS)
      const { rest } = await done
      const chunks: Uint8Array[] = [rest]
      client.on('data', (chunk: Buffer) => void chunks.push(chunk))
      if (!client.readableEnded) await once(client, 'end')
      assert.deepEqual(Buffer.concat(chunks), Buffer.concat([RECORDS, RECORDS]))
    }))

  it('hand on records that came in one segment with WELCOME', () =>
    withScene(async (scene) => {
      const world = await World.create()
      const server = createServer((socket) => {
        const { write } = socket
        // Whatever the handshake says last is held back until records follow it.
        socket.write = (chunk: Uint8Array) => {
          const isLast = chunk[0] === 6
          return write.call(socket, isLast ? Buffer.concat([chunk, RECORDS]) : chunk)
        }
        performServerHandshake(socket, { ...world, limits: LIMITS, lease: world.lease() }).catch(() => undefined)
      })
      const socket = scene.hold(connect(await scene.listen(server), '127.0.0.1'))
      const { rest } = await performClientHandshake(socket, { wish: authenticate() })
      const chunks: Uint8Array[] = [rest]
      if (rest.length < RECORDS.length) chunks.push(...(await once(socket, 'data')))
      assert.deepEqual(Buffer.concat(chunks), RECORDS)
      assert.deepEqual([socket.listenerCount('readable'), socket.listenerCount('end')], [0, 1])
    }))

  it('work over any duplex, such as a connection of our own stack', async () => {
    const world = await World.create()
    const [near, far] = duplexPair()
    const accepted = performServerHandshake(far, { ...world, limits: LIMITS, lease: world.lease() })
    const { result, rest, socket } = await performClientHandshake(near, { wish: authenticate() })
    assert.deepEqual([result.kind, rest.length, (await accepted).rest.length], ['authenticated', 0, 0])
    far.write(RECORDS)
    assert.deepEqual((await once(socket, 'data'))[0], RECORDS)
    near.destroy()
    far.destroy()
  })

  it('tell the client how long it is banned', () =>
    withScene(async (scene) => {
      const world = await World.create({ guard: { banAfter: 1 } })
      const { port } = await secureServer(scene, world)
      const wrong = authenticate({ user: 'eve', keysFor: () => Promise.reject(new Error('gives up')) })
      assert.equal(await failure(perform(await secureClient(scene, port), { wish: wrong })), 'protocol')
      const lease = world.lease('127.0.0.1')
      lease.failed('credentials')
      lease.release()
      await assert.rejects(perform(await secureClient(scene, port)), { failure: 'banned', retryAfter: 10_000 })
    }))

  it('end with the connection', () =>
    withScene(async (scene) => {
      const world = await World.create()
      const { port, next } = await secureServer(scene, world)
      const client = await secureClient(scene, port)
      client.end()
      assert.equal(await failure(next()), 'closed')
      assert.equal(await failure(perform(client)), 'closed')
      assert.equal(world.guard.halfOpen, 0)
    }))

  it('end with the signal, and leave nothing', () =>
    withScene(async (scene) => {
      const silent = createServer()
      const socket = scene.hold(connect(await scene.listen(silent), '127.0.0.1'))
      const controller = new AbortController()
      const done = performClientHandshake(socket, { wish: authenticate(), signal: controller.signal })
      controller.abort(new Error('enough'))
      await assert.rejects(done, /enough/)
      await assert.rejects(
        performClientHandshake(socket, { wish: authenticate(), signal: controller.signal }),
        /enough/,
      )
    }))

  it('tell a client that the server is being shut down', () =>
    withScene(async (scene) => {
      const world = await World.create()
      const controller = new AbortController()
      const { signal } = controller
      const server = createServer((socket) => {
        const options = { ...world, limits: LIMITS, lease: world.lease(), signal }
        performServerHandshake(socket, options).catch(() => undefined)
      })
      const socket = scene.hold(connect(await scene.listen(server), '127.0.0.1'))
      await once(socket, 'readable')
      controller.abort()
      assert.equal(await failure(performClientHandshake(socket, { wish: authenticate() })), 'closing')
      assert.equal(world.guard.halfOpen, 0)
    }))

  it('give up the oldest of 300 silent connections for one that speaks', () =>
    withScene(async (scene) => {
      const world = await World.create({ guard: { maxHalfOpen: 50, maxHalfOpenPerAddress: 1000 } })
      let displaced = 0
      const server = createServer((socket) => {
        performServerHandshake(socket, { ...world, limits: LIMITS, lease: world.lease() }).catch(() => {
          if (++displaced === 250) server.emit('enough')
        })
      })
      const port = await scene.listen(server)
      const enough = once(server, 'enough')
      for (let i = 0; i < 300; i++) scene.hold(connect(port, '127.0.0.1')).resume()
      await enough
      assert.equal(world.guard.halfOpen, 50)
      const socket = scene.hold(connect(port, '127.0.0.1'))
      const { result } = await performClientHandshake(socket, { wish: authenticate() })
      assert.equal(result.kind, 'authenticated')
      assert.equal(world.guard.halfOpen, 49)
    }))

  it('end a connection that says its hello one octet at a time when the time is over', () =>
    withScene(async (scene) => {
      const world = await World.create()
      const timers: { callback: () => void; delay: number; isCancelled: boolean }[] = []
      const schedule = (callback: () => void, delay: number) => {
        const timer = { callback, delay, isCancelled: false }
        timers.push(timer)
        return () => void (timer.isCancelled = true)
      }
      let done: Promise<unknown> = Promise.resolve()
      const server = createServer((socket) => {
        done = performServerHandshake(socket, { ...world, limits: LIMITS, lease: world.lease(), schedule })
        done.catch(() => undefined)
      })
      const socket = scene.hold(connect(await scene.listen(server), '127.0.0.1'))
      await once(socket, 'data')
      for (const octet of [2, 0, 5, 1]) socket.write(Uint8Array.of(octet))
      assert.deepEqual([world.guard.halfOpen, timers.length, timers[0]?.delay], [1, 1, 5000])
      timers[0]!.callback()
      assert.equal(await failure(done), 'timeout')
      assert.equal(world.guard.halfOpen, 0)
      assert.equal(world.guard.counters.get('timeout'), 1)
      const [refusal] = (await once(socket, 'data')) as [Buffer]
      assert.deepEqual([...refusal], [9, 0, 3, 10, 0, 0])
    }))
})

describe('a man in the middle', () => {
  /** Ends TLS with a certificate of his own, begins another to the server, and passes on what `change` makes of each chunk. */
  async function middle(scene: Scene, port: number, change: (bytes: Buffer, toServer: boolean) => Buffer) {
    const server = createTlsServer({ ...tls[1], minVersion: 'TLSv1.3' }, (front) => {
      const back = scene.hold(tlsConnect({ port, host: '127.0.0.1', rejectUnauthorized: false }))
      front.on('data', (bytes: Buffer) => void back.write(change(bytes, true)))
      back.on('data', (bytes: Buffer) => void front.write(change(bytes, false)))
      back.on('end', () => front.end())
      front.on('close', () => back.destroy())
    })
    return await scene.listen(server)
  }

  it('with another certificate is refused by both when he passes on everything', () =>
    withScene(async (scene) => {
      const world = await World.create()
      const { port, next } = await secureServer(scene, world)
      const client = await secureClient(scene, await middle(scene, port, (bytes) => bytes))
      const done = failure(perform(client))
      assert.equal(await failure(next()), 'binding')
      assert.equal(await done, 'binding')
      assert.equal(world.sessions.size, 0)
      assert.equal(world.guard.counters.get('binding'), 1)
    }))

  it('cannot pass on a join either', () =>
    withScene(async (scene) => {
      const world = await World.create()
      const { port, next } = await secureServer(scene, world)
      const { result } = await perform(await secureClient(scene, port))
      assert.equal(result.kind, 'authenticated')
      await next()
      const client = await secureClient(scene, await middle(scene, port, (bytes) => bytes))
      const done = failure(perform(client, { wish: { kind: 'join', session: result.session, pathId: 1 } }))
      assert.equal(await failure(next()), 'session')
      assert.equal(await done, 'session')
      assert.equal([...world.sessions][0]?.paths.size, 1)
    }))

  it('cannot make either of them do without the binding', () =>
    withScene(async (scene) => {
      const world = await World.create()
      const { port, next } = await secureServer(scene, world)
      const plainMechanism = (bytes: Buffer, toServer: boolean): Buffer => {
        const changed = Buffer.from(bytes)
        if (!toServer && changed[0] === 1) changed[10] = 1
        return changed
      }
      const through = await middle(scene, port, plainMechanism)
      assert.equal(await failure(perform(await secureClient(scene, through))), 'unbound')
      assert.equal(await failure(next()), 'closed')
      const careless = failure(perform(await secureClient(scene, through), { allowUnbound: true }))
      assert.equal(await failure(next()), 'binding')
      assert.equal(await careless, 'binding')
    }))
})
