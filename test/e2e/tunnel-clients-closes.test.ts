import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { listen } from '../tunnel/world.ts'
import { areUp, type TunnelProcess, TunnelProcesses } from './tunnel-processes.ts'
import { echoed, open } from './tunnel-traffic.ts'

const LIMIT = { timeout: 280_000 }
const MIB = 1_048_576
/** Octets of each transfer. The real thing: GOTCP_TRANSFER_MB=100, or 1000. */
const SIZE = Number(process.env['GOTCP_TRANSFER_MB'] ?? 2) * MIB

/** Writes so many octets, as fast as they are taken; their digest once the last is written. */
async function pour(socket: Socket, size: number): Promise<string> {
  const hash = createHash('sha256')
  const block = randomBytes(MIB)
  for (let left = size; left > 0; left -= block.length) {
    // Each block is another, or a lost one and a doubled one would make up for each other.
    block.writeUInt32BE(left / MIB)
    const bytes = Buffer.from(block.subarray(0, Math.min(left, block.length)))
    hash.update(bytes)
    if (!socket.write(bytes)) await once(socket, 'drain')
  }
  return hash.digest('hex')
}

/** Reads to the end, in good order. @throws when it does not come to that */
function drained(socket: Socket): Promise<string> {
  const hash = createHash('sha256')
  return new Promise((resolve, reject) => {
    socket.on('data', (bytes) => hash.update(bytes))
    socket.on('end', () => resolve(hash.digest('hex'))).on('error', reject)
  })
}

/** Resolves once so many octets have come. */
function arrived(socket: Socket, size: number): Promise<void> {
  let left = size
  return new Promise((resolve) => {
    socket.on('data', ({ length }: Buffer) => {
      left -= length
      if (left <= 0) resolve()
    })
  })
}

/** How reading ends. */
const fateOf = (socket: Socket): Promise<string> =>
  drained(socket).then(
    () => 'a good end',
    ({ code }: NodeJS.ErrnoException) => `${code}`,
  )

describe('transfers through a tunnel', LIMIT, () => {
  const processes = new TunnelProcesses()
  const servers: Server[] = []
  /** What the backend says of each connection that it had, in turn. */
  let said: Promise<string>[] = []
  let client: TunnelProcess

  /** What the other side does with a connection; what comes of it is kept. */
  const backends: Readonly<Record<string, (socket: Socket) => Promise<string>>> = {
    echo: (socket) => {
      socket.pipe(socket)
      return Promise.resolve('')
    },
    /** Takes everything, and answers with its digest. */
    sink: async (socket) => {
      const digest = await drained(socket)
      socket.end(digest)
      return digest
    },
    /** Says all it has, and is gone at once; whatever it is told. */
    source: async (socket) => {
      socket.resume()
      const digest = await pour(socket, SIZE)
      socket.end()
      return digest
    },
    /** Breaks off in the middle, when it is told that all of the first half is there. */
    breaker: async (socket) => {
      await pour(socket, MIB)
      await arrived(socket, 1)
      socket.resetAndDestroy()
      return ''
    },
    /** Tells that the first half is there, and then what befalls it. */
    victim: (socket) => {
      void arrived(socket, MIB).then(() => socket.write('.'))
      return fateOf(socket)
    },
  }

  before(async () => {
    const services: string[] = []
    for (const [name, serve] of Object.entries(backends)) {
      const backend = createServer({ allowHalfOpen: true }, (socket) => {
        socket.on('error', () => undefined)
        const what = serve(socket)
        what.catch(() => undefined)
        said.push(what)
      })
      servers.push(backend)
      services.push(`  - { name: ${name}, type: tcp, connect: "127.0.0.1:${await listen(backend)}" }`)
    }
    const server = await processes.start(
      'server',
      'server',
      `listen: ["127.0.0.1:0"]
users: [{ name: ada, password: secret-of-a-test }]
services:
${services.join('\n')}
`,
    )
    client = await processes.start(
      'client',
      'client',
      `user: ada
password: secret-of-a-test
paths: [{ name: p, remote: "127.0.0.1:${server.port}", connections: 6 }]
services:
${Object.keys(backends)
  .map((name) => `  - { name: ${name}, type: tcp, listen: "127.0.0.1:0" }`)
  .join('\n')}
`,
    )
    await client.until(areUp)
  })
  after(async () => {
    await processes.close()
    for (const server of servers) server.close()
  })

  const to = (service: string): Socket => open(client.portOf(service)).on('error', () => undefined)

  for (const paths of [6, 3, 2, 1]) {
    it(`over ${paths} path(s) are whole, whoever closes and however`, async () => {
      for (let i = paths + 1; i <= 6; i++) {
        const name = `p-${i}`
        const isThere = (await client.status()).sessions[0]!.paths.some((path) => path.name === name)
        if (isThere) await client.ask('paths-remove', { name })
      }
      said = []
      // Our side closes, half of it first: the other answers when it has everything.
      const up = to('sink')
      const sent = await pour(up, SIZE)
      up.end()
      const answer = createHash('sha256').update(sent).digest('hex')
      assert.equal(await drained(up), answer)
      assert.equal(await said[0], sent)

      // The other side closes at once after its last octet; ours says nothing, or has said before that it will say nothing.
      for (const isEnded of [false, true]) {
        said = []
        const down = to('source')
        if (isEnded) down.end()
        const received = await drained(down)
        assert.equal(received, await said[0])
        down.destroy()
      }

      // Both ways at once.
      const both = to('echo')
      const back = drained(both)
      const there = await pour(both, SIZE)
      both.end()
      assert.equal(await back, there)
    })
  }

  it('that are broken off look so at the other side, and never like an end', async () => {
    for (let i = 0; i < 5; i++) {
      const broken = to('breaker')
      const fate = fateOf(broken)
      await arrived(broken, MIB)
      broken.write('.')
      assert.equal(await fate, 'ECONNRESET')

      said = []
      const breaking = to('victim')
      await pour(breaking, MIB)
      await arrived(breaking, 1)
      breaking.resetAndDestroy()
      assert.equal(await said[0], 'ECONNRESET')
    }
    await client.until(({ services }) => services.every(({ open }) => open === 0))
    assert.ok(await echoed(client.portOf('echo'), MIB))
  })
})
