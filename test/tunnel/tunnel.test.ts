import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { connect, createServer } from 'node:net'
import { describe, it } from 'node:test'
import { below, seededRng } from '../../src/base/rng.ts'
import { until, World } from './world.ts'

const digest = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

/** Sends octets and ends; what came back. */
function roundTrip(port: number, bytes: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    socket.on('data', (chunk) => chunks.push(chunk))
    socket.on('end', () => resolve(Buffer.concat(chunks)))
    socket.on('error', reject)
    socket.end(bytes)
  })
}

async function withWorld(paths: number, body: (world: World) => Promise<void>, options = {}): Promise<void> {
  const world = await World.create(paths, options)
  try {
    await body(world)
  } finally {
    await world.close()
  }
}

describe('a tunnel', () => {
  for (const paths of [1, 3]) {
    it(`carries connections over ${paths} path(s), every octet`, () =>
      withWorld(paths, async ({ port }) => {
        const bytes = randomBytes(4_000_000)
        const [first, hello, second] = await Promise.all([
          roundTrip(port, bytes),
          roundTrip(port, Buffer.from('hello')),
          roundTrip(port, bytes),
        ])
        assert.equal(digest(first), digest(bytes))
        assert.equal(hello.toString(), 'hello')
        assert.equal(digest(second), digest(bytes))
      }))
  }

  it('loses nothing when either side closes at once after its last octet', () => {
    const bytes = randomBytes(300_000)
    // It says all it has and ends, whatever it is told.
    const backend = createServer((socket) => {
      socket.on('error', () => undefined)
      socket.end(bytes)
      socket.resume()
    })
    return withWorld(
      4,
      async ({ port }) => {
        for (let i = 0; i < 50; i++) {
          const chunks: Buffer[] = []
          const socket = connect(port, '127.0.0.1')
          for await (const chunk of socket) chunks.push(chunk as Buffer)
          assert.equal(digest(Buffer.concat(chunks)), digest(bytes), `transfer ${i}`)
        }
      },
      { backend },
    )
  })

  it('goes on when all paths are cut, in the same session', () =>
    withWorld(2, async ({ port, client, server, relays }) => {
      const socket = connect({ port, host: '127.0.0.1' })
      const answer = (): Promise<string> =>
        new Promise((resolve) => socket.once('data', (bytes) => resolve(`${bytes}`)))
      socket.write('before')
      assert.equal(await answer(), 'before')
      for (const relay of relays) relay.cut()
      await until(() => client.paths.every(({ connections, state }) => connections === 2 && state === 'up'))
      socket.write('after')
      assert.equal(await answer(), 'after')
      assert.equal(server.sessions.size, 1)
      socket.destroy()
    }))

  it('begins another session at once when the server has forgotten this one, and lets programs wait for it', () => {
    const said: string[] = []
    let ask = (): void => undefined
    const note = (line: string): void => {
      said.push(line)
      if (line === 'session is over') ask()
    }
    const log = { error: note, warn: note, info: note, debug: note }
    return withWorld(
      1,
      async (world) => {
        const { client, port } = world
        const early = new Promise<Buffer>((resolve, reject) => {
          ask = () => roundTrip(port, Buffer.from('early')).then(resolve, reject)
        })
        await world.restartServer()
        assert.equal((await early).toString(), 'early')
        await until(() => client.path('p0')!.connections === 2)
        assert.equal((await roundTrip(port, Buffer.from('hello'))).toString(), 'hello')
        ask = () => undefined
        assert.ok(said.includes('session is over'))
        // No pause: that the session is not known was no failure.
        assert.ok(!said.includes('cannot connect a path'), said.join('\n'))
        assert.equal(client.path('p0')!.attempts, 3)
      },
      { log },
    )
  })

  it('lets programs wait that connect while a server is away that was killed', () =>
    withWorld(2, async (world) => {
      const { client, port, relays } = world
      for (const relay of relays) {
        relay.silence(true)
        relay.cut()
      }
      await until(() => client.paths.every(({ path }) => path === undefined))
      const asked = ['one', 'two'].map((word) => roundTrip(port, Buffer.from(word)))
      await until(() => client.services.status()[0]!.open === 2)
      await world.restartServer()
      for (const relay of relays) relay.silence(false)
      assert.deepEqual((await Promise.all(asked)).map(String), ['one', 'two'])
    }))

  it('hurries the other paths when one of them is there again', () =>
    withWorld(2, async ({ client, relays }) => {
      const hurried = new Promise<void>((resolve) => {
        const other = client.path('p1')!
        const { hurry } = other
        other.hurry = () => {
          resolve()
          return hurry.call(other)
        }
      })
      for (const relay of relays) relay.silence(true)
      for (const relay of relays) relay.cut()
      relays[0]!.silence(false)
      await hurried
      relays[1]!.silence(false)
      await until(() => client.path('p1')!.state === 'up')
    }))

  it('ends a session that nothing has carried for as long as freeze says, and begins another', () =>
    withWorld(
      2,
      async ({ port, client, server, relays }) => {
        const socket = connect({ port, host: '127.0.0.1' })
        const closed = new Promise((resolve) => socket.on('close', resolve).on('error', () => undefined))
        socket.write('is there anybody?')
        for (const relay of relays) relay.silence(true)
        for (const relay of relays) relay.cut()
        await closed
        assert.equal(client.link.live, undefined)
        for (const relay of relays) relay.silence(false)
        await until(() => client.link.live !== undefined)
        assert.equal((await roundTrip(port, Buffer.from('hello'))).toString(), 'hello')
        assert.equal(server.sessions.size, 1)
      },
      { extra: 'freeze: 100ms,' },
    ))

  it('leaves a silent path for another, and takes it again when it speaks', () =>
    withWorld(2, async ({ port, client, relays }) => {
      const bytes = randomBytes(1_000_000)
      relays[0]!.silence(true)
      assert.equal(digest(await roundTrip(port, bytes)), digest(bytes))
      await until(() => client.path('p0')!.state !== 'up')
      relays[0]!.silence(false)
      await until(() => client.path('p0')!.state === 'up')
    }))

  const runs = Number(process.env['GOTCP_FAULT_RUNS'] ?? 6)
  for (let seed = 1; seed <= runs; seed++) {
    it(`loses and doubles nothing whatever happens to its paths, seed ${seed}`, () => {
      const rng = seededRng(seed)
      return withWorld(1 + below(rng, 4), async ({ port, relays }) => {
        let isOver = false
        const trouble = async (): Promise<void> => {
          while (!isOver) {
            await new Promise((resolve) => setTimeout(resolve, 20 + below(rng, 100)))
            const relay = relays[below(rng, relays.length)]!
            if (below(rng, 3) === 0) relay.cut()
            else relay.silence(below(rng, 3) === 0)
          }
          for (const relay of relays) relay.silence(false)
        }
        const troubled = trouble()
        // Silence is ended some time, else nothing would.
        const calm = setTimeout(() => {
          isOver = true
        }, 1500)
        const all = Array.from({ length: 4 }, () => randomBytes(200_000 + below(rng, 2_000_000)))
        const back = await Promise.all(all.map((bytes) => roundTrip(port, bytes)))
        isOver = true
        clearTimeout(calm)
        await troubled
        for (const [i, bytes] of all.entries()) assert.equal(digest(back[i]!), digest(bytes))
      })
    })
  }
})
