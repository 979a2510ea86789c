import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createLab, type Lab, type LabHost, labUnavailable } from '../real/netns.ts'
import { pathOf, type TunnelProcess, TunnelProcesses } from './tunnel-processes.ts'
import { type EchoServer, Exchange, echoed, echoServer } from './tunnel-traffic.ts'

const LIMIT = { timeout: 280_000 }
/** Seconds that all lines are gone. The real thing: GOTCP_CUT_SECONDS=30. */
const CUT = Number(process.env['GOTCP_CUT_SECONDS'] ?? 3)
/** The server's addresses, on no line: both lines lead there, and the kernel prefers the first. */
const SERVER = '10.9.9.9'
const MOVED = '10.9.9.8'
const PORT = 7000

describe('a tunnel over lines of its own', { ...LIMIT, skip: labUnavailable() }, () => {
  const processes = new TunnelProcesses()
  const hosts = join(processes.folder, 'hosts')
  const at = join(processes.folder, 'client-web.sock')
  let lab: Lab
  let here: LabHost
  let there: LabHost
  let echo: EchoServer
  let server: TunnelProcess
  let client: TunnelProcess

  before(async () => {
    lab = createLab({ hosts: ['here', 'one', 'two', 'there'] })
    here = lab.host('here')
    there = lab.host('there')
    for (const [i, line] of [
      [1, 'one'],
      [2, 'two'],
    ] as const) {
      lab.veth('here', line, { here: `10.${i}.0.1/24`, [line]: `10.${i}.0.2/24` }, { name: `eth${i}` })
      lab.veth(line, 'there', { [line]: `10.${i + 2}.0.1/24`, there: `10.${i + 2}.0.2/24` }, { name: `far${i}` })
      lab.host(line).ip('route', 'add', '10.9.9.0/24', 'via', `10.${i + 2}.0.2`)
      there.ip('route', 'add', `10.${i}.0.0/24`, 'via', `10.${i + 2}.0.1`)
      silence(line, false)
      route(i)
    }
    lab.veth('here', 'there', { here: '10.5.0.1/24', there: '10.5.0.2/24' }, { name: 'eth5' })
    here.ip('link', 'set', 'eth5', 'down')
    for (const address of [SERVER, MOVED]) there.ip('addr', 'add', `${address}/32`, 'dev', 'lo')
    here.ip('rule', 'add', 'from', '10.2.0.1', 'table', '102')

    const backend = join(processes.folder, 'backend.sock')
    echo = await echoServer(backend)
    server = await processes.start(
      'server',
      'server',
      `listen: ["*:${PORT}"]
users: [{ name: ada, password: secret-of-a-test }]
services: [{ name: web, type: tcp, connect: "unix:${backend}" }]
`,
      { host: there },
    )
    writeFileSync(hosts, `${SERVER} server.test\n`)
    client = await processes.start(
      'client',
      'client',
      `user: ada
password: secret-of-a-test
paths:
  - { name: interface, remote: "server.test:${PORT}", interface: eth1 }
  - { name: local, remote: "server.test:${PORT}", local: 10.2.0.1 }
  - { name: late, remote: "10.5.0.2:${PORT}", interface: eth5 }
  - { name: own, remote: "server.test:${PORT}", via: { interface: eth2, ip: 10.2.0.9/24, gateway: 10.2.0.2 } }
services: [{ name: web, type: tcp, listen: "unix:${at}" }]
`,
      { host: here, hosts },
    )
    await allUp()
  })
  after(async () => {
    await processes.close()
    echo.close()
    lab.close()
  })

  /** A line that drops what it is given, and tells nobody. */
  const silence = (line: 'one' | 'two', isSilent: boolean): void =>
    lab.host(line).sysctl('ipv4.ip_forward', isSilent ? 0 : 1)
  /** The kernel forgets it when the interface goes down. */
  const route = (i: number): void => {
    const way = ['default', 'via', `10.${i}.0.2`, 'dev', `eth${i}`]
    here.ip('route', 'replace', ...way, 'metric', `${i}00`)
    here.ip('route', 'replace', ...way, 'table', `10${i}`)
  }
  const allUp = () =>
    client.until(({ sessions }) => sessions[0]!.paths.every(({ name, state }) => name === 'late' || state === 'up'))
  /** Octets that an interface has sent (proc_net_dev(5): the ninth figure). */
  const sent = (name: string): number =>
    Number(new RegExp(`${name}:(?:\\s+\\d+){8}\\s+(\\d+)`).exec(here.run('cat', '/proc/net/dev'))![1])

  it('goes by an interface, from an address, and by our own stack', async () => {
    const endpoints = (await server.status()).sessions[0]!.paths.map(({ endpoint }) => endpoint.replace(/:\d+$/, ''))
    assert.deepEqual(endpoints.sort(), ['10.1.0.1', '10.2.0.1', '10.2.0.9'])
    for (const [only, line] of [
      ['interface', 'eth1'],
      ['local', 'eth2'],
      ['own', 'eth2'],
    ] as const) {
      for (const name of ['interface', 'local', 'own']) {
        await client.ask('paths-set', { name, role: name === only ? 'primary' : 'never' })
      }
      const before = sent(line)
      assert.ok(await echoed(at, 300_000))
      assert.ok(sent(line) - before > 300_000, `${only} goes by ${line}`)
    }
    for (const name of ['interface', 'local', 'own']) await client.ask('paths-set', { name, role: 'primary' })
  })

  it('goes on without a line that falls silent, and takes it again', async (t) => {
    const all = await Promise.all(Array.from({ length: 4 }, () => Exchange.begin(at)))
    for (const each of all) each.send(500_000)
    silence('one', true)
    for (const each of all) each.send(500_000)
    await Promise.all(all.map((each) => each.until(1_000_000)))
    await client.untilPath('interface', ({ state }) => state !== 'up')
    silence('one', false)
    const began = performance.now()
    await client.untilPath('interface', ({ state }) => state === 'up')
    t.diagnostic(`up again after ${Math.round(performance.now() - began)} ms`)
    const { sent_bytes } = pathOf(await client.status(), 'interface')
    const carries = (): Promise<boolean> =>
      client.status().then((status) => pathOf(status, 'interface').sent_bytes > sent_bytes + 65_536)
    while (!(await carries())) {
      for (const each of all) each.send(50_000)
      await Promise.all(all.map((each) => each.until(each.sent)))
    }
    t.diagnostic(`carries again after ${Math.round(performance.now() - began)} ms`)
    for (const each of all) assert.ok(await each.end())
  })

  it(`waits while all lines are gone for ${CUT} s, and loses nothing`, async (t) => {
    const { since } = (await client.status()).sessions[0]!
    const all = await Promise.all(Array.from({ length: 8 }, () => Exchange.begin(at)))
    for (const each of all) each.send(400_000)
    silence('one', true)
    silence('two', true)
    for (const each of all) each.send(400_000)
    await sleep(CUT * 1000)
    for (const each of all) each.send(400_000)
    silence('one', false)
    silence('two', false)
    const began = performance.now()
    await Promise.all(all.map((each) => each.until(1_200_000)))
    t.diagnostic(`everything there after ${Math.round(performance.now() - began)} ms`)
    for (const each of all) assert.ok(await each.end())
    await allUp()
    t.diagnostic(`all paths up after ${Math.round(performance.now() - began)} ms`)
    assert.equal((await client.status()).sessions[0]!.since, since)
  })

  for (const [device, i] of [
    ['eth1', 1],
    ['eth2', 2],
  ] as const) {
    it(`goes on while ${device} is down, and takes it again`, async (t) => {
      const each = await Exchange.begin(at)
      each.send(300_000)
      here.ip('link', 'set', device, 'down')
      each.send(300_000)
      await each.until(600_000)
      for (const name of i === 1 ? ['interface'] : ['local', 'own']) {
        await client.untilPath(name, ({ state }) => state !== 'up')
      }
      here.ip('link', 'set', device, 'up')
      route(i)
      const began = performance.now()
      await allUp()
      t.diagnostic(`up again after ${Math.round(performance.now() - began)} ms`)
      assert.ok(await each.end())
    })
  }

  it('tries at once what waits for an interface when there is one', async () => {
    // It has waited since the beginning, so that its pauses are long by now.
    const { last_error } = await client.untilPath('late', ({ retry_ms }) => (retry_ms ?? 0) > 2000)
    assert.match(last_error!.message, /^Cannot reach 10\.5\.0\.2:7000 by eth5: no route leads there/)
    here.ip('link', 'set', 'eth5', 'up')
    await client.untilPath('late', ({ state }) => state === 'up')
    assert.match(client.running.stderr, /interfaces have changed: what waits is tried at once paths=.*late/)
  })

  it('asks for the name again when the address leads nowhere any more', async (t) => {
    await client.ask('paths-remove', { name: 'late' })
    const each = await Exchange.begin(at)
    each.send(300_000)
    await each.until(300_000)
    writeFileSync(hosts, `${MOVED} server.test\n`)
    there.ip('addr', 'del', `${SERVER}/32`, 'dev', 'lo')
    const began = performance.now()
    each.send(300_000)
    await each.until(600_000)
    t.diagnostic(`everything there after ${Math.round(performance.now() - began)} ms`)
    await allUp()
    t.diagnostic(`all paths up after ${Math.round(performance.now() - began)} ms`)
    assert.ok(await each.end())
  })
})
