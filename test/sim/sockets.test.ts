import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { seededRng } from '../../src/base/rng.ts'
import { fromMs } from '../../src/base/types.ts'
import { Cable } from '../../src/link/cable.ts'
import { FaultLink } from '../../src/link/fault.ts'
import type { FaultOptions } from '../../src/link/fault-options.ts'
import { Host, type TcpConnectOptions, type TcpListenOptions } from '../../src/stack/host.ts'
import { Simulation } from '../../src/stack/simulate.ts'
import type { TcpSocket } from '../../src/stack/tcp-socket.ts'
import { byteAt } from './end.ts'

const LIMIT = fromMs(3_600_000)
const SERVER = '10.0.0.2'

/** Two hosts for programs of promises, on virtual time. */
class World {
  readonly a = new Host({ rng: seededRng(1), hostname: 'a' })
  readonly b = new Host({ rng: seededRng(2), hostname: 'b' })
  readonly simulation = new Simulation([this.a.stack, this.b.stack])

  constructor(fault: FaultOptions = {}) {
    const cable = new Cable({ delay: fromMs(5) })
    this.a.addInterface(new FaultLink(cable.a, fault), { address: '10.0.0.1/24' })
    this.b.addInterface(cable.b, { address: `${SERVER}/24` })
  }

  /** Runs until the promise settles. */
  run<T>(promise: Promise<T>): Promise<T> {
    return this.simulation.runUntilSettled(promise, LIMIT)
  }

  /** The same; what it was rejected with, or what it gave. */
  outcome(promise: Promise<unknown>): Promise<unknown> {
    return this.run(
      promise.then(
        (value) => value,
        (error) => error.code,
      ),
    )
  }

  wait(ms: number): void {
    this.simulation.run((this.simulation.now + fromMs(ms)) as typeof this.simulation.now)
  }

  /** A connection: the side that connected, and the side that accepted. */
  async connection(
    listen: Partial<TcpListenOptions> = {},
    connect: Partial<TcpConnectOptions> = {},
  ): Promise<[TcpSocket, TcpSocket]> {
    const listener = this.b.tcp.listen({ port: 80, ...listen })
    const both = Promise.all([this.a.tcp.connect({ host: SERVER, port: 80, ...connect }), listener.accept()])
    const sockets = await this.run(both)
    listener.close()
    return sockets
  }

  assertNothingLeft(): void {
    this.wait(200_000)
    for (const { machine, stack } of [this.a, this.b]) {
      assert.equal(machine.size, 0)
      assert.equal(stack.ports.size, 0)
      assert.equal(machine.pollAt(), Number.POSITIVE_INFINITY)
    }
  }
}

const pattern = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => byteAt(i))

async function readAll(socket: TcpSocket): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  for await (const chunk of socket) chunks.push(chunk)
  return Buffer.concat(chunks)
}

describe('tcp.connect()', () => {
  it('rejects with ECONNREFUSED, ETIMEDOUT, EHOSTUNREACH, ENETUNREACH', async () => {
    const world = new World()
    const connect = (host: string, options = {}) => world.outcome(world.a.tcp.connect({ host, port: 80, ...options }))
    assert.equal(await connect(SERVER), 'ECONNREFUSED')
    assert.equal(await connect('10.0.0.99'), 'EHOSTUNREACH')
    assert.equal(await connect('192.0.2.1'), 'ENETUNREACH')
    const silent = new World()
    silent.b.tcp.listen({ port: 80 })
    await silent.run(silent.a.ping(SERVER))
    const before = silent.simulation.now
    silent.b.stack.setInterfaceUp(silent.b.stack.interfaces[1]!, false)
    const attempt = silent.a.tcp.connect({ host: SERVER, port: 80, connectTimeout: 3000 })
    assert.equal(await silent.outcome(attempt), 'ETIMEDOUT')
    assert.equal(silent.simulation.now - before, 3_000_000)
    world.assertNothingLeft()
  })

  it('names what failed and where', async () => {
    const world = new World()
    const error = await world.run(world.a.tcp.connect({ host: SERVER, port: 81 }).catch((reason) => reason))
    assert.match(error.message, /10\.0\.0\.2:81.*ECONNREFUSED/)
    assert.deepEqual([error.syscall, error.address, error.port], ['connect', SERVER, 81])
  })

  it('rejects with ABORT_ERR when its signal fires before or during the attempt, and not after', async () => {
    const world = new World()
    assert.equal(
      await world.outcome(world.a.tcp.connect({ host: SERVER, port: 80, signal: AbortSignal.abort() })),
      'ABORT_ERR',
    )
    const during = new AbortController()
    const attempt = world.a.tcp.connect({ host: '10.0.0.99', port: 80, signal: during.signal })
    world.wait(100)
    during.abort()
    assert.equal(await world.outcome(attempt), 'ABORT_ERR')
    const after = new AbortController()
    const [client, server] = await world.connection({}, { signal: after.signal })
    after.abort()
    await world.run(client.write('still open'))
    assert.equal(Buffer.from((await world.run(server.read()))!).toString(), 'still open')
    await world.run(Promise.all([client.close(), server.close()]))
    world.assertNothingLeft()
  })

  it('leaves no port behind however it fails', async () => {
    const world = new World()
    for (let i = 0; i < 50; i++) await world.outcome(world.a.tcp.connect({ host: SERVER, port: 80 }))
    world.assertNothingLeft()
  })
})

