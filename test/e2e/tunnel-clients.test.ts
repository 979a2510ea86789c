import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { createSocket, type Socket } from 'node:dgram'
import { Resolver } from 'node:dns/promises'
import { once } from 'node:events'
import { networkInterfaces } from 'node:os'
import { after, before, describe, it } from 'node:test'
import { freePort } from '../transport/free-port.ts'
import { Running } from './command.ts'
import { addressQuery, DnsResponder } from './dns-responder.ts'
import { areUp, serviceOf, type TunnelProcess, TunnelProcesses } from './tunnel-processes.ts'

const LIMIT = { timeout: 280_000 }
const HOST = '127.0.0.1'
/** Milliseconds until a datagram that was not answered is sent again. */
const AGAIN = 400

describe('a DNS client through a tunnel', LIMIT, () => {
  const processes = new TunnelProcesses()
  const sockets: Socket[] = []
  const hasIpv6 = Object.values(networkInterfaces()).some((all) => all!.some(({ address }) => address === '::1'))
  let dns: DnsResponder
  let echo: Socket
  let server: TunnelProcess
  let client: TunnelProcess
  let port: number

  const bound = async (type: 'udp4' | 'udp6' = 'udp4'): Promise<Socket> => {
    const socket = createSocket(type)
    sockets.push(socket)
    socket.bind(0, type === 'udp4' ? HOST : '::1')
    await once(socket, 'listening')
    return socket
  }

  before(async () => {
    dns = await DnsResponder.start()
    echo = await bound()
    echo.on('message', (bytes, from) => echo.send(bytes, from.port, from.address))
    server = await processes.start(
      'server',
      'server',
      `listen: ["${HOST}:0"]
users: [{ name: ada, password: secret-of-a-test }]
services:
  - { name: dns, type: udp, connect: "${HOST}:${dns.port}" }
  - { name: dns-tcp, type: tcp, connect: "${HOST}:${dns.port}" }
  - { name: echo, type: udp, connect: "${HOST}:${echo.address().port}" }
`,
    )
    port = await freePort()
    client = await processes.start('client', 'client', clientText())
    await client.until(areUp)
  })
  after(async () => {
    await processes.close()
    for (const socket of sockets) socket.close()
    dns.close()
  })

  const clientText = (more = ''): string => `user: ada
password: secret-of-a-test
paths:
  - { name: one, remote: "${HOST}:${server.port}", connections: 3${more} }
services:
  - { name: dns, type: udp, listen: "${HOST}:${port}" }
  - { name: dns-tcp, type: tcp, listen: "${HOST}:${port}" }
  - { name: echo, type: udp, listen: "${hasIpv6 ? '[::1]' : HOST}:0" }
`

  const resolver = (): Resolver => {
    const asking = new Resolver({ timeout: AGAIN, tries: 20 })
    asking.setServers([`${HOST}:${port}`])
    return asking
  }

  /** Asks until each has its own answer: datagrams may be lost. */
  async function ask(socket: Socket, names: ReadonlyMap<number, string>): Promise<ReadonlyMap<number, string>> {
    const answers = new Map<number, string>()
    const send = (): void => {
      for (const [id, name] of names) {
        if (!answers.has(id)) socket.send(addressQuery(id, name), port, HOST)
      }
    }
    const timer = setInterval(send, AGAIN)
    send()
    await new Promise<void>((resolve) => {
      socket.on('message', (message) => {
        answers.set(message.readUInt16BE(0), [...message.subarray(-4)].join('.'))
        if (answers.size === names.size) resolve()
      })
    })
    clearInterval(timer)
    return answers
  }

  const sourcesOf = (names: Iterable<string>): number => new Set([...names].map((name) => dns.sources.get(name))).size

  it("is Node's own, which finds addresses", async () => {
    const asking = resolver()
    assert.deepEqual(await asking.resolve4('192-0-2-7.test'), ['192.0.2.7'])
    const names = Array.from({ length: 200 }, (_, i) => `10-9-8-${i}.test`)
    const found = await Promise.all(names.map((name) => asking.resolve4(name)))
    assert.deepEqual(
      found.flat(),
      names.map((_, i) => `10.9.8.${i}`),
    )
  })

  it('asks again by TCP, on the same port, for what no datagram of DNS holds', async () => {
    const { streams } = dns.stats
    const texts = await resolver().resolveTxt('60.text')
    assert.equal(texts.length, 60)
    assert.ok(dns.stats.streams > streams)
  })

  it('asks much at once, from one source', async () => {
    const names = new Map(Array.from({ length: 250 }, (_, i) => [i, `10-1-2-${i}.test`] as const))
    const answers = await ask(await bound(), names)
    for (const [id, address] of answers) assert.equal(address, `10.1.2.${id}`)
    assert.equal(sourcesOf(names.values()), 1)
  })

  it('asks from many sources, each of which is one beyond as well, and hears its own answers', async () => {
    const all = await Promise.all(Array.from({ length: 100 }, () => bound()))
    const answers = await Promise.all(all.map((socket, i) => ask(socket, new Map([[7, `10-3-4-${i}.test`]]))))
    assert.deepEqual(
      answers.map((each) => each.get(7)),
      all.map((_, i) => `10.3.4.${i}`),
    )
    assert.equal(sourcesOf(all.map((_, i) => `10-3-4-${i}.test`)), 100)
    for (const each of [client, server]) {
      const { open, total, errors } = serviceOf(await each.status(), 'dns')
      assert.ok(open >= 100 && total >= open)
      assert.deepEqual(errors, {})
    }
  })
  it('carries what is as long as IPv4 can carry, and drops and counts what is longer', async () => {
    const socket = await bound(hasIpv6 ? 'udp6' : 'udp4')
    const to = client.portOf('echo')
    const host = hasIpv6 ? '::1' : HOST
    const answer = async (bytes: Buffer): Promise<Buffer> => {
      const send = (): void => socket.send(bytes, to, host)
      const timer = setInterval(send, AGAIN)
      send()
      const [back] = (await once(socket, 'message')) as [Buffer]
      clearInterval(timer)
      return back
    }
    const longest = randomBytes(65_507)
    assert.ok((await answer(longest)).equals(longest))
    if (!hasIpv6) return
    const timer = setInterval(() => socket.send(Buffer.alloc(65_508), to, host), 20)
    await client.until((status) => (serviceOf(status, 'echo').dropped['too-long'] ?? 0) > 0)
    clearInterval(timer)
    const { stdout } = await processes.run('status', '--control', client.control)
    assert.match(`${stdout}`, /\nservice: echo\n {2}udp-listen: (.*\n)+? {2}dropped: \d+ too-long\n {2}age: /)
  })

  it('has fresh ones carried where there is no room for all, and is told how old they are', async () => {
    processes.write('client', 'client', clientText(', rate: 600k'))
    await client.ask('reload')
    await client.until(areUp)
    const socket = await bound(hasIpv6 ? 'udp6' : 'udp4')
    const send = (): void => {
      for (let i = 0; i < 20; i++) socket.send(Buffer.alloc(1000), client.portOf('echo'), hasIpv6 ? '::1' : HOST)
    }
    const timer = setInterval(send, 5)
    await client.until(({ sessions }) => sessions[0]!.datagrams_dropped > 0)
    const status = await server.until((each) => (serviceOf(each, 'echo').age_ms?.most ?? 0) > 0)
    clearInterval(timer)
    assert.ok(serviceOf(status, 'echo').age_ms!.most <= 200)
  })
})

