import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, renameSync, writeFileSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { Hosts } from '../../../src/tunnel/services/hosts.ts'
import { TcpForward } from '../../../src/tunnel/services/tcp-forward.ts'
import { freePort } from '../../transport/free-port.ts'
import type { MakePair } from './memory-session.ts'
import { assertSame, closing, echo, exchange, readAll, someBytes, until, World } from './world.ts'

const MEBI = 1024 * 1024
const LISTEN = { name: 'web', type: 'tcp', listen: '127.0.0.1:0' } as const
const backendAt = (connect: string | readonly string[]) =>
  ({ name: 'web', type: 'tcp', connect, retries: 0, timeout: 5000 }) as const

/** What a connection through the tunnel must be, whatever the session. */
export function tcpCases(makePair: MakePair): void {
  const run = (body: (world: World) => Promise<void>) => (): Promise<void> => World.run(makePair, body)
  /** A tunnel to a backend, and a connection through it. */
  const through = async (world: World, onConnection: (socket: Socket) => void): Promise<Socket> => {
    const backend = await world.backend(onConnection)
    await world.open([LISTEN], [backendAt(backend.address)])
    return world.connect()
  }

  describe('a connection through the tunnel', () => {
    it(
      'carries 8 MiB there and back at once, and counts them',
      run(async (world) => {
        const bytes = someBytes(8 * MEBI)
        assertSame(await exchange(await through(world, echo), bytes), bytes)
        await until(() => world.asking.status()[0]!.open === 0 && world.answering.status()[0]!.open === 0)
        for (const { total, refused, bytesIn, bytesOut, errors } of [
          ...world.asking.status(),
          ...world.answering.status(),
        ]) {
          const expected = { total: 1, refused: 0, bytesIn: bytes.length, bytesOut: bytes.length, errors: {} }
          assert.deepEqual({ total, refused, bytesIn, bytesOut, errors }, expected)
        }
      }),
    )

    it(
      'keeps with the others of its service to the rate, each way, whichever end has one',
      run(async (world) => {
        // A million octets a second.
        const rate = 8_000_000
        const backend = await world.backend(echo)
        for (const [asks, answers] of [
          [{ rate }, {}],
          [{}, { rate }],
        ]) {
          await world.open([{ ...LISTEN, ...asks }], [{ ...backendAt(backend.address), ...answers }])
          const bytes = someBytes(250_000)
          const began = performance.now()
          const both = [world.connect(), world.connect()].map((socket) => exchange(socket, bytes))
          for (const heard of await Promise.all(both)) assertSame(heard, bytes)
          // All but what was saved up at first, and what is owed at the end: 64 KiB each.
          assert.ok(performance.now() - began >= (500_000 - 2 * 65_536) / 1000)
          await Promise.all([world.asking.close(), world.answering.close()])
        }
      }),
    )

    it(
      'ends towards the backend first, which still answers',
      run(async (world) => {
        const answer = someBytes(MEBI)
        const socket = await through(world, async (beyond) => {
          const asked = await readAll(beyond)
          beyond.end(Buffer.concat([asked, answer]))
        })
        assertSame(await exchange(socket, 'question'), Buffer.concat([Buffer.from('question'), answer]))
      }),
    )

    it(
      'ends from the backend first, which still listens',
      run(async (world) => {
        const bytes = someBytes(MEBI)
        let heard: Promise<Buffer> | undefined
        const socket = await through(world, (beyond) => {
          beyond.end('greeting')
          heard = readAll(beyond)
        })
        assert.equal((await readAll(socket)).toString(), 'greeting')
        socket.end(bytes)
        assertSame(await heard!, bytes)
      }),
    )

    it(
      'resets the backend when the client resets',
      run(async (world) => {
        let beyond: Socket | undefined
        const socket = await through(world, (each) => {
          beyond = each
          each.write('x')
        })
        await once(socket, 'data')
        const gone = closing(beyond!)
        socket.resetAndDestroy()
        assert.equal(await gone, 'ECONNRESET')
        await until(() => world.answering.status()[0]!.open === 0)
        assert.deepEqual(world.answering.status()[0]!.errors, { BROKEN: 1 })
      }),
    )

    it(
      'resets the client when the backend resets',
      run(async (world) => {
        const socket = await through(world, (beyond) => void beyond.once('data', () => beyond.resetAndDestroy()))
        socket.write('x')
        assert.equal(await closing(socket), 'ECONNRESET')
        await until(() => world.asking.status()[0]!.open === 0)
        const { refused, errors } = world.asking.status()[0]!
        assert.deepEqual({ refused, errors }, { refused: 0, errors: { BROKEN: 1 } })
      }),
    )

    it(
      'that is reset right behind its last octets has not ended, on either side',
      run(async (world) => {
        const backend = await world.backend((socket) => {
          socket.once('data', (chunk) => {
            if (chunk.toString() === 'answer') socket.write('half', () => socket.resetAndDestroy())
          })
        })
        await world.open([LISTEN], [backendAt(backend.address)])
        for (let i = 0; i < 20; i++) {
          const socket = world.connect()
          socket.write('answer')
          assert.equal(await closing(socket), 'ECONNRESET')
          const other = world.connect()
          other.write('hear', () => other.resetAndDestroy())
        }
        await until(() => world.asking.status()[0]!.open === 0 && world.asking.status()[0]!.total === 40)
        await until(() => world.answering.status()[0]!.open === 0)
        assert.deepEqual(world.asking.status()[0]!.errors, { BROKEN: 40 })
        assert.deepEqual(Object.keys(world.answering.status()[0]!.errors), ['BROKEN'])
      }),
    )

    it(
      'is reset when the session ends',
      run(async (world) => {
        const socket = await through(world, echo)
        socket.write('x')
        await once(socket, 'data')
        world.pair.close()
        assert.equal(await closing(socket), 'ECONNRESET')
        await until(() => world.asking.status()[0]!.open === 0)
        assert.deepEqual(world.asking.status()[0]!.errors, { CLOSED: 1 })
      }),
    )

    it(
      'is reset when nothing listens beyond, and both sides count why',
      run(async (world) => {
        await world.open([LISTEN], [backendAt(await closedPort())])
        const socket = world.connect()
        socket.write('early')
        assert.equal(await closing(socket), 'ECONNRESET')
        await until(() => world.asking.status()[0]!.open === 0)
        for (const { refused, errors } of [...world.asking.status(), ...world.answering.status()]) {
          assert.deepEqual({ refused, errors }, { refused: 1, errors: { REFUSED: 1 } })
        }
        assert.match(world.problems.join(), /^web: Cannot connect to 127\.0\.0\.1:\d+: nothing listens there/)
      }),
    )

    it(
      'that is read slowly does not stop another',
      run(async (world) => {
        const bytes = someBytes(8 * MEBI)
        const slow = await through(world, echo)
        slow.end(bytes)
        slow.pause()
        await until(() => world.answering.status()[0]!.bytesOut > MEBI / 4)
        const quick = someBytes(MEBI)
        assertSame(await exchange(world.connect(), quick), quick)
        assert.ok(world.asking.status()[0]!.bytesOut < bytes.length)
        assertSame(await readAll(slow), bytes)
      }),
    )

    it(
      'is one of 500 at once',
      run(async (world) => {
        const backend = await world.backend(echo)
        await world.open([LISTEN], [backendAt(backend.address)])
        const messages = Array.from({ length: 500 }, (_, i) => `message ${i}`)
        const answers = await Promise.all(messages.map((message) => exchange(world.connect(), message)))
        assert.deepEqual(
          answers.map((answer) => answer.toString()),
          messages,
        )
        await until(() => world.asking.status()[0]!.open === 0)
        assert.equal(world.asking.status()[0]!.total, 500)
      }),
    )

    it(
      'may be given up before the backend is reached',
      run(async (world) => {
        let isWaiting = false
        const never = new Promise<never>(() => undefined)
        const resolve = (): Promise<never> => {
          isWaiting = true
          return never
        }
        await world.open([LISTEN], [{ ...backendAt('slow.example.org:80'), resolve }])
        const socket = world.connect()
        await once(socket, 'connect')
        await until(() => isWaiting)
        socket.resetAndDestroy()
        await until(() => world.answering.status()[0]!.open === 0)
        assert.deepEqual(world.answering.status()[0]!.errors, { BROKEN: 1 })
      }),
    )

    it(
      'delivers what was said and ended before the backend was reached',
      run(async (world) => {
        const backend = await world.backend(echo)
        let find: ((addresses: readonly string[]) => void) | undefined
        const resolve = (): Promise<readonly string[]> =>
          new Promise((found) => {
            find = found
          })
        await world.open([LISTEN], [{ ...backendAt(`slow.example.org:${backend.port}`), resolve }])
        const bytes = someBytes(MEBI)
        const answer = exchange(world.connect(), bytes)
        await until(() => find !== undefined && world.asking.status()[0]!.bytesIn > 32 * 1024)
        // Held back by credit, not gathered.
        assert.ok(world.asking.status()[0]!.bytesIn < MEBI)
        find!(['127.0.0.1'])
        assertSame(await answer, bytes)
      }),
    )

    it(
      'is led to the next target when the first is not there',
      run(async (world) => {
        const backend = await world.backend(echo)
        await world.open([LISTEN], [backendAt([await closedPort(), backend.address])])
        for (const message of ['one', 'two']) {
          assert.equal((await exchange(world.connect(), message)).toString(), message)
        }
      }),
    )

    it(
      'says that a name is not known, that a backend is late',
      run(async (world) => {
        const unknown = (): Promise<never> => Promise.reject(Object.assign(new Error('no'), { code: 'ENOTFOUND' }))
        const silent = (): Promise<never> => new Promise(() => undefined)
        await world.open(
          [LISTEN, { ...LISTEN, name: 'late' }],
          [
            { ...backendAt('unknown.example.org:80'), resolve: unknown, retries: 1 },
            { ...backendAt('late.example.org:80'), name: 'late', resolve: silent, timeout: 20 },
          ],
        )
        assert.equal(await closing(world.connect('web')), 'ECONNRESET')
        assert.equal(await closing(world.connect('late')), 'ECONNRESET')
        const [web, late] = world.answering.status()
        assert.deepEqual([web!.errors, late!.errors], [{ UNREACHABLE: 1 }, { TIMED_OUT: 1 }])
        assert.match(world.problems.join(), /the name is not known.*it does not answer in time/)
      }),
    )
  })

  describe('a Unix socket', () => {
    it(
      'is listened on and connected to; a stale one is taken away',
      run(async (world) => {
        const directory = world.directory()
        const [front, back] = [join(directory, 'front'), join(directory, 'back')]
        await world.backend(echo, back)
        await leaveStale(front)
        assert.ok(existsSync(front))
        await world.open([{ ...LISTEN, listen: `unix:${front}` }], [backendAt(`unix:${back}`)])
        const bytes = someBytes(MEBI)
        assertSame(await exchange(world.connect(), bytes), bytes)
        const socket = world.connect()
        socket.write('x')
        await once(socket, 'data')
        // A Unix socket knows no reset: its end is all that can be said.
        world.pair.close()
        assert.equal((await readAll(socket)).length, 0)
        await world.asking.close()
        assert.ok(!existsSync(front))
      }),
    )

    it(
      'that someone listens on, and what is no socket, is left alone',
      run(async (world) => {
        const path = join(world.directory(), 'taken')
        await world.backend(echo, path)
        await assert.rejects(TcpForward.open({ name: 'x', listen: `unix:${path}` }, new Hosts()), {
          code: 'EADDRINUSE',
          message: /Cannot listen on unix:.*: something listens there already/,
        })
        const file = join(world.directory(), 'file')
        writeFileSync(file, 'x')
        await assert.rejects(TcpForward.open({ name: 'x', listen: `unix:${file}` }, new Hosts()), {
          code: 'EINVAL',
          message: /there is something that is no socket/,
        })
        assert.ok(existsSync(file))
      }),
    )
  })

  describe('TcpForward', () => {
    it(
      'says why it cannot listen',
      run(async (world) => {
        const backend = await world.backend(echo)
        const open = (listen: string) => TcpForward.open({ name: 'web', listen }, new Hosts())
        await assert.rejects(open(backend.address), { code: 'EADDRINUSE', message: /something listens there already/ })
        await assert.rejects(open('192.0.2.1:0'), { code: 'EADDRNOTAVAIL', message: /no interface of this machine/ })
        await assert.rejects(open('nonsense'), { code: 'EINVAL', message: /"listen" of the service "web"/ })
        await assert.rejects(open('unix:/nowhere/at/all'), { code: 'EINVAL', message: /the directory does not exist/ })
      }),
    )

    it(
      'resets connections above the limit, and those for which there is no session in time',
      run(async (world) => {
        const backend = await world.backend(echo)
        await world.open([{ ...LISTEN, maxConnections: 1 }], [backendAt(backend.address)])
        const first = world.connect()
        first.write('x')
        await once(first, 'data')
        assert.equal(await closing(world.connect()), 'ECONNRESET')
        assert.deepEqual(world.asking.status()[0]!.errors, { LIMIT: 1 })
        world.asking.detach(world.pair.asking)
        assert.equal((await exchange(first, 'y')).toString(), 'y')
        await until(() => world.asking.status()[0]!.open === 0)
        assert.equal(await closing(world.connect()), 'ECONNRESET')
        assert.deepEqual(world.asking.status()[0]!.errors, { CLOSED: 1, LIMIT: 1 })
      }),
    )

    it(
      'lets connections wait for a session',
      run(async (world) => {
        const backend = await world.backend(echo)
        await world.open([LISTEN], [backendAt(backend.address)])
        const { asking } = world.pair
        world.asking.detach(asking)
        const [early, late, gone] = [world.connect(), world.connect(), world.connect()]
        const echoed = exchange(early, someBytes(300_000))
        await until(() => world.asking.status()[0]!.open === 3)
        gone.resetAndDestroy()
        await until(() => world.asking.status()[0]!.open === 2)
        world.asking.attach(asking)
        assert.equal((await echoed).length, 300_000)
        assert.equal((await exchange(late, 'late')).toString(), 'late')
        assert.deepEqual(world.asking.status()[0]!.errors, { CANCELLED: 1 })
      }),
    )

    it(
      'ends those that wait for a session when it closes',
      run(async (world) => {
        await world.open([LISTEN], [])
        world.asking.detach(world.pair.asking)
        const socket = world.connect()
        await until(() => world.asking.status()[0]!.open === 1)
        const closed = world.asking.close()
        assert.equal(await closing(socket), 'ECONNRESET')
        await closed
        assert.deepEqual(world.asking.status()[0]!.errors, { CLOSED: 1 })
      }),
    )

    it(
      'lets what is open end when it closes, and takes nothing new',
      run(async (world) => {
        const socket = await through(world, echo)
        socket.write('x')
        await once(socket, 'data')
        const { listening } = world.asking.status()[0]!
        const closed = world.asking.remove('web', { drain: 60_000 })
        assert.equal(await closing(world.dial(listening!)), 'ECONNREFUSED')
        assert.equal((await exchange(socket, 'y')).toString(), 'y')
        await closed
      }),
    )

    it(
      'may be told to hurry while it waits for what is open',
      run(async (world) => {
        const socket = await through(world, echo)
        socket.write('x')
        await once(socket, 'data')
        const gone = closing(socket)
        const patient = world.asking.close({ drain: 60_000 })
        await world.asking.close()
        await patient
        assert.equal(await gone, 'ECONNRESET')
      }),
    )

    it(
      'resets what is open when it may not take longer',
      run(async (world) => {
        const socket = await through(world, echo)
        socket.write('x')
        await once(socket, 'data')
        const gone = closing(socket)
        await world.asking.remove('web', { drain: 1 })
        assert.equal(await gone, 'ECONNRESET')
      }),
    )
  })

  describe('Services', () => {
    it(
      'asks for each stream whether it may be, and knows no others',
      run(async (world) => {
        const backend = await world.backend(echo)
        const asked: string[] = []
        const authorize = ({ service, source }: { service: string; source: string }, kind: string): boolean => {
          asked.push(`${kind} ${service} ${source.replace(/\d+$/, 'port')}`)
          return asked.length > 1
        }
        await world.open([LISTEN, { ...LISTEN, name: 'other' }], [backendAt(backend.address)], { authorize })
        assert.equal(await closing(world.connect('web')), 'ECONNRESET')
        assert.equal((await exchange(world.connect('web'), 'x')).toString(), 'x')
        assert.equal(await closing(world.connect('other')), 'ECONNRESET')
        assert.deepEqual(asked, ['stream web 127.0.0.1:port', 'stream web 127.0.0.1:port'])
        assert.deepEqual(world.answering.refusals, { unknown: 1, forbidden: 1 })
        assert.deepEqual(world.asking.status()[1]!.errors, { FORBIDDEN: 1 })
      }),
    )

    it(
      'adds and removes one while the streams of another go on',
      run(async (world) => {
        const backend = await world.backend(echo)
        const socket = await through(world, echo)
        socket.write('x')
        await once(socket, 'data')
        await world.answering.add({ ...backendAt(backend.address), name: 'more' })
        await world.asking.add({ ...LISTEN, name: 'more' })
        await assert.rejects(world.asking.add({ ...LISTEN, name: 'more' }), { code: 'EINVAL' })
        assert.equal((await exchange(world.connect('more'), 'y')).toString(), 'y')
        await Promise.all([world.asking.remove('more'), world.answering.remove('more')])
        assert.deepEqual(
          world.asking.status().map(({ name }) => name),
          ['web'],
        )
        assert.equal((await exchange(socket, 'z')).toString(), 'z')
      }),
    )

    it(
      'may have a name of its own here, and name the target there',
      run(async (world) => {
        const { address } = await world.backend(echo)
        const mine = { ...LISTEN, name: 'mine', service: 'any', target: address } as const
        await world.open([mine], [{ name: 'any', type: 'proxy', allow: ['127.0.0.0/8:*'] }])
        assert.equal((await exchange(world.connect('mine'), 'x')).toString(), 'x')
        assert.equal(world.asking.status()[0]!.target, address)
      }),
    )

    it(
      'refuses names and targets that no session takes',
      run(async (world) => {
        await world.open([], [])
        const add = (more: object) => world.asking.add({ ...LISTEN, ...more })
        await assert.rejects(add({ name: '' }), { code: 'EINVAL' })
        await assert.rejects(add({ service: 'x'.repeat(256) }), { code: 'EINVAL', message: /1 to 255 octets/ })
        await assert.rejects(add({ target: `${'h'.repeat(600)}:1` }), { code: 'EINVAL', message: /"target"/ })
      }),
    )

    it(
      'opens all or none',
      run(async (world) => {
        const backend = await world.backend(echo)
        await assert.rejects(
          world.open([], [backendAt(backend.address), { ...backendAt('nonsense'), name: 'bad' }]),
          /"connect" of the service "bad"/,
        )
      }),
    )
  })
}

/** Where nothing listens. */
const closedPort = async (): Promise<string> => `127.0.0.1:${await freePort()}`

/** A Unix socket whose process ended without taking it away. */
async function leaveStale(path: string): Promise<void> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(path, resolve))
  // libuv takes the path away when it closes the server; moved back, it is there again.
  renameSync(path, `${path}.kept`)
  await new Promise((resolve) => server.close(resolve))
  renameSync(`${path}.kept`, path)
}
