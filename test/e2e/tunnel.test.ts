import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import { type Ended, MAIN, Running, records } from './command.ts'

const PASSWORD = 'corvus-7-secret'

describe('gotcp tunnel as processes', () => {
  let folder: string
  let backend: Server
  const started: Running[] = []

  const gotcp = (...args: readonly string[]): Running => {
    const running = new Running(undefined, [process.execPath, MAIN, 'tunnel', ...args])
    started.push(running)
    return running
  }
  const run = (...args: readonly string[]): Promise<Ended> => {
    const running = gotcp(...args)
    running.child.stdin.end()
    return running.ended
  }
  const write = (name: string, text: string): string => {
    const file = join(folder, name)
    writeFileSync(file, text)
    return file
  }

  before(async () => {
    backend = createServer({ allowHalfOpen: true }, (socket) => {
      socket.on('error', () => undefined)
      socket.pipe(socket)
    })
    await new Promise<void>((resolve) => backend.listen(0, '127.0.0.1', resolve))
  })
  after(() => void backend.close())
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'gotcp-ops-'))
  })
  afterEach(async () => {
    for (const each of started.splice(0)) {
      each.child.kill('SIGKILL')
      await each.ended
    }
    rmSync(folder, { recursive: true, force: true })
  })

  const serverFile = (port = 0, extra = ''): string =>
    write(
      'server.yaml',
      `mode: server
listen: ["127.0.0.1:${port}"]
state: state
control: server.sock
users: [{ name: ada, password: ${PASSWORD} }]
services: [{ name: web, type: tcp, connect: "127.0.0.1:${(backend.address() as AddressInfo).port}" }]
${extra}`,
    )
  const clientFile = (port: number, { password = PASSWORD, extra = '' } = {}): string =>
    write(
      'client.yaml',
      `mode: client
user: ada
password: ${password}
state: state
control: client.sock
paths:
  - { name: one, remote: "127.0.0.1:${port}" }
  - { name: two, remote: "127.0.0.1:${port}", role: backup }
services: [{ name: web, type: tcp, listen: "127.0.0.1:0" }]
${extra}`,
    )

  /** Starts a daemon; what its first record says. */
  async function daemon(mode: 'server' | 'client', file: string): Promise<{ running: Running; start: Start }> {
    const running = gotcp(mode, '-c', file, '--json')
    await running.until(/"event":"start".*\n/)
    return { running, start: JSON.parse(running.stdout.split('\n')[0]!) }
  }

  async function pair(): Promise<{ server: Running; client: Running; port: number; serverPort: number }> {
    const { running: server, start } = await daemon('server', serverFile())
    const serverPort = portOf(start.listening[0]!)
    const { running: client, start: first } = await daemon('client', clientFile(serverPort))
    await client.until(/path is up path=one/)
    return { server, client, port: portOf(first.services[0]!.listening!), serverPort }
  }

  it('carries connections, tells how it is, and drains when it is told to end', async () => {
    const { server, client, port } = await pair()
    const socket = await connected(port)
    assert.equal(await exchange(socket, 'hello'), 'hello')

    const text = await run('status', '--control', join(folder, 'client.sock'))
    assert.equal(text.code, 0)
    const shown = text.stdout.toString()
    assert.match(shown, /^tunnel: client\n {2}mode: client, pid \d+, up for /)
    assert.match(shown, /\n {2}path: one\n {4}state: up for .*\n {4}endpoint: 127\.0\.0\.1:\d+, directly\n/)
    assert.match(shown, /\n {2}path: two\n(.*\n)+? {4}role: backup\n/)
    assert.match(shown, /\nservice: web\n {2}tcp-listen: 127\.0\.0\.1:\d+\n {2}streams: 1 open, 1 in all\n/)

    const [status] = records(await run('status', '--json', '-c', join(folder, 'server.yaml')))
    assert.equal(status!['v'], 1)
    assert.equal(status!['mode'], 'server')
    const [session] = status!['sessions'] as { user: string; open: number; paths: { share: number }[] }[]
    assert.equal(session!.user, 'ada')
    assert.equal(session!.open, 1)
    const shares = session!.paths.map(({ share }) => share)
    assert.ok(Math.abs(shares.reduce((a, b) => a + b, 0) - 1) < 1e-9, `shares ${shares}`)

    client.child.kill('SIGTERM')
    await client.until(/1 open; they may end by themselves/)
    await assert.rejects(connected(port), { code: 'ECONNREFUSED' })
    assert.equal(await exchange(socket, 'again'), 'again')
    socket.end()
    assert.equal((await client.ended).code, 0)
    server.child.kill('SIGTERM')
    assert.equal((await server.ended).code, 0)
    assert.ok(!existsSync(join(folder, 'client.sock')) && !existsSync(join(folder, 'server.sock')))
  })

  it('ends at once when it is told twice', async () => {
    const { client, port } = await pair()
    const socket = await connected(port)
    assert.equal(await exchange(socket, 'hello'), 'hello')
    socket.on('error', () => undefined)
    client.child.kill('SIGINT')
    await client.until(/1 open/)
    client.child.kill('SIGINT')
    const { code, stderr } = await client.ended
    assert.equal(code, 130)
    assert.match(stderr, /leaving at once/)
    assert.ok(!existsSync(join(folder, 'client.sock')))
  })

  it('ends with 1 and the reason when the server knows neither user nor password', async () => {
    const { running: server, start } = await daemon('server', serverFile())
    const ended = await run('client', '-c', clientFile(portOf(start.listening[0]!), { password: 'wrong-guess-1' }))
    assert.equal(ended.code, 1)
    assert.match(ended.stderr, /gotcp: .*user or password is wrong \(ERR_AUTH\)\n$/)
    assert.ok(!existsSync(join(folder, 'client.sock')))
    for (const text of [ended.stderr, server.stderr]) assert.doesNotMatch(text, /wrong-guess|corvus/)
  })

  it('keeps trying when nobody is there, and says so', async () => {
    const { running: client } = await daemon('client', clientFile(1))
    await client.until(/cannot connect a path path=one .*nothing listens there/)
    const { code, stdout } = await run('status', '--control', join(folder, 'client.sock'))
    assert.equal(code, 1)
    assert.match(stdout.toString(), /state: (down, tried again in|connecting)/)
    assert.match(stdout.toString(), /last error: .*nothing listens there/)
  })

  it('says which daemon runs already, and refuses the file of the other side', async () => {
    const { running } = await daemon('client', clientFile(1))
    const again = await run('client', '-c', join(folder, 'client.yaml'))
    assert.equal(again.code, 2)
    assert.match(again.stderr, new RegExp(`the daemon "client" \\(pid ${running.child.pid}\\) runs already`))
    const other = await run('server', '-c', join(folder, 'client.yaml'))
    assert.equal(other.code, 2)
    assert.match(other.stderr, /is a client's configuration; gotcp tunnel client -c/)
  })

  it('writes its whole state to the log on SIGUSR1, a line of it on SIGQUIT, and no secret ever', async () => {
    const { server, client } = await pair()
    for (const each of [server, client]) {
      each.child.kill('SIGUSR1')
      await each.until(/info state \{.*\}\n/)
      const [, json] = /info state (\{.*\})\n/.exec(each.stderr)!
      assert.equal(JSON.parse(json!).state, 'running')
      each.child.kill('SIGQUIT')
      await each.until(/paths? up, 0 open; /)
    }
    client.child.kill('SIGTERM')
    await client.ended
    for (const each of [server, client]) assert.doesNotMatch(each.stderr + each.stdout, /corvus/)
  })
})

interface Start {
  readonly listening: readonly string[]
  readonly services: readonly { readonly name: string; readonly listening: string | null }[]
}

const portOf = (address: string): number => Number(/:(\d+)$/.exec(address)![1])

function connected(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true })
    socket.once('connect', () => resolve(socket))
    socket.once('error', reject)
  })
}

/** Says something and hears as much. */
function exchange(socket: Socket, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    let heard = ''
    const onData = (part: Buffer): void => {
      heard += part
      if (heard.length < text.length) return
      socket.off('data', onData)
      resolve(heard)
    }
    socket.on('data', onData)
    socket.once('close', () => reject(new Error('closed')))
    socket.write(text)
  })
}
