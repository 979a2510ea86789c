import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { after, afterEach, before, beforeEach, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { createLab, type Lab, type LabHost, labUnavailable } from '../real/netns.ts'
import { node, Running, records, shell, start, startNode } from './command.ts'

const SOCKS_MAIN = fileURLToPath(new URL('../transport/socks-main.js', import.meta.url))
/** The proxy as the client sees it; the server as only the proxy sees it. */
const PROXY = '10.70.0.2'
const SERVER = '10.71.0.2'
const MIB = 1024 * 1024
const LOGIN = { user: 'ada', password: 's:cret' }

const has = (command: string): boolean => spawnSync('which', [command]).status === 0

/** What stands behind the proxy: http, an echo of streams and of datagrams, a sink, something that resets, a DNS. */
const SERVICES = `
const http = require('node:http'), net = require('node:net'), dgram = require('node:dgram'), crypto = require('node:crypto')
http.createServer((request, response) => {
  if (request.method === 'POST') {
    const hash = crypto.createHash('sha256')
    request.on('data', (chunk) => hash.update(chunk)).on('end', () => response.end(hash.digest('hex')))
  } else if (request.url === '/big') {
    let left = 20
    const more = () => { while (left-- > 0) if (!response.write(Buffer.alloc(${MIB}, left & 255))) return response.once('drain', more); response.end() }
    more()
  } else response.end('hello from ' + request.headers.host)
}).listen(80)
// Answers only when its peer has ended: half-closed.
net.createServer({ allowHalfOpen: true }, (socket) => {
  let text = ''
  socket.on('data', (part) => (text += part)).on('end', () => socket.end('all of it: ' + text))
}).listen(7001)
// Ends first, and reads on.
net.createServer({ allowHalfOpen: true }, (socket) => {
  socket.end('bye')
  let count = 0
  socket.on('data', (part) => (count += part.length)).on('end', () => console.log('after the end ' + count))
}).listen(7002)
net.createServer((socket) => { socket.write('banner'); socket.once('data', () => socket.resetAndDestroy()) }).listen(7003)
// Takes nothing.
net.createServer((socket) => socket.pause()).listen(7004)
// Sends without end, as long as somebody takes it, and says how much.
net.createServer((socket) => {
  let sent = 0
  const more = () => { do sent += 65536; while (!socket.destroyed && socket.write(Buffer.alloc(65536))) }
  socket.on('drain', more).on('error', () => {})
  socket.on('data', () => console.log('sent ' + sent))
  more()
}).listen(7005)
const names = dgram.createSocket('udp4')
names.on('message', (message, from) => names.send(Buffer.concat([message.subarray(0, 2), Buffer.from('answer')]), from.port, from.address))
names.bind(53, () => console.log('ready'))
`

describe('gotcp tun2socks as a process', { skip: labUnavailable() }, () => {
  let lab: Lab
  let client: LabHost
  let middle: LabHost
  let services: Running
  const started: Running[] = []

  before(() => {
    lab = createLab({ hosts: ['client', 'middle', 'server'] })
    client = lab.host('client')
    middle = lab.host('middle')
    lab.veth('client', 'middle', { client: '10.70.0.1/24', middle: `${PROXY}/24` })
    lab.veth('middle', 'server', { middle: '10.71.0.1/24', server: `${SERVER}/24` })
  })
  after(() => lab.close())
  beforeEach(async () => {
    services = await startNode(lab.host('server'), SERVICES)
    started.push(services)
  })
  afterEach(async () => {
    for (const each of started.splice(0)) {
      each.child.kill('SIGKILL')
      await each.ended
    }
  })

  /** Our own proxy in the middle; its port. */
  async function proxy(options: object = {}): Promise<number> {
    const running = new Running(middle, [process.execPath, SOCKS_MAIN, JSON.stringify({ host: PROXY, ...options })])
    started.push(running)
    await running.until(/\d+\n/)
    return Number(running.stdout)
  }

  /** The command in the client's host, with the default route into its device. */
  async function tunnel(url: string, ...args: readonly string[]): Promise<Running> {
    const running = start(client, 'tun2socks', '--tun', 'tun0', '--proxy', url, ...args)
    started.push(running)
    await running.until(/leads through|"event":"start"/)
    client.ip('route', 'add', 'default', 'dev', 'tun0')
    return running
  }

  async function finish(running: Running): Promise<Record<string, unknown>> {
    running.interrupt()
    const ended = await running.ended
    assert.equal(ended.code, 0, ended.stderr)
    return records(ended).at(-1)!
  }

  const curl = (...args: readonly string[]): Promise<string> =>
    new Running(client, ['curl', '-sS', '--max-time', '20', ...args]).ended.then(({ stdout, stderr }) =>
      (stdout.toString('latin1') + stderr).trim(),
    )

  /** Connects from the client and reports what happens, in order. */
  const talk = (port: number, body: string): Promise<string> =>
    node(
      client,
      `const socket = require('node:net').connect({ host: '${SERVER}', port: ${port}, allowHalfOpen: true })
      let text = ''
      socket.on('data', (part) => (text += part)).on('end', () => console.log('end ' + text))
      socket.on('error', ({ code }) => console.log(code)).on('close', () => console.log('close'))
      ${body}`,
    ).then(({ stdout }) => stdout.toString().trim().replaceAll('\n', ', '))

  /** Sends a datagram from the client and reports the error that comes back. */
  const refusalOfDatagram = (): Promise<string> =>
    node(
      client,
      `const s = require('node:dgram').createSocket('udp4')
      s.connect(53, '${SERVER}', () => s.send('x'))
      s.on('error', ({ code }) => { console.log(code); s.close() })`,
    ).then(({ stdout }) => stdout.toString())

  it('says how to route into the device', async () => {
    const running = await tunnel(`socks5://${PROXY}:${await proxy()}`)
    await running.until(/128\.0\.0\.0\/1 dev tun0/)
    assert.match(running.stderr, /^ {2}sudo ip route add 203\.0\.113\.0\/24 dev tun0$/m)
    // The way to the proxy is on its own network here; it needs no route of its own.
    assert.doesNotMatch(running.stderr, /\/32/)
    running.interrupt()
    assert.equal((await running.ended).code, 0)
  })

  it('carries curl to a server that only the proxy reaches, both ways, with a password', {
    skip: has('curl') ? false : 'curl is missing',
  }, async () => {
    assert.match(await curl(`http://${SERVER}/`), /Failed to connect|Could not resolve|timed out|unreachable/i)
    const port = await proxy({ login: LOGIN })
    const running = await tunnel(`socks5://ada:s%3Acret@${PROXY}:${port}`, '--json')
    assert.equal(await curl(`http://${SERVER}/`), `hello from ${SERVER}`)
    assert.equal(
      await curl('--output', '/dev/null', '--write-out', '%{size_download}', `http://${SERVER}/big`),
      String(20 * MIB),
    )
    const hash = spawnSync('sh', ['-c', 'head -c 20971520 /dev/zero | sha256sum'], { encoding: 'utf8' }).stdout.slice(
      0,
      64,
    )
    const posted = new Running(client, [
      'sh',
      '-c',
      `head -c 20971520 /dev/zero | curl -sS --max-time 30 --data-binary @- http://${SERVER}/`,
    ])
    assert.equal((await posted.ended).stdout.toString(), hash)
    const summary = await finish(running)
    assert.equal(summary['connections'], 3)
    assert.equal(summary['good'], 3)
    assert.ok(Number(summary['received_bytes']) > 20 * MIB && Number(summary['sent_bytes']) > 20 * MIB)
  })

  it('carries curl through microsocks', {
    skip: has('microsocks') && has('curl') ? false : 'microsocks or curl is missing: apt-get install microsocks curl',
  }, async () => {
    const microsocks = new Running(middle, ['microsocks', '-i', PROXY, '-p', '1080', '-u', 'ada', '-P', 'secret'])
    started.push(microsocks)
    const running = await tunnel(`socks5://ada:secret@${PROXY}`)
    assert.equal(await curl('--retry', '3', '--retry-connrefused', `http://${SERVER}/`), `hello from ${SERVER}`)
    assert.equal(
      await curl('--output', '/dev/null', '--write-out', '%{size_download}', `http://${SERVER}/big`),
      String(20 * MIB),
    )
    // microsocks carries no datagrams: the client hears that at once.
    assert.equal(await refusalOfDatagram(), 'ECONNREFUSED\n')
    running.interrupt()
    assert.equal((await running.ended).code, 0)
    assert.match(running.stdout, /^\[1\] 198\.18\.0\.1:\d+ -> 10\.71\.0\.2:80 closed: sent \d+ B, received \d+ B in /m)
    assert.match(running.stderr, /1 refused with ERR_PROXY_REFUSED/)
  })

  it('hands on the end of each direction by itself', async () => {
    const running = await tunnel(`socks5://${PROXY}:${await proxy()}`, '--json')
    assert.equal(await talk(7001, `socket.end('question')`), 'end all of it: question, close')
    assert.equal(await talk(7002, `socket.once('end', () => socket.end('x'.repeat(100000)))`), 'end bye, close')
    await services.until(/after the end 100000/)
    assert.equal((await finish(running))['good'], 2)
  })

  it('hands on a reset, and loses nothing of what a server says first', async () => {
    const running = await tunnel(`socks5://${PROXY}:${await proxy()}`, '--json')
    assert.equal(
      await talk(7003, `socket.once('data', () => { console.log(text); socket.write('x') })`),
      'banner, ECONNRESET, close',
    )
    assert.equal((await finish(running))['connections'], 1)
  })

  it('is refused where the destination refuses, and unreachable where it cannot be reached', async () => {
    const running = await tunnel(`socks5://${PROXY}:${await proxy()}`, '--json')
    assert.equal(await talk(9, ''), 'ECONNREFUSED, close')
    const nowhere = await node(
      client,
      `require('node:net').connect(80, '203.0.113.1').on('error', ({ code }) => console.log(code))`,
    )
    assert.equal(nowhere.stdout.toString(), 'EHOSTUNREACH\n')
    const summary = await finish(running)
    assert.deepEqual(summary['refusals'], { ECONNREFUSED: 1, ENETUNREACH: 1 })
  })

  it('ends what goes through a proxy that ends, and works again when it is back', async () => {
    const running = await tunnel(`socks5://${PROXY}:${await proxy({ port: 1098 })}`, '--json')
    const open = new Running(client, [
      process.execPath,
      '-e',
      `const s = require('node:dgram').createSocket('udp4').on('message', () => console.log('answered'))
      s.send(Buffer.alloc(9), 53, '${SERVER}')
      require('node:net').connect(7004, '${SERVER}', () => console.log('open'))
        .on('error', () => {}).on('close', () => { console.log('over'); process.exit() })`,
    ])
    await open.until(/open[\s\S]*answered|answered[\s\S]*open/)
    const first = started.at(-2)!
    first.child.kill('SIGKILL')
    await first.ended
    assert.match((await open.ended).stdout.toString(), /over\n$/)
    await running.until(/"event":"flow"/)
    await proxy({ port: 1098 })
    assert.equal(await talk(7001, `socket.end('again')`), 'end all of it: again, close')
    const summary = await finish(running)
    assert.equal(summary['connections'], 2)
  })

  it('takes the proxy from the environment, which no list of processes shows', async () => {
    const url = `socks5://ada:s%3Acret@${PROXY}:${await proxy({ login: LOGIN })}`
    const running = shell(client, `GOTCP_PROXY=${url} timeout -s INT 1 $GOTCP tun2socks --tun tun7`)
    assert.match((await running).stderr, new RegExp(`^tun7 leads through socks5://ada@${PROXY}:\\d+;`, 'm'))
  })

  it('says that the password is wrong, and ends', async () => {
    const port = await proxy({ login: LOGIN })
    const running = start(client, 'tun2socks', '--proxy', `socks5://ada:wrong@${PROXY}:${port}`)
    const { code, stderr } = await running.ended
    assert.equal(code, 1)
    assert.match(stderr, /user name or password is wrong \(ERR_PROXY_AUTH\)/)
  })

  it('goes on when the proxy is not there, refuses meanwhile, and works when it comes', async () => {
    const running = await tunnel(`socks5://${PROXY}:1099`, '--json')
    assert.match(
      running.stderr,
      /Cannot reach the proxy 10\.70\.0\.2:1099: nothing listens there, ECONNREFUSED \(ERR_PROXY\); going on/,
    )
    assert.equal(await talk(7001, ''), 'ECONNREFUSED, close')
    await proxy({ port: 1099 })
    assert.equal(await talk(7001, `socket.end('now')`), 'end all of it: now, close')
    assert.deepEqual((await finish(running))['refusals'], { ERR_PROXY: 1 })
  })

  it('carries datagrams both ways: a name is looked up', async () => {
    const running = await tunnel(`socks5://${PROXY}:${await proxy()}`, '--json', '--udp-timeout', '1')
    const { stdout } = await node(
      client,
      `const s = require('node:dgram').createSocket('udp4')
      const again = setInterval(() => s.send(Buffer.from([7, 9, 1, 2, 3]), 53, '${SERVER}'), 300)
      s.on('message', (message, from) => { clearInterval(again); console.log(message.toString('hex'), from.address, from.port); s.close() })`,
    )
    assert.equal(stdout.toString(), `0709${Buffer.from('answer').toString('hex')} ${SERVER} 53\n`)
    // The flow ends by itself.
    await running.until(/"event":"flow"/)
    const summary = await finish(running)
    assert.equal(summary['udp_flows'], 1)
    assert.equal(summary['udp_expired'], 1)
    assert.ok(Number(summary['udp_received_bytes']) >= 8)
  })

  it('refuses datagrams with --tcp-only, and prints refusals only with --loglevel warn', async () => {
    const running = await tunnel(`socks5://${PROXY}:${await proxy()}`, '--tcp-only', '--loglevel', 'warn')
    assert.equal(await refusalOfDatagram(), 'ECONNREFUSED\n')
    assert.equal(await talk(7001, `socket.end('good')`), 'end all of it: good, close')
    assert.equal(await talk(9, ''), 'ECONNREFUSED, close')
    await running.until(/refused:/)
    running.interrupt()
    const ended = await running.ended
    assert.match(
      ended.stdout.toString(),
      /^tcp 198\.18\.0\.1:\d+ -> 10\.71\.0\.2:9 refused: .* the destination refused the connection \(ECONNREFUSED\)\n$/,
    )
    assert.match(ended.stderr, /1 connection, 4 B sent, 15 B received; 0 flows of datagrams/)
  })

  it('answers pings to anybody, or leaves them', async () => {
    const ping = (): number | string | null =>
      spawnSync('nsenter', [`--net=${client.netns}`, 'ping', '-c1', '-W1', '203.0.113.9']).status
    const url = `socks5://${PROXY}:${await proxy()}`
    for (const [flags, status] of [
      [[], 0],
      [['--ignore-ping'], 1],
    ] as const) {
      const running = await tunnel(url, '--json', ...flags)
      assert.equal(ping(), status)
      await finish(running)
    }
  })

  it('holds back whoever sends more than the other side takes, both ways', async () => {
    const running = await tunnel(
      `socks5://${PROXY}:${await proxy()}`,
      '--json',
      '--tcp-rcvbuf',
      '256K',
      '--tcp-sndbuf',
      '256K',
      '--drain',
      '0',
    )
    const up = await node(
      client,
      `const socket = require('node:net').connect(7004, '${SERVER}')
      let sent = 0, before = -1
      const more = () => { do sent += 65536; while (socket.write(Buffer.alloc(65536))) }
      socket.on('drain', more).on('connect', more)
      const look = setInterval(() => { if (sent === before) { clearInterval(look); console.log(sent); socket.resetAndDestroy() } before = sent }, 700)`,
    )
    const down = await node(
      client,
      `const socket = require('node:net').connect(7005, '${SERVER}')
      socket.pause().on('connect', () => setTimeout(() => { socket.write('how much'); setTimeout(() => process.exit(), 200) }, 1500))`,
    )
    assert.equal(down.code, 0)
    await services.until(/sent \d+/)
    const sent = Number(/^sent (\d+)/m.exec(services.stdout)![1])
    // What is on the way fits into the buffers of two kernels, the proxy and us: some MiB, and not what 1.5 s could carry.
    for (const count of [Number(up.stdout), sent])
      assert.ok(count > MIB / 4 && count < 40 * MIB, `${up.stdout} ${sent}`)
    // Both clients are gone: that the proxy takes nothing does not hide it.
    await running.until(/"event":"close"[\s\S]*"event":"close"/)
    assert.equal((await finish(running))['good'], 0)
  })

  it('serves many connections at once, and refuses beyond its limit', async () => {
    const running = await tunnel(`socks5://${PROXY}:${await proxy()}`, '--json', '--max-connections', '200')
    const { stdout } = await node(
      client,
      `let good = 0, refused = 0, left = 250, undecided = 250
      const done = () => { if (--left === 0) console.log(good, refused) }
      const open = []
      // None ends before it is known of all whether they are taken.
      const decided = () => { if (--undecided === 0) for (const end of open) end() }
      for (let i = 0; i < 250; i++) {
        const socket = require('node:net').connect({ host: '${SERVER}', port: 7001, allowHalfOpen: true })
        let text = ''
        socket.on('data', (part) => (text += part)).on('close', () => { good += text === 'all of it: ' + i; done() })
        socket.on('error', ({ code }) => { refused += code === 'ECONNREFUSED'; decided() })
        socket.on('connect', () => { open.push(() => socket.end(String(i))); decided() })
      }`,
    )
    assert.equal(stdout.toString(), '200 50\n')
    const summary = await finish(running)
    assert.equal(summary['good'], 200)
    assert.deepEqual(summary['refusals'], { ENOBUFS: 50 })
  })

  it('lets open connections go on for a while after SIGTERM, tells how it goes on SIGQUIT, and resets the rest', async () => {
    const running = await tunnel(`socks5://${PROXY}:${await proxy()}`, '--drain', '1')
    const open = new Running(client, [
      process.execPath,
      '-e',
      `require('node:net').connect(7004, '${SERVER}', () => console.log('open')).on('error', ({ code }) => console.log(code))`,
    ])
    await open.until(/open/)
    running.child.kill('SIGQUIT')
    await running.until(/1 open, 1 connection in all, 0 refused/)
    running.child.kill('SIGTERM')
    await running.until(/1 open; they may go on for 1 s/)
    assert.equal((await running.ended).code, 0)
    assert.equal((await open.ended).stdout.toString(), 'open\nECONNRESET\n')
    // The device went with the process.
    assert.doesNotMatch(client.ip('link'), /tun0/)
  })
})
