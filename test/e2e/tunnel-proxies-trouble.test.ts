import assert from 'node:assert/strict'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { after, before, describe, it } from 'node:test'
import type { PathStatus } from '../../src/tunnel/status.ts'
import { testCertificate } from '../transport/certificate.ts'
import { freePort } from '../transport/free-port.ts'
import { HttpProxy } from '../transport/http-proxy.ts'
import { SocksServer } from '../transport/socks-server.ts'
import { listen } from '../tunnel/world.ts'
import { pathOf, type TunnelProcess, TunnelProcesses } from './tunnel-processes.ts'
import { echoed, echoServer } from './tunnel-traffic.ts'

const LIMIT = { timeout: 280_000 }
const SECRET = 'merula-9-secret'
/** Milliseconds that the slow proxy takes: longer than a path needs that has been up before. */
const SLOWNESS = 2500

/** A way to a port on which nothing is said for a while at first; what goes by it can be cut. */
class SlowWay {
  readonly #sockets = new Set<Socket>()
  readonly #server: Server

  constructor(to: number) {
    this.#server = createServer((from) => {
      this.#keep(from)
      from.pause()
      setTimeout(() => {
        if (from.destroyed) return
        const onward = this.#keep(connect(to, '127.0.0.1'))
        from.pipe(onward).pipe(from)
        for (const [one, other] of [
          [from, onward],
          [onward, from],
        ] as const)
          one.on('close', () => other.destroy())
      }, SLOWNESS)
    })
  }

  listen(): Promise<number> {
    return listen(this.#server)
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy()
  }

  close(): void {
    this.#server.close()
    this.cut()
  }

  #keep(socket: Socket): Socket {
    this.#sockets.add(socket)
    return socket.on('error', () => undefined).on('close', () => this.#sockets.delete(socket))
  }
}

describe('a tunnel client beside proxies that do not work', LIMIT, () => {
  const processes = new TunnelProcesses()
  const closing: { close(): void }[] = []
  let refusing: number
  let slow: SlowWay
  let client: TunnelProcess

  const closed = <T extends { close(): void }>(one: T): T => {
    closing.push(one)
    return one
  }

  before(async () => {
    const echo = closed(await echoServer())
    const server = await processes.start(
      'server',
      'server',
      `listen: ["127.0.0.1:0"]
users: [{ name: ada, password: ${SECRET} }]
services: [{ name: web, type: tcp, connect: "127.0.0.1:${echo.port}" }]
`,
    )
    refusing = await freePort()
    const good = closed(await SocksServer.start())
    slow = closed(new SlowWay(good.port))
    const mute = {
      socks5: closed(await SocksServer.start({ isMute: true })),
      http: closed(await HttpProxy.start({ isMute: true })),
    }
    const forbidding = closed(await HttpProxy.start({ answer: 'HTTP/1.1 403 Forbidden\r\n\r\n' }))
    const secure = closed(await HttpProxy.start({ tls: await testCertificate() }))
    const ways = {
      refused: `socks5://ada:${SECRET}@127.0.0.1:${refusing}`,
      'mute-socks5': `socks5://127.0.0.1:${mute.socks5.port}", connect-timeout: "1s`,
      'mute-http': `http://127.0.0.1:${mute.http.port}", connect-timeout: "1s`,
      slow: `socks5://127.0.0.1:${await slow.listen()}`,
      other: `http://ada:${SECRET}@127.0.0.1:${good.port}`,
      forbidden: `http://127.0.0.1:${forbidding.port}`,
      untrusted: `https://127.0.0.1:${secure.port}`,
      nowhere: `tcp://127.0.0.1:${await freePort()}`,
    }
    const paths = Object.entries(ways).map(
      ([name, url]) => `  - { name: ${name}, remote: "127.0.0.1:${server.port}", proxy: "${url}" }`,
    )
    client = await processes.start(
      'client',
      'client',
      `user: ada
password: ${SECRET}
paths:
${paths.join('\n')}
  - { name: direct, remote: "127.0.0.1:${server.port}" }
services: [{ name: web, type: tcp, listen: "127.0.0.1:0" }]
`,
    )
  })
  after(async () => {
    await processes.close()
    for (const one of closing) one.close()
  })

  const carries = async (): Promise<void> => assert.ok(await echoed(client.portOf('web'), 300_000))

  it('is held up by none of them', async () => {
    await client.untilPath('direct', ({ state }) => state === 'up')
    await carries()
    const { sessions } = await client.status()
    for (const { name, connections } of sessions[0]!.paths) {
      // A machine may be slower than the slow one.
      if (name !== 'slow') assert.equal(connections, name === 'direct' ? 1 : 0, name)
    }
  })

  const reasons = {
    refused: ['ERR_PROXY', /^Cannot reach the proxy 127\.0\.0\.1:\d+: nothing listens there, ECONNREFUSED/],
    'mute-socks5': ['ETIMEDOUT', /^the proxy 127\.0\.0\.1:\d+ did not answer within 1 s/],
    'mute-http': ['ETIMEDOUT', /^the proxy 127\.0\.0\.1:\d+ did not answer within 1 s/],
    other: ['ERR_PROXY', /^Cannot speak with the proxy 127\.0\.0\.1:\d+: /],
    forbidden: [
      'ERR_PROXY_REFUSED',
      /through the proxy 127\.0\.0\.1:\d+: the proxy will not; it answered "403 Forbidden"/,
    ],
    untrusted: ['ERR_PROXY', /TLS failed: self.signed certificate; say in proxy-ca which authority it is from/],
    nowhere: ['ECONNREFUSED', /^Cannot reach 127\.0\.0\.1:\d+ by way of 127\.0\.0\.1:\d+: nothing listens there/],
  } as const
  it('says of each what is wrong', async () => {
    for (const [name, [code, why]] of Object.entries(reasons)) {
      const { state, last_error } = await client.untilPath(name, (path) => path.last_error !== null)
      assert.ok(state === 'waiting' || state === 'connecting', `${name} is ${state}`)
      assert.equal(last_error!.code, code)
      assert.match(last_error!.message, why)
    }
    const { code, stdout } = await processes.run('status', '--control', client.control)
    assert.equal(code, 0)
    for (const said of [`${stdout}`, client.running.stderr, JSON.stringify(await client.status())]) {
      assert.doesNotMatch(said, new RegExp(SECRET))
    }
  })

  it('takes one that comes to life', async () => {
    closed(await SocksServer.start({ port: refusing, login: { user: 'ada', password: SECRET } }))
    const { last_error } = await client.untilPath('refused', ({ state }) => state === 'up')
    assert.equal(last_error, null)
    await alone('refused')
  })

  it('takes a slow one, and takes it again after a break', async () => {
    const isUp = (times: number) => (path: PathStatus) => path.state === 'up' && path.connections === times
    await client.untilPath('slow', isUp(1))
    slow.cut()
    await carries()
    await client.untilPath('slow', isUp(2))
    await alone('slow')
  })

  /** One path carries all. */
  async function alone(only: string): Promise<void> {
    const before = await client.status()
    for (const { name } of before.sessions[0]!.paths) {
      await client.ask('paths-set', { name, role: name === only ? 'primary' : 'never' })
    }
    await carries()
    const { sent_bytes } = pathOf(await client.status(), only)
    assert.ok(sent_bytes - pathOf(before, only).sent_bytes >= 300_000)
  }
})