describe('TcpSocket', () => {
  it('carries what is written to read, readInto and for await, in order and once', async () => {
    const world = new World({ loss: 0.05, seed: 3 })
    const [client, server] = await world.connection()
    const data = pattern(300_000)
    const sending = client.write(data).then(() => client.end())
    const head = new Uint8Array(1000)
    let filled = 0
    while (filled < head.length) filled += await world.run(server.readInto(head.subarray(filled)))
    const [rest] = await world.run(Promise.all([readAll(server), sending]))
    assert.deepEqual(Buffer.concat([head, rest]), Buffer.from(data))
    assert.equal(await world.run(server.read()), null)
    assert.equal(await world.run(server.readInto(head)), 0)
    server.end()
    await world.run(Promise.all([client.closed, server.closed]))
    world.assertNothingLeft()
  })

  it("keeps its chunks when more is read (they are the caller's own)", async () => {
    const world = new World()
    const [client, server] = await world.connection()
    await world.run(client.write('first'))
    const first = await world.run(server.read())
    await world.run(client.write('second'))
    await world.run(server.read())
    assert.equal(Buffer.from(first!).toString(), 'first')
  })

  it('waits in write until there is room: a reader who does not read stops the writer', async () => {
    const world = new World()
    const options = { sendBuffer: 10_000, receiveBuffer: 10_000 }
    const [client, server] = await world.connection(options, options)
    let written = 0
    const writing = (async () => {
      for (let i = 0; i < 100; i++) {
        await client.write(pattern(1000))
        written += 1000
      }
      client.end()
    })()
    await world.simulation.runAsync(() => written >= 19_000, LIMIT)
    for (let i = 0; i < 10; i++) {
      world.wait(1000)
      await undefined
    }
    assert.ok(written <= 20_000, `${written}`)
    const [all] = await world.run(Promise.all([readAll(server), writing]))
    assert.equal(all.length, 100_000)
  })

  it('half-closes: reading goes on after end(), writing fails with EPIPE', async () => {
    const world = new World()
    const [client, server] = await world.connection()
    client.end()
    assert.equal(await world.run(server.read()), null)
    await world.run(server.write('still here'))
    server.end()
    assert.equal(Buffer.from(await world.run(readAll(client))).toString(), 'still here')
    assert.equal(await world.outcome(client.write('late')), 'EPIPE')
    assert.equal(await world.outcome(server.write('late')), 'EPIPE')
    world.assertNothingLeft()
  })

  it('resets the peer by abort(), which then reads and writes ECONNRESET', async () => {
    const world = new World()
    const [client, server] = await world.connection()
    const reading = server.read()
    client.abort()
    assert.equal(await world.outcome(reading), 'ECONNRESET')
    assert.equal(await world.outcome(server.write('x')), 'ECONNRESET')
    assert.equal(await world.outcome(client.read()), 'ECONNABORTED')
    assert.equal(await world.outcome(client.closed), 'ECONNABORTED')
    world.assertNothingLeft()
  })

  it('resets the peer when it is closed with unread data (RFC 2525 §2.17)', async () => {
    const world = new World()
    const [client, server] = await world.connection()
    await world.run(client.write('nobody reads this'))
    world.wait(100)
    const closing = server.close()
    assert.equal(await world.outcome(client.read()), 'ECONNRESET')
    await world.run(closing)
    world.assertNothingLeft()
  })

  it('closes when a loop over it is left early', async () => {
    const world = new World()
    const [client, server] = await world.connection()
    await world.run(client.write('one chunk'))
    await world.run(
      (async () => {
        for await (const chunk of server) {
          assert.equal(chunk.length, 9)
          break
        }
      })(),
    )
    assert.equal(await world.run(client.read()), null)
    await world.run(client.close())
    world.assertNothingLeft()
  })

  it('ends with ETIMEDOUT when the path is cut', async () => {
    const world = new World()
    const [client] = await world.connection({}, { userTimeout: 10_000 })
    world.b.stack.setInterfaceUp(world.b.stack.interfaces[1]!, false)
    await world.run(client.write('anyone?'))
    assert.ok(['ETIMEDOUT', 'EHOSTUNREACH'].includes(String(await world.outcome(client.read()))))
  })

  it('reads what arrived before a reset was sent, then says so', async () => {
    const world = new World()
    const [client, server] = await world.connection()
    await world.run(client.write('last words'))
    world.wait(100)
    client.abort()
    world.wait(100)
    assert.equal(Buffer.from((await world.run(server.read()))!).toString(), 'last words')
    assert.equal(await world.outcome(server.read()), 'ECONNRESET')
  })

  it('gathers small writes while corked, sends them at once without Nagle', async () => {
    const world = new World()
    const [client, server] = await world.connection()
    client.cork()
    for (const text of ['a', 'b', 'c']) await world.run(client.write(text))
    world.wait(1000)
    assert.equal(client.info().bytes_sent, 0)
    client.uncork()
    assert.equal(Buffer.from((await world.run(server.read()))!).toString(), 'abc')
    client.setNoDelay()
    const before = client.info().segs_out
    await world.run(Promise.all(['d', 'e', 'f'].map((text) => client.write(text))))
    world.wait(1)
    assert.ok(client.info().segs_out > before)
  })
})

