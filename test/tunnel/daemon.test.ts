import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { askDaemon } from '../../src/tunnel/control/control-client.ts'
import type { TunnelStatus } from '../../src/tunnel/status.ts'
import { connected, DaemonPair, exchange, type Subject, until } from './daemon-pair.ts'

const pathsOf = ({ sessions }: TunnelStatus) => sessions[0]!.paths

describe('Daemon', () => {
  let pair: DaemonPair
  before(async () => {
    pair = await DaemonPair.open()
  })
  after(() => pair.close())

  const ask = (who: 'server' | 'client', command: string, args: object = {}): Promise<unknown> =>
    askDaemon(join(pair.folder, `${who}.sock`), { command, ...args })

  it('reloads without touching the streams of what stays', async () => {
    const { client, server } = pair
    const socket = await connected(client.portOf('web'))
    assert.equal(await exchange(socket, 'before'), 'before')
    server.text = pair
      .serverText()
      .replace('services: [', `services: [{ name: other, type: tcp, connect: "127.0.0.1:${pair.backendPort}" }, `)
    client.text = pair
      .clientText()
      .replace('services: [', 'services: [{ name: other, type: tcp, listen: "127.0.0.1:0" }, ')
    for (const each of [server, client]) {
      assert.deepEqual(await each.daemon.reload(), {
        changes: [{ kind: 'service', name: 'other', change: 'added' }],
        restart_needed: [],
      })
    }
    const other = await connected(client.portOf('other'))
    assert.equal(await exchange(other, 'new'), 'new')
    other.destroy()
    client.text = pair.clientText()
    assert.deepEqual((await client.daemon.reload()).changes, [{ kind: 'service', name: 'other', change: 'removed' }])
    assert.deepEqual(
      client.daemon.status().services.map(({ name }) => name),
      ['web'],
    )
    assert.equal(await exchange(socket, 'after'), 'after')
    assert.deepEqual((await client.daemon.reload()).changes, [])
    socket.destroy()
  })

  it('changes nothing when the file has mistakes, and says why', async () => {
    const { client } = pair
    const before = client.daemon.config
    client.text = pair.clientText('schedular: backup')
    await assert.rejects(client.daemon.reload(), { code: 'ERR_CONFIG' })
    await assert.rejects(ask('client', 'reload'), { code: 'ERR_CONFIG', message: /schedular/ })
    assert.equal(client.daemon.config, before)
    assert.ok(client.said.lines.some((line) => line.startsWith('error reload: nothing was changed')))
    client.text = pair.clientText()
  })

  it('tries again at the next reload what could not be had at this one', async () => {
    const { client } = pair
    const taken = client.portOf('web')
    client.text = pair
      .clientText()
      .replace('services: [', `services: [{ name: more, type: tcp, listen: "127.0.0.1:${taken}" }, `)
    for (let time = 0; time < 2; time++) {
      const { changes } = await client.daemon.reload()
      assert.equal(changes.length, 1)
      assert.equal(changes[0]!.change, 'failed')
      assert.match(changes[0]!.why!, /something listens there already/)
    }
    client.text = pair.clientText()
    assert.deepEqual((await client.daemon.reload()).changes, [])
  })

  it('names what needs a restart for as long as it does', async () => {
    const { server } = pair
    server.text = pair.serverText('window: 8M\nlog: debug\nscheduler: redundant')
    const { changes, restart_needed } = await server.daemon.reload()
    assert.ok(restart_needed.includes('window'))
    const settings = changes.filter(({ kind }) => kind === 'setting').map(({ name }) => name)
    assert.deepEqual(settings.sort(), ['log', 'scheduler'])
    assert.equal(server.said.level, 'debug')
    assert.ok(server.daemon.status().restart_needed.includes('window'))
    assert.ok((await server.daemon.reload()).restart_needed.includes('window'))
    server.text = pair.serverText('log: { level: warn, file: elsewhere.log }')
    const moved = await server.daemon.reload()
    assert.deepEqual(moved.restart_needed, ['log'])
    assert.equal(server.said.level, 'warn')
    server.text = pair.serverText()
    await server.daemon.reload()
    assert.deepEqual(server.daemon.status().restart_needed, [])
  })

  it('lets a user go whose name is not there any more, and in again when it is', async () => {
    const { server, client } = pair
    server.text = pair.serverText().replace('name: ada', 'name: bob')
    await server.daemon.reload()
    await until(() => client.daemon.status().sessions[0]!.state === 'down')
    assert.equal(server.daemon.status().sessions.length, 0)
    server.text = pair.serverText()
    await server.daemon.reload()
    await pair.client.daemon.stop(0)
    pair.client = await pair.subject('client.yaml', pair.clientText()).start()
    await until(() => pathsOf(pair.client.daemon.status()).every(({ state }) => state === 'up'))
  })

  it('adds, sets and removes paths while it runs', async () => {
    const { client } = pair
    const socket = await connected(client.portOf('web'))
    const path = { name: 'three', remote: pair.serverAddress, role: 'backup' }
    assert.deepEqual(await ask('client', 'paths-add', { path }), { added: ['three'] })
    await until(() => pathsOf(client.daemon.status()).every(({ state }) => state === 'up'))
    await ask('client', 'paths-set', { name: 'three', role: 'primary', weight: 2 })
    const three = pathsOf(client.daemon.status())[2]!
    assert.deepEqual([three.name, three.role, three.weight], ['three', 'primary', 2])
    const text = 'whatever the path '.repeat(100_000)
    for (const name of ['one', 'two']) {
      const heard = exchange(socket, text)
      assert.deepEqual(await ask('client', 'paths-remove', { name }), { removed: name })
      assert.ok((await heard) === text, `what was under way when ${name} went is whole`)
    }
    assert.equal(await exchange(socket, 'by three'), 'by three')
    const warnings = (): number => client.daemon.status().warnings.filter((text) => text.includes('never')).length
    assert.equal(warnings(), 0)
    await ask('client', 'paths-set', { name: 'three', role: 'never' })
    assert.equal(warnings(), 1, 'nothing may carry anything')
    await ask('client', 'paths-set', { name: 'three', role: 'primary' })
    assert.equal(await exchange(socket, 'and again'), 'and again')
    socket.destroy()
  })

  it('refuses paths that make no sense with a code and the reason', async () => {
    for (const [args, code, message] of [
      [{ path: { name: 'three', remote: pair.serverAddress } }, 'EINVAL', /There is a path "three" already/],
      [{ path: { name: 'four', remote: 'nowhere' } }, 'ERR_CONFIG', /remote: /],
      [{ path: 'four' }, 'EINVAL', /mapping/],
    ] as const) {
      await assert.rejects(ask('client', 'paths-add', args), { code, message })
    }
    await assert.rejects(ask('client', 'paths-remove', { name: 'nine' }), {
      code: 'EINVAL',
      message: /there are three/,
    })
    await assert.rejects(ask('client', 'paths-set', { name: 'three', role: 'main' }), { code: 'EINVAL' })
    await assert.rejects(ask('client', 'paths-set', { name: 'three', weight: 0 }), { code: 'EINVAL' })
    await assert.rejects(ask('server', 'paths-remove', { name: 'three' }), { message: /ask the client/ })
    await assert.rejects(ask('server', 'dance'), { code: 'EINVAL', message: /there are hello, status/ })
  })

  it('measures round trips on both sides', async () => {
    const [three] = (await ask('client', 'ping')) as { path: string; rtt_ms: number }[]
    assert.equal(three!.path, 'three')
    assert.ok(three!.rtt_ms > 0)
    const there = (await ask('server', 'ping')) as { path: string; rtt_ms: number }[]
    assert.match(there[0]!.path, /^ada\/\d+$/)
    assert.ok(there[0]!.rtt_ms > 0)
    await assert.rejects(ask('client', 'ping', { path: 'one' }), { code: 'EINVAL', message: /there are three/ })
    await assert.rejects(ask('server', 'ping', { path: 'ada/99' }), { code: 'ENOTCONN' })
  })

  it('says at both ends, once, that a service is not there', async () => {
    const { client, server } = pair
    client.text = pair
      .clientText()
      .replace('services: [', 'services: [{ name: odd, service: nosuch, type: tcp, listen: "127.0.0.1:0" }, ')
    await client.daemon.reload()
    const told = ({ said }: Subject): readonly string[] =>
      said.lines.filter((line) => line.startsWith('warn') && line.includes('"service":"nosuch"'))
    for (let time = 0; time < 2; time++) {
      const socket = await connected(client.portOf('odd'))
      await assert.rejects(exchange(socket, 'is there anybody?'), /closed|ECONNRESET/)
      await until(() => told(server).length > 0 && told(client).length > 0)
    }
    assert.match(
      told(server).join('\n'),
      /^warn cannot open what a client asks for: there is no service .*"user":"ada"/,
    )
    assert.match(told(client).join('\n'), /^warn the server does not open a service to us/)
    assert.deepEqual([told(server).length, told(client).length], [1, 1])
  })

  it('tells the two ends of a path that do not agree about TLS', async () => {
    const clear = pair.subject('clear.yaml', `${pair.serverText('tls: false').replace('server.sock', 'clear.sock')}`)
    await clear.start()
    const limits = 'limits: { handshake-timeout: 100ms }'
    const secure = pair.subject('secure.yaml', pair.serverText(limits).replace('server.sock', 'secure.sock'))
    await secure.start()
    const add = (name: string, to: Subject, tls: boolean): Promise<unknown> =>
      ask('client', 'paths-add', { path: { name, remote: to.daemon.status().listening[0], tls } })
    await add('clear', secure, false)
    await add('secure', clear, true)
    const errorOf = (name: string): string =>
      pathsOf(pair.client.daemon.status()).find((path) => path.name === name)?.last_error?.message ?? ''
    await until(() => errorOf('clear') !== '' && errorOf('secure') !== '')
    assert.match(errorOf('clear'), /with "tls: false" here, the server must listen so, too/)
    assert.match(errorOf('secure'), /speaks no TLS/)
    assert.ok(clear.said.lines.some((line) => /not let in.*TLS, which is off here/.test(line)))
    for (const name of ['clear', 'secure']) await ask('client', 'paths-remove', { name })
  })

  it("names in the server's log whoever did not get in", async () => {
    const stranger = pair.clientText().replace('user: ada', 'user: eve adams').replace('client.sock', 'eve.sock')
    const eve = await pair.subject('eve.yaml', stranger).start()
    await assert.rejects(eve.daemon.ended, { code: 'ERR_AUTH' })
    const line = pair.server.said.lines.find((each) => each.includes('eve'))
    assert.match(line ?? '', /^info somebody was not let in .*user or password is wrong: \\"eve adams\\"/)
  })

  it('says hello while it drains, and ends when it is told to', async () => {
    pair.client.text = pair
      .clientText()
      .replace('services: [', 'services: [{ name: names, type: udp, listen: "127.0.0.1:0" }, ')
    await pair.client.daemon.reload()
    const socket = await connected(pair.client.portOf('web'))
    assert.equal(await exchange(socket, 'hello'), 'hello')
    assert.deepEqual(await ask('client', 'stop', { drain: 60_000 }), { open: 1 })
    const draining = (await ask('client', 'status')) as TunnelStatus
    assert.equal(draining.state, 'draining')
    await assert.rejects(ask('client', 'reload'), { code: 'ERR_CLOSED' })
    socket.end()
    await pair.client.daemon.ended
    await assert.rejects(ask('client', 'hello'), { code: 'ECONNREFUSED' })
    const { services } = pair.client.daemon.status()
    assert.deepEqual(
      services.map(({ name, listening }) => [name, listening]),
      draining.services.map(({ name, listening }) => [name, listening]),
    )
    const [web] = services.filter(({ name }) => name === 'web')
    assert.deepEqual([web!.open, web!.sent_bytes >= 5], [0, true])
  })

  it('answers that it stops even if nothing holds it up', async () => {
    const idle = await pair.subject('idle.yaml', pair.serverText().replace('server.sock', 'idle.sock')).start()
    assert.deepEqual(await askDaemon(join(pair.folder, 'idle.sock'), { command: 'stop' }), { open: 0 })
    await idle.daemon.ended
  })
})
