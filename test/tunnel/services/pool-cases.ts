import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import { proxyHeader } from '../../../src/tunnel/services/proxy-header.ts'
import type { MakePair } from './memory-session.ts'
import { assertSame, type Backend, closing, echo, exchange, readAll, someBytes, until, World } from './world.ts'

const LISTEN = { name: 'web', type: 'tcp', listen: '127.0.0.1:0' } as const

/** Of a connection that still waits when the test ends. */
const unused = (): void => undefined

/** What connections that wait, and the PROXY protocol, must do, whatever the session. */
export function poolCases(makePair: MakePair): void {
  const run = (body: (world: World) => Promise<void>) => (): Promise<void> => World.run(makePair, body)
  const pooled = (connect: string, more: object = {}) =>
    ({ name: 'web', type: 'tcp', connect, retries: 0, pool: { count: 2 }, ...more }) as const
  const open = async (world: World, backend: Backend, more: object = {}): Promise<void> => {
    await world.open([LISTEN], [pooled(backend.address, more)])
    await until(() => backend.accepted === 2)
  }

  describe('a pool of connections', () => {
    it(
      'gives one that waits, and makes another',
      run(async (world) => {
        const backend = await world.backend(echo)
        await open(world, backend)
        const bytes = someBytes(3 * 1024 * 1024)
        assertSame(await exchange(world.connect(), bytes), bytes)
        await until(() => backend.accepted === 3)
        await until(() => world.answering.status()[0]!.open === 0)
        const { bytesIn, bytesOut } = world.answering.status()[0]!
        assert.deepEqual([bytesIn, bytesOut], [bytes.length, bytes.length])
      }),
    )

    it(
      'delivers what the target says by itself, and both ends',
      run(async (world) => {
        const backend = await world.backend((socket) => {
          socket.write('greeting ')
          readAll(socket).then((said) => socket.end(said), unused)
        })
        await open(world, backend)
        assert.equal((await exchange(world.connect(), 'answer')).toString(), 'greeting answer')
      }),
    )

    it(
      'serves a target that hears all before it answers, and one that never answers',
      run(async (world) => {
        const heard: string[] = []
        const onHeard = (said: Buffer): void => void heard.push(said.toString())
        const backend = await world.backend((socket) => {
          readAll(socket)
            .then(onHeard, unused)
            .then(() => socket.end())
        })
        await open(world, backend)
        assert.equal((await exchange(world.connect(), 'once')).length, 0)
        assert.deepEqual(heard, ['once'])
      }),
    )

    it(
      'outlives a restart of the target',
      run(async (world) => {
        const first = await world.backend(echo)
        const { port } = first
        await open(world, first)
        assert.equal((await exchange(world.connect(), 'one')).toString(), 'one')
        await until(() => first.accepted === 3)
        await first.close()
        assert.equal(await closing(world.connect()), 'ECONNRESET')
        await world.backend(echo, port)
        for (const word of ['two', 'three', 'four']) {
          assert.equal((await exchange(world.connect(), word)).toString(), word)
        }
      }),
    )

    it(
      'tries once more where the one that waited was dead already',
      run(async (world) => {
        let count = 0
        const backend = await world.backend((socket) => {
          if (++count > 2) echo(socket)
          else socket.once('data', () => socket.resetAndDestroy())
        })
        await open(world, backend)
        const bytes = someBytes(1000)
        assertSame(await exchange(world.connect(), bytes), bytes)
        await until(() => world.answering.status()[0]!.open === 0)
        const { bytesIn, errors } = world.answering.status()[0]!
        assert.deepEqual({ bytesIn, errors }, { bytesIn: 1000, errors: {} })
      }),
    )

    it(
      'does not try again once there was an answer',
      run(async (world) => {
        const backend = await world.backend((socket) => {
          socket.once('data', () => socket.write('half', () => setTimeout(() => socket.resetAndDestroy(), 5)))
        })
        await open(world, backend)
        const socket = world.connect()
        socket.write('x')
        assert.equal(await closing(socket), 'ECONNRESET')
      }),
    )

    it(
      'replaces those that waited too long',
      run(async (world) => {
        const backend = await world.backend(echo)
        await world.open([LISTEN], [pooled(backend.address, { pool: { count: 2, keepalive: 20 } })])
        await until(() => backend.accepted >= 6)
        assert.equal((await exchange(world.connect(), 'x')).toString(), 'x')
      }),
    )
  })

  describe('the PROXY protocol', () => {
    for (const version of ['v1', 'v2'] as const) {
      for (const pool of [{ count: 0 }, { count: 2 }]) {
        it(
          `tells the target who connects: ${version}, ${pool.count} connections wait`,
          run(async (world) => {
            const backend = await world.backend(echo)
            await world.open(
              [LISTEN],
              [pooled(backend.address, { pool, proxyProtocol: version, listener: '198.51.100.7:80' })],
            )
            await until(() => backend.accepted === pool.count)
            const socket = world.connect()
            await once(socket, 'connect')
            const header = proxyHeader(version, `127.0.0.1:${socket.localPort}`, '198.51.100.7:80')
            const answer = await exchange(socket, 'hello')
            assert.equal(answer.toString('latin1'), header.toString('latin1') + 'hello')
          }),
        )
      }
    }

    it(
      'names the target as destination when no other is given',
      run(async (world) => {
        const backend = await world.backend(echo)
        await world.open([LISTEN], [pooled(backend.address, { pool: undefined, proxyProtocol: 'v1' })])
        const socket = world.connect()
        await once(socket, 'connect')
        const { localPort } = socket
        const answer = await exchange(socket, '')
        assert.equal(answer.toString(), `PROXY TCP4 127.0.0.1 127.0.0.1 ${localPort} ${backend.port}\r\n`)
      }),
    )
  })
}
