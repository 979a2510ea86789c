import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import { connected, exchange } from '../tunnel/daemon-pair.ts'
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

  it('says more with -v', async () => {
    const client = gotcp('client', '-v', '-c', clientFile(1))
    // The same failure twice: the second time is worth no more than that.
    await client.until(/ warn cannot connect a path path=one .*\n(.*\n)*?.* debug cannot connect a path path=one /)
    client.child.kill('SIGTERM')
    assert.equal((await client.ended).code, 0)
  })

  it('is asked and told by commands', async () => {
    const { client, port, serverPort } = await pair()
    const control = ['--control', join(folder, 'client.sock')]
    const socket = await connected(port)
    assert.equal(await exchange(socket, 'first'), 'first')

    const pinged = await run('ping', ...control, '-n', '2', '--interval', '0.01')
    assert.equal(pinged.code, 0)
    assert.match(pinged.stdout.toString(), /^one: seq=1 time=[\d.]+ ms\ntwo: seq=1 time=/)
    assert.match(pinged.stdout.toString(), /--- two: 2 sent, 2 answered, 0% lost\nround trip min\/avg\/max = /)

    const added = await run('paths', 'add', 'three', '--remote', `127.0.0.1:${serverPort}`, ...control, '--json')
    assert.deepEqual(records(added)[0]!['added'], ['three'])
    await client.until(/path is up path=three/)
    const limited = ['--connections', '2', '--rate', '10M', '--quota', '1G/day', '--role', 'never', '--json']
    const more = await run('paths', 'add', 'more', '--remote', `127.0.0.1:${serverPort}`, ...limited, ...control)
    assert.deepEqual(records(more)[0]!['added'], ['more-1', 'more-2'])
    for (const name of ['more-1', 'more-2']) assert.equal((await run('paths', 'remove', name, ...control)).code, 0)
    const own = ['paths', 'add', 'own', '--remote', `127.0.0.1:${serverPort}`, '--ip', '192.0.2.9/24', ...control]
    assert.match((await run(...own)).stderr, /--ip and --gateway are of our own stack; give --via IFACE/)
    assert.equal((await run(...own, '--via', 'nowhere0', '--gateway', '192.0.2.1')).code, 0)
    await client.until(/cannot connect a path path=own why="No interface is called/)
    assert.equal((await run('paths', 'remove', 'own', ...control)).code, 0)
    assert.equal((await run('paths', 'remove', 'one', ...control)).code, 0)
    assert.equal((await run('paths', 'set', 'three', '--role', 'never', ...control)).code, 0)
    const listed = (await run('paths', 'list', ...control)).stdout.toString()
    assert.match(listed, /^two +up +backup .*\nthree +up +never /)
    const wrong = await run('paths', 'remove', 'one', ...control)
    assert.equal(wrong.code, 2)
    assert.match(wrong.stderr, /There is no path "one"; there are two, three/)
    assert.equal(await exchange(socket, 'second'), 'second')

    clientFile(serverPort, { extra: 'log: debug' })
    const reloaded = await run('reload', ...control)
    assert.equal(reloaded.stdout.toString(), 'setting log changed\n')
    clientFile(serverPort, { extra: 'lag: debug' })
    client.child.kill('SIGHUP')
    await client.until(/reload: nothing was changed why=.*lag/)

    const stopped = await run('stop', ...control, '--drain', '0')
    assert.equal(stopped.code, 0)
    assert.match(stopped.stderr, /1 open; waiting for them to end\nstopped\n/)
    assert.equal((await client.ended).code, 0)
    const nobody = await run('status', ...control)
    assert.equal(nobody.code, 1)
    assert.match(nobody.stderr, /No daemon answers at .*client\.sock: there is no such socket/)
  })

  it('comes back by itself when the server was killed', async () => {
    const { server, client, port, serverPort } = await pair()
    const socket = await connected(port)
    assert.equal(await exchange(socket, 'hello'), 'hello')
    const isReset = new Promise<void>((resolve) => socket.on('error', () => undefined).on('close', () => resolve()))
    server.child.kill('SIGKILL')
    await server.ended
    assert.ok(existsSync(join(folder, 'server.sock')))
    await daemon('server', serverFile(serverPort))
    await isReset
    await client.until(/session has begun(.*\n)*.*session has begun/)
    const again = await connected(port)
    assert.equal(await exchange(again, 'again'), 'again')
    again.destroy()
  })

  it('ends with 1 and the reason when the server knows neither user nor password', async () => {
    const { running: server, start } = await daemon('server', serverFile())
    const ended = await run('client', '-c', clientFile(portOf(start.listening[0]!), { password: 'wrong-guess-1' }))
    assert.equal(ended.code, 1)
    assert.match(ended.stderr, /gotcp: .*user or password is wrong \(ERR_AUTH\)\n$/)
    assert.ok(!existsSync(join(folder, 'client.sock')))
    for (const text of [ended.stderr, server.stderr]) assert.doesNotMatch(text, /wrong-guess|corvus/)
  })

  it('keeps trying when nobody is there, says so, and runs once', async () => {
    const { running: client } = await daemon('client', clientFile(1))
    await client.until(/cannot connect a path path=one .*nothing listens there/)
    const { code, stdout } = await run('status', '--control', join(folder, 'client.sock'))
    assert.equal(code, 1)
    assert.match(stdout.toString(), /state: (down, tried again in|connecting)/)
    assert.match(stdout.toString(), /last error: .*nothing listens there/)
    const again = await run('client', '-c', join(folder, 'client.yaml'))
    assert.equal(again.code, 2)
    assert.match(again.stderr, new RegExp(`the daemon "client" \\(pid ${client.child.pid}\\) runs already`))
    const other = await run('server', '-c', join(folder, 'client.yaml'))
    assert.equal(other.code, 2)
    assert.match(other.stderr, /is a client's configuration; gotcp tunnel client -c/)
  })

  it('writes its state to the log on SIGUSR1 and SIGQUIT, no secret ever, and ends at once when told twice', async () => {
    const { server, client, port } = await pair()
    for (const each of [server, client]) {
      each.child.kill('SIGUSR1')
      await each.until(/info state \{.*\}\n/)
      const [, json] = /info state (\{.*\})\n/.exec(each.stderr)!
      assert.equal(JSON.parse(json!).state, 'running')
      each.child.kill('SIGQUIT')
      await each.until(/paths? up, 0 open; /)
    }
    const socket = await connected(port)
    assert.equal(await exchange(socket, 'hello'), 'hello')
    const broken = once(socket, 'error')
    client.child.kill('SIGINT')
    await client.until(/1 open/)
    client.child.kill('SIGINT')
    assert.equal((await client.ended).code, 130)
    assert.equal((await broken)[0].code, 'ECONNRESET')
    assert.match(client.stderr, /leaving at once/)
    assert.ok(!existsSync(join(folder, 'client.sock')))
    for (const each of [server, client]) assert.doesNotMatch(each.stderr + each.stdout, /corvus/)
  })
})

interface Start {
  readonly listening: readonly string[]
  readonly services: readonly { readonly name: string; readonly listening: string | null }[]
}

const portOf = (address: string): number => Number(/:(\d+)$/.exec(address)![1])
