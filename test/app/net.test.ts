import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, describe, it } from 'node:test'
import { Running } from '../e2e/command.ts'
import { selfSigned } from '../net/certificate.ts'
import { createLab, type LabHost, labUnavailable } from '../real/netns.ts'

const LIMIT = { timeout: 60_000 }
const APP = join(import.meta.dirname, '../../app/net')
const PEERS = join(import.meta.dirname, 'net-peers.js')
const skip = labUnavailable()

describe('app/net, against the kernel', { skip }, () => {
  const lab = skip === undefined ? createLab({ hosts: ['node1'] }) : undefined
  const folder = skip === undefined ? mkdtempSync(join(tmpdir(), `gotcp-app-net-${process.pid}-`)) : ''
  after(() => {
    lab?.close()
    rmSync(folder, { recursive: true, force: true })
  })
  const host = (): LabHost => lab!.host('node1')

  const started = new Set<Running>()
  // What a test that failed has left would have the ports of the next.
  afterEach(async () => {
    for (const { child } of started) child.kill('SIGKILL')
    await Promise.all([...started].map(({ ended }) => ended))
    started.clear()
  })

  function start(...argv: readonly string[]): Running {
    const running = new Running(host(), argv)
    started.add(running)
    return running
  }

  /** Starts one of the examples; `sign` says that it is there. */
  async function example(name: string, args: readonly string[] = [], sign = /listening/): Promise<Running> {
    const running = start(process.execPath, join(APP, `${name}.js`), ...args)
    await running.until(sign)
    return running
  }

  async function stop(running: Running): Promise<void> {
    running.child.kill('SIGTERM')
    await running.ended
  }

  /** What a program on the kernel's side prints. */
  const outside = (...argv: readonly string[]): string => host().run(argv[0]!, ...argv.slice(1))
  const peer = async (name: string, ...args: readonly string[]): Promise<Running> => {
    const running = start(process.execPath, PEERS, name, ...args)
    await running.until(/ready/)
    return running
  }

  /** Files with a certificate for a name and an address, and its key. */
  function credentials(name: string, address: string): readonly [string, string] {
    const { cert, key } = selfSigned(name, address)
    const files = [join(folder, `${name}.pem`), join(folder, `${name}-key.pem`)] as const
    writeFileSync(files[0], cert)
    writeFileSync(files[1], key)
    return files
  }

  it('http.js answers curl', LIMIT, async () => {
    const server = await example('http')
    assert.equal(outside('curl', '-s', 'http://10.0.0.2:8080/a'), 'GET /a, 10.0.0.1\n')
    await stop(server)
  })

  it('https.js answers curl, which knows its certificate', LIMIT, async () => {
    const files = credentials('stack.example', '10.0.0.2')
    const server = await example('https', files)
    assert.equal(outside('curl', '-s', '--cacert', files[0], 'https://10.0.0.2:8443/'), 'hello over TLS\n')
    await stop(server)
  })

  it('http-client.js asks servers of the kernel, on a connection each', LIMIT, async () => {
    const files = credentials('kernel.example', '10.0.0.1')
    const [plain, secure] = [await peer('http-server'), await peer('https-server', ...files)]
    const args = ['http://10.0.0.1:8000/', 'https://10.0.0.1:8443/', files[0]]
    const { ended } = await example('http-client', args, /as it is/)
    const { code, stdout } = await ended
    const expected = [
      'new 200: answer to /first',
      'kept 200: answer to /second',
      'kept 200: answer to /third with a body',
      'new 200: answer to /first',
      'kept 200: answer to /second',
      'kept 101: as it is',
    ]
    assert.deepEqual([code, `${stdout}`.trimEnd().split('\n')], [0, expected])
    assert.deepEqual([plain.stdout, secure.stdout], ['ready\na connection\n', 'ready\na connection\n'])
    await Promise.all([stop(plain), stop(secure)])
  })

  it('tls.js serves a client of the kernel, which knows its certificate', LIMIT, async () => {
    const files = credentials('stack.example', '10.0.0.2')
    const server = await example('tls', files)
    assert.equal(outside(process.execPath, PEERS, 'tls-client', files[0]), 'hello 10.0.0.1, this is TLSv1.3\n')
    await stop(server)
  })

  it('tls.js asks a server of the kernel, whose certificate it knows', LIMIT, async () => {
    const files = credentials('kernel.example', '10.0.0.1')
    const server = await peer('tls-server', ...files)
    const { ended } = await example('tls', [files[0]], /echo/)
    const { code, stdout } = await ended
    assert.deepEqual([code, `${stdout}`], [0, 'secured: 10.0.0.1:8000, TLSv1.3\necho: hello\n'])
    await stop(server)
  })

  it('websocket.js serves a client of the kernel', LIMIT, async () => {
    const server = await example('websocket')
    const said = outside(process.execPath, PEERS, 'websocket-client', 'ws://10.0.0.2:8080/')
    assert.equal(said, 'pong: are you there\ntext: text\nbinary: true\nclosed: 1000\n')
    await stop(server)
  })

  it('websocket.js asks a server of the kernel', LIMIT, async () => {
    const server = await peer('websocket-server')
    const { ended } = await example('websocket', ['ws://10.0.0.1:8000/'], /echo: hello/)
    assert.equal((await ended).code, 0)
    await stop(server)
  })

  it('fastify.js answers curl', LIMIT, async () => {
    const server = await example('fastify')
    assert.equal(outside('curl', '-s', 'http://10.0.0.2:8080/hello/you'), '{"hello":"you","from":"10.0.0.1"}')
    const post = ['-s', '-H', 'content-type: application/json', '-d', '[1,2,3]', 'http://10.0.0.2:8080/sum']
    assert.equal(outside('curl', ...post), '{"sum":6}')
    await stop(server)
  })

  it('undici.js fetches from a server of the kernel', LIMIT, async () => {
    const server = await peer('http-server')
    const paths = Array.from({ length: 30 }, (_, i) => `/${i}`)
    const { ended } = await example(
      'undici',
      paths.map((path) => `http://10.0.0.1:8000${path}`),
      /answer/,
    )
    const { code, stdout } = await ended
    assert.deepEqual([code, `${stdout}`.trimEnd().split('\n')], [0, paths.map((path) => `answer to ${path}`)])
    await stop(server)
  })

  it('redis.js speaks with a server of the kernel', LIMIT, async () => {
    const server = await peer('redis-server')
    const { ended } = await example('redis', ['8000'], /hello/)
    const { code, stdout } = await ended
    assert.deepEqual([code, `${stdout}`], [0, 'hello from the stack 100\n'])
    await stop(server)
  })

  it('web-streams.js sends as an echo of the kernel reads, and has all of it back', LIMIT, async () => {
    // Four buffers of 4 MiB are on the way, two of them the kernel's, which may be larger by default.
    for (const name of ['rmem', 'wmem']) host().sysctl(`ipv4.tcp_${name}`, '4096 131072 4194304')
    const server = await peer('late-echo')
    const { ended } = await example('web-streams', ['8000'], /came back/)
    const { code, stdout } = await ended
    const [, received, sent, most] = /^(\d+) of (\d+) lines came back, at most (\d+) were/.exec(`${stdout}`)!
    assert.deepEqual([code, received], [0, sent])
    assert.ok(Number(most) < Number(sent) / 3, `${stdout}`)
    await stop(server)
  })

  it('dgram.js answers a client of the kernel', LIMIT, async () => {
    const server = await example('dgram')
    assert.equal(outside(process.execPath, PEERS, 'dgram-client'), '10.0.0.2:7 5 true\n10.0.0.2:7 60000 true\n')
    await stop(server)
  })

  it('dgram.js asks an echo of the kernel', LIMIT, async () => {
    const server = await peer('dgram-echo')
    const { ended } = await example('dgram', ['8000'], /20000/)
    const { code, stdout } = await ended
    const expected = [5, 1400, 20_000].map((size) => `${size} bytes from 10.0.0.1:8000\n`)
    assert.deepEqual([code, `${stdout}`], [0, expected.join('')])
    await stop(server)
  })

  const ROWS = '[{"greeting":"hello from the stack","number":42}]\n'

  it('postgres.js speaks with a small server of the kernel', LIMIT, async () => {
    const server = await peer('postgres-server')
    const { ended } = await example('postgres', ['8000'], /greeting/)
    const { code, stdout } = await ended
    assert.deepEqual([code, `${stdout}`], [0, ROWS])
    await stop(server)
  })

  const programs = postgresPrograms()
  it('postgres.js speaks with PostgreSQL', {
    ...LIMIT,
    skip: programs === undefined && 'it is not installed',
  }, async () => {
    const data = join(folder, 'data')
    const id = (flag: string): number => Number(spawnSync('id', [flag, 'postgres'], { encoding: 'utf8' }).stdout)
    chownSync(folder, id('-u'), id('-g'))
    const asUser = ['setpriv', '--reuid=postgres', '--regid=postgres', '--clear-groups']
    const made = spawnSync(asUser[0]!, [...asUser.slice(1), join(programs!, 'initdb'), '-D', data, '-A', 'trust', '-N'])
    assert.equal(made.status, 0, `${made.stderr}`)
    writeFileSync(join(data, 'pg_hba.conf'), 'host all all 10.0.0.0/24 trust\n')
    const server = start(...asUser, join(programs!, 'postgres'), '-D', data, '-p', '8000', '-h', '*', '-k', '')
    await server.until(/ready to accept/)
    const { ended } = await example('postgres', ['8000'], /greeting/)
    const { code, stdout } = await ended
    assert.deepEqual([code, `${stdout}`], [0, ROWS])
    await stop(server)
  })
})

/** Where Debian's PostgreSQL has its programs. */
function postgresPrograms(): string | undefined {
  const root = '/usr/lib/postgresql'
  const versions = existsSync(root) ? readdirSync(root) : []
  return versions.map((version) => join(root, version, 'bin')).find((path) => existsSync(join(path, 'postgres')))
}
