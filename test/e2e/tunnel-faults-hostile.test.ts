import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TLSSocket } from 'node:tls'
import { channelBinding, secureClient } from '../../src/transport/tls.ts'
import { passwordCredentials } from '../../src/tunnel/auth/credentials.ts'
import type { HandshakeError } from '../../src/tunnel/auth/handshake-error.ts'
import type { ClientHandshakeOptions } from '../../src/tunnel/handshake/client.ts'
import { performClientHandshake } from '../../src/tunnel/handshake/perform.ts'
import { SessionSecret } from '../../src/tunnel/handshake/session-secret.ts'
import { areUp, type TunnelProcess, TunnelProcesses } from './tunnel-processes.ts'
import { type EchoServer, Exchange, echoServer, open } from './tunnel-traffic.ts'

const LIMIT = { timeout: 280_000 }
/** Connections that begin and go no further. The real thing: GOTCP_HALF_OPEN=10000. */
const HALF_OPEN = Number(process.env['GOTCP_HALF_OPEN'] ?? 300)
/** How many of them there are at once: more than the server takes. */
const AT_ONCE = 150
const PASSWORD = 'secret-of-a-test'
/** What memory may grow by, beside whatever is collected later. */
const GROWTH = 96 * 1_048_576

type Wish = ClientHandshakeOptions['wish']