describe('TcpListener', () => {
  it('accepts in order, by accept() and by iteration, and ends with close()', async () => {
    const world = new World()
    const listener = world.b.tcp.listen({ port: 80 })
    const ports: number[] = []
    const serving = (async () => {
      for await (const socket of listener) {
        ports.push(socket.remotePort)
        void socket.close()
      }
    })()
    const clients: TcpSocket[] = []
    for (let i = 0; i < 5; i++) clients.push(await world.run(world.a.tcp.connect({ host: SERVER, port: 80 })))
    await world.simulation.runAsync(() => ports.length === 5, LIMIT)
    assert.deepEqual(
      ports,
      clients.map(({ localPort }) => localPort),
    )
    await world.run(Promise.all(clients.map((client) => client.close())))
    listener.close()
    await world.run(serving)
    world.assertNothingLeft()
  })

  it('closes by its signal, and waiting accepts reject', async () => {
    const world = new World()
    const controller = new AbortController()
    const listener = world.b.tcp.listen({ port: 80, signal: controller.signal })
    const accepting = world.outcome(listener.accept())
    controller.abort()
    assert.equal(await accepting, 'ERR_CLOSED')
    assert.equal(await world.outcome(world.a.tcp.connect({ host: SERVER, port: 80 })), 'ECONNREFUSED')
  })

  it('connects to itself within one stack', async () => {
    const world = new World()
    const listener = world.a.tcp.listen({ port: 80 })
    const both = Promise.all([world.a.tcp.connect({ host: '127.0.0.1', port: 80 }), listener.accept()])
    const [client, server] = await world.run(both)
    const sending = client.write(pattern(100_000)).then(() => client.end())
    const [all] = await world.run(Promise.all([readAll(server), sending]))
    assert.deepEqual(Buffer.from(all), Buffer.from(pattern(100_000)))
  })
})