const noIperf3 =
  spawnSync('iperf3', ['--version']).error === undefined ? undefined : 'iperf3 is missing: apt-get install iperf3'

describe('iperf3 -u through a tunnel', { ...LIMIT, skip: noIperf3 }, () => {
  it('has its control connection and its datagrams on one port, and gets its figures', async () => {
    const processes = new TunnelProcesses()
    const [there, here] = [await freePort(), await freePort()]
    const iperf3 = new Running(undefined, ['iperf3', '-s', '-1', '-B', HOST, '-p', `${there}`, '--forceflush'])
    try {
      await iperf3.until(/listening/)
      const both = (at: string): string => `[{ name: tcp, type: tcp, ${at} }, { name: udp, type: udp, ${at} }]`
      const server = await processes.start(
        'server',
        'server',
        `listen: ["${HOST}:0"]
users: [{ name: ada, password: secret-of-a-test }]
services: ${both(`connect: "${HOST}:${there}"`)}
`,
      )
      const client = await processes.start(
        'client',
        'client',
        `user: ada
password: secret-of-a-test
paths: [{ name: one, remote: "${HOST}:${server.port}", connections: 3 }]
services: ${both(`listen: "${HOST}:${here}"`)}
`,
      )
      await client.until(areUp)
      const args = ['-c', HOST, '-p', `${here}`, '-u', '-b', '10M', '-l', '1200', '-k', '500', '-J']
      const { code, stdout } = await new Running(undefined, ['iperf3', ...args]).ended
      assert.equal(code, 0, `${stdout}`)
      const { packets, lost_packets } = JSON.parse(`${stdout}`).end.sum as { packets: number; lost_packets: number }
      assert.ok(packets > 0 && lost_packets < packets)
    } finally {
      iperf3.child.kill('SIGKILL')
      await iperf3.ended
      await processes.close()
    }
  })
})