describe('a server among strangers', LIMIT, () => {
  const processes = new TunnelProcesses()
  const sockets = new Set<Socket>()
  let echo: EchoServer
  let server: TunnelProcess
  let good: TunnelProcess

  before(async () => {
    echo = await echoServer()
    server = await processes.start('server', 'server', serverText())
    good = await client('ada')
  })
  after(async () => {
    for (const socket of sockets) socket.destroy()
    await processes.close()
    echo.close()
  })

  /** How long a handshake may take from now on. */
  async function allow(time: string): Promise<void> {
    processes.write('server', 'server', serverText(time))
    await server.ask('reload')
  }

  const serverText = (handshake = '5s'): string => `listen: ["127.0.0.1:0"]
metrics: "127.0.0.1:0"
users:
  - { name: ada, password: ${PASSWORD} }
  - { name: bob, password: ${PASSWORD}, services: other }
limits: { half-open: 100, ban-after: 3, connection-burst: 1000, handshake-timeout: ${handshake} }
services: [{ name: web, type: tcp, connect: "127.0.0.1:${echo.port}" }, { name: other, type: bench }]
`

  /** A client with two paths, both of them up. */
  async function client(user: string): Promise<TunnelProcess> {
    const started = await processes.start(
      user,
      'client',
      `user: ${user}
password: ${PASSWORD}
paths: [{ name: p, remote: "127.0.0.1:${server.port}", connections: 2 }]
services: [{ name: web, type: tcp, listen: "127.0.0.1:0" }]
`,
    )
    await started.until(areUp)
    return started
  }

  /** A connection from an address of its own: 127.0.0.0/8 has many. */
  async function from(address: string): Promise<Socket> {
    const socket = connect({ port: server.port, host: '127.0.0.1', localAddress: address, allowHalfOpen: true })
    await once(hold(socket), 'connect')
    return socket
  }

  async function secureFrom(address: string): Promise<TLSSocket> {
    const socket = await from(address)
    // It goes with what is laid over it.
    sockets.delete(socket)
    return hold(await secureClient(socket, { trust: { channel: true }, peer: 'the server' }))
  }

  function hold<S extends Socket>(socket: S): S {
    sockets.add(socket)
    return socket.on('error', () => undefined).on('close', () => sockets.delete(socket))
  }

  /** How a handshake from there fails. */
  async function fails(address: string, wish: Wish): Promise<string> {
    const socket = await secureFrom(address)
    return await performClientHandshake(socket, { wish, binding: channelBinding(socket) }).then(
      () => 'it does not',
      ({ failure }: HandshakeError) => failure,
    )
  }

  const as = (user: string, password: string): Wish => ({
    kind: 'authenticate',
    credentials: passwordCredentials(user, password),
    instance: randomBytes(16),
    credit: 65_536,
  })

  /** The server has ended it. */
  const closed = async (socket: Socket): Promise<void> => {
    if (!socket.closed && !socket.readableEnded) {
      await new Promise((resolve) => socket.resume().once('end', resolve).once('close', resolve))
    }
    socket.destroy()
  }

  /** What the server counts of handshakes, and of connections. */
  const counts = async (): Promise<Readonly<Record<string, number>>> => (await server.status()).handshakes
  const refusals = async (): Promise<number> => {
    const { protocol = 0, credentials = 0, binding = 0 } = await counts()
    return protocol + credentials + binding
  }
  const counted = (name: string, least = 1): Promise<unknown> =>
    server.until(({ handshakes }) => (handshakes[name] ?? 0) >= least)

  /** Octets that the server's process has in memory (proc(5)). */
  function memory(): number {
    const [, kilobytes] = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${server.running.child.pid}/status`, 'utf8'))!
    return Number(kilobytes) * 1024
  }

  /** The good client, which is at work all the while. */
  async function meanwhile(attack: () => Promise<void>): Promise<void> {
    let isOver = false
    const work = async (): Promise<void> => {
      const exchange = await Exchange.begin(good.portOf('web'))
      while (!isOver) {
        exchange.send(100_000)
        await exchange.until(exchange.sent)
        await sleep(5)
      }
      assert.ok(await exchange.end())
    }
    const working = work()
    try {
      await attack()
    } finally {
      isOver = true
    }
    await working
  }

  it('refuses a handshake that it has heard before', () =>
    meanwhile(async () => {
      const socket = await secureFrom('127.0.1.1')
      const said: Buffer[] = []
      const { write } = socket
      socket.write = (bytes: Uint8Array) => {
        said.push(Buffer.from(bytes))
        return write.call(socket, bytes)
      }
      await performClientHandshake(socket, { wish: as('bob', PASSWORD), binding: channelBinding(socket) })
      socket.destroy()
      assert.ok(said.length > 0)
      const refused = await refusals()
      const again = await secureFrom('127.0.1.2')
      for (const bytes of said) {
        // Each at its time: as an answer to what the server says.
        await Promise.race([once(again, 'data'), once(again, 'end')])
        again.write(bytes)
      }
      await closed(again)
      assert.equal(await refusals(), refused + 1)
    }))

  it('refuses who has no right password, or none at all, and bans who goes on guessing', () =>
    meanwhile(async () => {
      assert.equal(await fails('127.0.2.1', as('eve', PASSWORD)), 'credentials')
      for (const guess of ['guess-1', 'guess-2', 'guess-3', 'guess-4']) {
        assert.equal(await fails('127.0.2.2', as('ada', guess)), 'credentials')
      }
      await counted('ban')
      await assert.rejects(secureFrom('127.0.2.2'))
      await counted('banned')
    }))

  it('refuses who joins a session that he does not know', () =>
    meanwhile(async () => {
      const session = { id: randomBytes(16), secret: new SessionSecret(randomBytes(32)) }
      assert.equal(await fails('127.0.3.1', { kind: 'join', session, pathId: 1 }), 'session')
      await counted('session')
    }))

  it('refuses a service that the user may not open, each time', async () => {
    const bob = await client('bob')
    for (let i = 0; i < 3; i++) {
      const socket = open(bob.portOf('web')).on('error', () => undefined)
      socket.write('let me in')
      await closed(socket)
    }
    const { refusals } = await server.until(({ refusals }) => refusals.forbidden >= 3)
    assert.equal(refusals.forbidden, 3)
    await bob.kill()
  })

  it(`outlives ${HALF_OPEN} that begin and go no further, and those that speak slowly, or nonsense`, async (t) => {
    const before = memory()
    // So that nobody here waits for long.
    await allow('500ms')
    await meanwhile(async () => {
      for (let begun = 0; begun < HALF_OPEN; begun += AT_ONCE) {
        const crowd = Array.from({ length: Math.min(AT_ONCE, HALF_OPEN - begun) }, async (_, i) => {
          const address = `127.1.${i % 250}.${1 + (begun % 250)}`
          // Some say nothing at all; some finish TLS, and say nothing then, or the beginning of something.
          if (i % 5 !== 0) return await from(address)
          const socket = await secureFrom(address).catch(() => undefined)
          if (i % 10 === 0) socket?.write(Uint8Array.of(2, 0))
          return socket
        })
        for (const socket of await Promise.all(crowd)) if (socket !== undefined) void closed(socket)
      }
      const nonsense = await from('127.0.4.1')
      nonsense.write('GET / HTTP/1.1\r\n\r\n')
      await closed(nonsense)
      const loris = await secureFrom('127.0.4.2')
      const slowly = setInterval(() => loris.write(Uint8Array.of(2)), 100)
      await closed(loris)
      clearInterval(slowly)
      for (const each of sockets) await closed(each)
    })
    await allow('5s')
    const { timeout = 0, displaced = 0 } = await counts()
    assert.ok(timeout + displaced > 0)
    const text = await (await fetch(`http://${server.started.metrics}/metrics`)).text()
    assert.match(text, /^gotcp_tunnel_handshakes_total\{result="displaced"\} \d+$/m)
    assert.match(text, /^gotcp_tunnel_connections_total\{result="(late|displaced)"\} [1-9]/m)
    const grown = memory() - before
    t.diagnostic(`memory has grown by ${Math.round(grown / 1024)} KiB; ${JSON.stringify(await counts())}`)
    assert.ok(grown < GROWTH)
    await good.until(areUp)
  })

  it('is as before, and has said nothing that is secret', async () => {
    await meanwhile(() => sleep(0))
    const { code, stdout } = await processes.run('status', '--control', server.control)
    assert.equal(code, 0)
    assert.match(`${stdout}`, /\n {2}handshakes: .*\d+ ban, .*\d+ with a wrong user or password, /)
    for (const said of [server.running.stderr, `${stdout}`]) assert.doesNotMatch(said, new RegExp(`${PASSWORD}|guess-`))
  })
})
