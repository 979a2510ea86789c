import assert from 'node:assert/strict'
import type { ChildProcess } from 'node:child_process'
import { chmodSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { formatProxy, type Login, type PathProxy } from '../../src/transport/proxy.ts'
import { proxyUnavailable, REAL_PROXIES, type RealProxy, startProxy, stopProxy } from '../real/proxies.ts'
import { testCertificate } from '../transport/certificate.ts'
import { freePort } from '../transport/free-port.ts'
import { records } from './command.ts'
import { pathOf, type TunnelProcess, TunnelProcesses } from './tunnel-processes.ts'
import { echoed, echoServer } from './tunnel-traffic.ts'

const LIMIT = { timeout: 280_000 }
const LOGIN: Login = { user: 'ada', password: 'merula-9-secret' }
const WRONG: Login = { user: 'ada', password: 'picus-5-guess' }
const TUNNEL_PASSWORD = 'corvus-7-secret'
const SECRETS = new RegExp(`${LOGIN.password}|${WRONG.password}|${TUNNEL_PASSWORD}`)
const SIZE = 300_000

/** A path of the client, and the proxy that it goes through. */
interface Way {
  readonly name: string
  readonly proxy: PathProxy
}

const LOGINS = [undefined, LOGIN] as const
const nameOf = ({ name }: RealProxy, kind: string, login: Login | undefined): string =>
  [name, kind, ...(login === undefined ? [] : ['password'])].join('-')
const urlOf = ({ kind, host, port, login }: PathProxy): string =>
  `${kind}://${login === undefined ? '' : `${login.user}:${login.password}@`}${host}:${port}`

describe('a tunnel client through the proxies of Debian', LIMIT, () => {
  const processes = new TunnelProcesses()
  const children: ChildProcess[] = []
  const ways: Way[] = []
  let echo: Awaited<ReturnType<typeof echoServer>>
  let client: TunnelProcess

  before(async () => {
    echo = await echoServer()
    const server = await processes.start(
      'server',
      'server',
      `listen: ["127.0.0.1:0"]
users: [{ name: ada, password: ${TUNNEL_PASSWORD} }]
limits: { max-paths: 32 }
services: [{ name: web, type: tcp, connect: "127.0.0.1:${echo.port}" }]
`,
    )
    const authority = join(processes.folder, 'cert.pem')
    const { cert, key } = await testCertificate()
    writeFileSync(authority, cert)
    writeFileSync(join(processes.folder, 'key.pem'), key)
    // Some give up root, and read their files later.
    chmodSync(processes.folder, 0o755)
    const real = REAL_PROXIES.filter((each) => proxyUnavailable(each) === undefined)
    await Promise.all(real.flatMap((each) => LOGINS.map((login) => open(each, login, server.port))))
    const wrong = ways
      .filter(({ proxy: { login } }) => login !== undefined)
      .map(({ name, proxy }) => ({ name: `${name}-wrong`, proxy: { ...proxy, login: WRONG } }))
    const paths = [...wrong, ...ways].map(
      ({ name, proxy }) =>
        `  - { name: ${name}, remote: "127.0.0.1:${server.port}", proxy: "${urlOf(proxy)}"` +
        `${proxy.kind === 'https' ? ', proxy-ca: cert.pem' : ''} }`,
    )
    client = await processes.start(
      'client',
      'client',
      `user: ada
password: ${TUNNEL_PASSWORD}
paths:
${paths.join('\n')}
  - { name: direct, remote: "127.0.0.1:${server.port}" }
services: [{ name: web, type: tcp, listen: "127.0.0.1:0" }]
`,
    )
  })
  after(async () => {
    await processes.close()
    await Promise.all(children.map(stopProxy))
    echo.close()
  })

  /** Starts a proxy that leads to the server, and notes the ways through it. */
  async function open(real: RealProxy, login: Login | undefined, target: number): Promise<void> {
    const folder = join(processes.folder, nameOf(real, 'files', login))
    mkdirSync(folder)
    const ports = await Promise.all(real.kinds.map(() => freePort()))
    const files = { certificate: join(processes.folder, 'cert.pem'), key: join(processes.folder, 'key.pem') }
    children.push(await startProxy(real, { folder, ports, login, targets: [target], ...files }))
    for (const [i, kind] of real.kinds.entries()) {
      ways.push({ name: nameOf(real, kind, login), proxy: { kind, host: '127.0.0.1', port: ports[i]!, login } })
    }
  }

  /** One path carries all, in both directions; the server hears of it a little later than it is said here. */
  async function alone(only: string): Promise<void> {
    for (const { name } of (await client.status()).sessions[0]!.paths) {
      await client.ask('paths-set', { name, role: name === only ? 'primary' : 'never' })
    }
    for (let isHeard = false; !isHeard; ) {
      const before = pathOf(await client.status(), only)
      assert.ok(await echoed(client.portOf('web'), SIZE))
      const { sent_bytes, received_bytes } = pathOf(await client.status(), only)
      assert.ok(sent_bytes - before.sent_bytes >= SIZE)
      isHeard = received_bytes - before.received_bytes >= SIZE
    }
  }

  for (const real of REAL_PROXIES) {
    const skip = proxyUnavailable(real)
    for (const login of LOGINS) {
      for (const kind of real.kinds) {
        const name = nameOf(real, kind, login)
        it(`carries everything by ${name} alone`, { skip }, async () => {
          await client.untilPath(name, ({ state }) => state === 'up')
          await alone(name)
          const { way } = pathOf(await client.status(), name)
          const { proxy } = ways.find((each) => each.name === name)!
          assert.equal(way, `through ${formatProxy(proxy)}`)
        })

        if (login === undefined) continue
        it(`says that ${name} does not know us, and goes on without it`, { skip }, async () => {
          const wrong = `${name}-wrong`
          const { last_error } = await client.untilPath(wrong, (path) => path.last_error !== null)
          assert.equal(last_error!.code, 'ERR_PROXY_AUTH')
          assert.match(
            last_error!.message,
            /^the proxy 127\.0\.0\.1:\d+ does not let us in: user name or password is wrong \(/,
          )
        })
      }
    }
  }

  it('shows how each is, and no password', async () => {
    const [text, json] = await Promise.all([
      processes.run('status', '--control', client.control),
      processes.run('status', '--control', client.control, '--json'),
    ])
    assert.equal(text.code, 0)
    assert.equal(records(json)[0]!['mode'], 'client')
    for (const said of [`${text.stdout}`, `${json.stdout}`, client.running.stdout, client.running.stderr]) {
      assert.doesNotMatch(said, SECRETS)
    }
  })
})
