import assert from 'node:assert/strict'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { after, before, describe, it } from 'node:test'
import { listen } from '../tunnel/world.ts'
import { areUp, type TunnelProcess, TunnelProcesses } from './tunnel-processes.ts'
import { type EchoServer, Exchange, echoed, echoServer } from './tunnel-traffic.ts'

const LIMIT = { timeout: 280_000 }

/** A way to a port, which can be taken away whole: what goes by it is reset, and nobody listens there any more. */
class Way {
  port = 0
  readonly #to: number
  readonly #sockets = new Set<Socket>()
  #server: Server | undefined

  constructor(to: number) {
    this.#to = to
  }

  async open(): Promise<void> {
    const server = createServer({ noDelay: true }, (from) => {
      const onward = connect({ port: this.#to, host: '127.0.0.1', noDelay: true })
      for (const [one, other] of [
        [from, onward],
        [onward, from],
      ] as const) {
        this.#sockets.add(one)
        one
          .on('error', () => undefined)
          .on('close', () => {
            this.#sockets.delete(one)
            other.destroy()
          })
        one.pipe(other)
      }
    })
    this.#server = server
    if (this.port === 0) this.port = await listen(server)
    else await new Promise<void>((resolve) => server.listen(this.port, '127.0.0.1', resolve))
  }

  close(): void {
    this.#server?.close()
    for (const socket of this.#sockets) socket.resetAndDestroy()
  }
}

describe('a tunnel whose ways are all taken away', LIMIT, () => {
  const processes = new TunnelProcesses()
  const ways: Way[] = []
  let echo: EchoServer

  before(async () => {
    echo = await echoServer()
  })
  after(async () => {
    await processes.close()
    for (const way of ways) way.close()
    echo.close()
  })

  /** A server that keeps the streams of who is gone for so long, and a client with two ways to it. */
  async function pair(freeze: string): Promise<{ server: TunnelProcess; client: TunnelProcess; ways: readonly Way[] }> {
    const server = await processes.start(
      `server-${freeze}`,
      'server',
      `listen: ["127.0.0.1:0"]
freeze: ${freeze}
users: [{ name: ada, password: secret-of-a-test }]
services: [{ name: web, type: tcp, connect: "127.0.0.1:${echo.port}" }]
`,
    )
    const its = [new Way(server.port), new Way(server.port)]
    ways.push(...its)
    for (const way of its) await way.open()
    const client = await processes.start(
      `client-${freeze}`,
      'client',
      `user: ada
password: secret-of-a-test
paths:
${its.map(({ port }, i) => `  - { name: p${i}, remote: "127.0.0.1:${port}" }`).join('\n')}
services: [{ name: web, type: tcp, listen: "127.0.0.1:0" }]
`,
    )
    await client.until(areUp)
    return { server, client, ways: its }
  }

  it('freezes, says so, and goes on with the first that is there again', async () => {
    const { server, client, ways: its } = await pair('2m')
    const all = await Promise.all(Array.from({ length: 4 }, () => Exchange.begin(client.portOf('web'))))
    for (const each of all) each.send(500_000)
    for (const way of its) way.close()
    for (const each of all) each.send(500_000)
    for (const end of [client, server]) await end.until(({ sessions }) => sessions[0]!.state === 'frozen')
    const { code, stdout } = await processes.run('status', '--control', client.control)
    assert.equal(code, 1)
    assert.match(`${stdout}`, /\n {2}state: frozen: .*, its streams wait, began /)
    assert.match(
      `${stdout}`,
      /\n {4}last error: Cannot reach 127\.0\.0\.1:\d+: nothing listens there \(ECONNREFUSED\)\n/,
    )
    await its[1]!.open()
    for (const each of all) await each.until(1_000_000)
    for (const each of all) assert.ok(await each.end())
    await its[0]!.open()
    const { sessions } = await client.until(areUp)
    assert.ok(sessions[0]!.paths.every(({ connections }) => connections === 2))
    assert.equal((await server.status()).sessions.length, 1)
  })

  it('ends its streams when they have waited for too long, and begins anew', async () => {
    const { server, client, ways: its } = await pair('500ms')
    const old = await Exchange.begin(client.portOf('web'))
    old.send(1000)
    await old.until(1000)
    for (const way of its) way.close()
    await server.until(({ sessions }) => sessions.length === 0)
    for (const way of its) await way.open()
    await assert.rejects(old.until(2000), /closed after 1000/)
    await client.until(({ sessions }) => sessions[0]!.state === 'up')
    assert.ok(await echoed(client.portOf('web'), 100_000))
  })
})
