import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { createLab, type Lab, type LabHost, labUnavailable } from '../real/netns.ts'
import { gotcp, node, Running as Process, type Running, records, sha256, shell, start, startNode } from './command.ts'

const OURS = '172.20.0.2'
const STANDARD = fileURLToPath(new URL('../../app/standard/', import.meta.url))
const MIB = 1024 * 1024

/** Sends a file's bytes over the kernel's TCP and prints what comes back; `first` closes its half at once at the end. */
const exchange = (port: number, file: string): string => `
  const socket = require('node:net').connect({ host: '${OURS}', port: ${port}, allowHalfOpen: true })
  require('node:fs').createReadStream('${file}').pipe(socket)
  socket.pipe(process.stdout)`

describe('gotcp tcpserver as a process', { skip: labUnavailable() }, () => {
  const folder = mkdtempSync(join(tmpdir(), 'gotcp-e2e-'))
  const data = randomBytes(20 * MIB)
  const file = join(folder, 'data')
  let lab: Lab
  let ours: LabHost
  let peer: LabHost
  before(() => {
    writeFileSync(file, data)
    lab = createLab({ hosts: ['ours', 'peer'] })
    ours = lab.host('ours')
    peer = lab.host('peer')
    lab.veth('ours', 'peer', { ours: `${OURS}/24`, peer: '172.20.0.3/24' })
  })
  after(() => {
    lab.close()
    rmSync(folder, { recursive: true })
  })

  async function serve(...args: readonly string[]): Promise<Running> {
    const server = start(ours, 'tcpserver', ...args)
    await server.until(/listening on/)
    return server
  }

  async function stop(server: Running): Promise<string> {
    server.interrupt()
    const { code, stdout, stderr } = await server.ended
    assert.equal(code, 0, stderr)
    return stdout.toString()
  }

  it('says where it listens and what to type on the other side', async () => {
    const server = await serve('-port', '8888')
    await server.until(/ {2}nc /)
    assert.match(server.stderr, /^listening on 172\.20\.0\.2:8888 \(eth0\)$/m)
    assert.match(server.stderr, /^ {2}gotcp tcpclient -addr 172\.20\.0\.2 -port 8888$/m)
    await stop(server)
  })

  it('echoes byte by byte and reports what it read and wrote', async () => {
    const server = await serve('8888')
    const { stdout } = await node(peer, exchange(8888, file))
    assert.equal(sha256(stdout), sha256(data))
    await server.until(/closed/)
    assert.match(server.stdout, /^\[1\] 172\.20\.0\.3:\d+ connected, 1 open$/m)
    assert.match(
      server.stdout,
      /^\[1\] \S+ closed: read 20\.0 MiB, wrote 20\.0 MiB in \S+ s, \S+ \wbit\/s, \d+ retransmits$/m,
    )
    await stop(server)
  })

  it('serves 200 at once', async () => {
    const server = await serve('8888')
    const { stdout } = await node(
      peer,
      `let open = 0, good = 0
      const sockets = Array.from({ length: 200 }, (_, i) => {
        const socket = require('node:net').connect(8888, '${OURS}')
        let text = ''
        socket.setEncoding('utf8').on('data', (part) => (text += part))
        socket.on('connect', () => ++open === 200 && sockets.forEach((each, n) => each.end('number ' + n)))
        socket.on('close', () => { good += text === 'number ' + i; if (--open === 0) console.log(good) })
        return socket
      })`,
    )
    assert.equal(stdout.toString().trim(), '200')
    assert.match(await stop(server), /200 open/)
  })

  it('passes everything through a command with --exec', async () => {
    const server = await serve('8888', '--exec', 'tr a-z A-Z; echo to $GOTCP_REMOTE_ADDR', '--once')
    const { stdout } = await node(
      peer,
      `require('node:net').connect(8888, '${OURS}').end('hello ').pipe(process.stdout)`,
    )
    assert.equal(stdout.toString(), 'HELLO to 172.20.0.3\n')
    assert.equal((await server.ended).code, 0)
  })

  it('says how a command of --exec failed', async () => {
    for (const [command, reason, status, signal] of [
      ['exit 3', 'closed, the command failed with status 3', 3, null],
      ['kill -9 $$', 'closed, the command was ended by SIGKILL', null, 'SIGKILL'],
      ['nosuchprog', 'closed, the command failed with status 127: not found', 127, null],
      ['exit 0', 'closed', 0, null],
    ] as const) {
      const server = await serve('8888', '--exec', command, '--once', '--json')
      await node(peer, `require('node:net').connect(8888, '${OURS}').end().resume()`)
      const close = records(await server.ended).find((record) => record['event'] === 'close')!
      assert.deepEqual([close['reason'], close['command_status'], close['command_signal']], [reason, status, signal])
    }
  })

  /** A client that tells the process group of a command that prints it, and stays. */
  const visitGroup = async (then: string): Promise<[Running, number]> => {
    const client = await startNode(
      peer,
      `const s = require('node:net').connect({ port: 8888, host: '${OURS}', allowHalfOpen: true })
      s.on('data', (pid) => { console.log('ready ' + pid); ${then} }).on('error', () => {})`,
    )
    return [client, Number(/ready (\d+)/.exec(client.stdout)![1])]
  }

  async function assertGone(group: number, what: string): Promise<void> {
    for (let tries = 0; tries < 200; tries++) {
      try {
        process.kill(-group, 0)
      } catch {
        return
      }
      await sleep(50)
    }
    assert.fail(`${what}: the command lives on`)
  }

  it('notices a reset at once while a command of --exec is silent, and ends the command', async () => {
    const server = await serve('8888', '--exec', 'trap "" TERM; echo $$; sleep 600', '--once')
    const [client, group] = await visitGroup('s.end(); setTimeout(() => s.resetAndDestroy(), 100)')
    await server.until(/reset by the peer/)
    await assertGone(group, 'reset')
    assert.equal((await server.ended).code, 0)
    await client.ended
  })

  it('leaves nothing of a command of --exec behind, however the server ends', async () => {
    for (const signals of [['SIGINT', 'SIGINT'], ['SIGHUP'], ['SIGKILL']] as const) {
      const server = await serve('8888', '--exec', 'sleep 600 & echo $$; sleep 600')
      const [client, group] = await visitGroup('')
      for (const signal of signals) {
        server.child.kill(signal)
        if (signal === 'SIGINT') await server.until(/may go on/)
      }
      await server.ended
      await assertGone(group, signals.join())
      client.child.kill()
      await client.ended
    }
  })

  it('gives what --source promises, and ends after --once', async () => {
    const server = await serve('8888', '--source', '--bytes', '30M', '--once', '--json')
    const { stdout } = await node(
      peer,
      `let n = 0; require('node:net').connect(8888, '${OURS}').on('data', (d) => (n += d.length)).on('end', () => console.log(n))`,
    )
    assert.equal(Number(stdout), 30 * MIB)
    const seen = records(await server.ended)
    assert.deepEqual(
      seen.map((record) => record['event']),
      ['listening', 'open', 'close', 'summary'],
    )
    assert.equal(seen[2]!['sent_bytes'], 30 * MIB)
  })

  it('takes what --sink is given and shows it in intervals', async () => {
    const server = await serve('8888', '--sink', '--interval', '0.1')
    await node(
      peer,
      `const s = require('node:net').connect(8888, '${OURS}')
      s.write(Buffer.alloc(${8 * MIB}), () => setTimeout(() => s.end(), 300))`,
    )
    await server.until(/closed: read 8\.00 MiB, wrote 0 B/)
    assert.match(server.stdout, /^\[ ID\] +Interval +Transfer +Bitrate +Retr +Cwnd$/m)
    assert.match(server.stdout, /^\[ {2}1\] +\d\.\d\d-\d\.\d\d s +\S+ \w+ +\S+ \S+ +\d+ +\S+ \w+$/m)
    await stop(server)
  })

  it('serves no more than --max-conns at once, and the others later', async () => {
    const server = await serve('8888', '--max-conns', '1')
    const { stdout } = await node(
      peer,
      `const net = require('node:net')
      const first = net.connect(8888, '${OURS}', () => {
        const second = net.connect(8888, '${OURS}', () => second.end('second'))
        second.on('data', () => console.log('second')).on('end', () => {})
        setTimeout(() => { console.log('first ends'); first.end() }, 200)
      })
      first.resume()`,
    )
    assert.equal(stdout.toString(), 'first ends\nsecond\n')
    assert.doesNotMatch(await stop(server), /2 open/)
  })

  it('lets open connections end after Ctrl-C, and accepts no more', async () => {
    const server = await serve('8888')
    const client = await startNode(
      peer,
      `const net = require('node:net')
      const socket = net.connect(8888, '${OURS}', () => socket.write('ready'))
      socket.on('data', (text) => {
        console.log(String(text))
        if (String(text) === 'ready') setTimeout(() => net.connect(8888, '${OURS}').on('error', (e) => {
          console.log(e.code)
          socket.end('last')
        }), 300)
      })`,
    )
    await server.until(/1 open/)
    server.interrupt()
    await server.until(/may go on for 10 s/)
    assert.equal((await client.ended).stdout.toString(), 'ready\nECONNREFUSED\nlast\n')
    const { code, stdout } = await server.ended
    assert.match(stdout.toString(), /closed: read 9 B, wrote 9 B/)
    assert.equal(code, 0)
  })

  it('resets open connections at the second Ctrl-C', async () => {
    const server = await serve('8888')
    const client = await startNode(
      peer,
      `const s = require('node:net').connect(8888, '${OURS}', () => s.write('ready'))
      s.on('data', (t) => console.log(String(t))).on('error', (e) => console.log(e.code))`,
    )
    server.interrupt()
    await server.until(/may go on/)
    server.interrupt()
    assert.equal((await server.ended).code, 130)
    assert.match((await client.ended).stdout.toString(), /ECONNRESET/)
  })

  it('says who has the port when it is busy', async () => {
    const holder = await startNode(ours, `require('node:net').createServer().listen(8889, () => console.log('ready'))`)
    const { code, stderr } = await gotcp(ours, 'tcpserver', '8889')
    assert.equal(code, 2)
    assert.match(stderr, /^gotcp: .*taken.*sport = :8889.*\(EADDRINUSE\)\n$/m)
    holder.child.kill()
    await holder.ended
  })

  it('serves this very kernel over a TAP and a TUN', async () => {
    for (const kind of ['--tap', '--tun']) {
      const server = await serve('8888', kind, 'gotcp0', '--ip', '10.9.0.2/24')
      const { stdout } = await node(
        ours,
        `require('node:net').connect(8888, '10.9.0.2').end('over ${kind}').pipe(process.stdout)`,
      )
      assert.equal(stdout.toString(), `over ${kind}`)
      await stop(server)
    }
  })

  it('ends when its interface is removed, and says how much had come', async () => {
    lab.veth('ours', 'peer', { ours: '172.21.0.2/24', peer: '172.21.0.3/24' }, { name: 'spare' })
    const server = await serve('8888', '-i', 'spare')
    const client = await startNode(
      peer,
      `const s = require('node:net').connect(8888, '172.21.0.2', () => s.write('ready'))
      s.on('data', (t) => console.log(String(t))).on('error', () => {})`,
    )
    ours.ip('link', 'delete', 'spare')
    const { code, stdout, stderr } = await server.ended
    assert.equal(code, 2)
    assert.match(stdout.toString(), /read 5 B, wrote 5 B/)
    assert.match(stderr, /^gotcp: spare was removed while in use\..* \(ENODEV\)$/m)
    client.child.kill()
    await client.ended
  })

  it('serves curl and the standard programs', async () => {
    const server = await serve('8888', '--exec', `read -r line; printf 'HTTP/1.0 200 OK\\r\\n\\r\\nfrom our stack\\n'`)
    const curl = await shell(peer, `command -v curl > /dev/null || exit 99; curl -s http://${OURS}:8888/`)
    if (curl.code !== 99) assert.equal(curl.stdout.toString(), 'from our stack\n')
    await stop(server)
    for (const program of ['tcp-client.js', 'tcp-client-big.js']) {
      const echo = await serve('8888')
      const client = new Process(peer, [process.execPath, join(STANDARD, program), '-addr', OURS, '-port', '8888'])
      client.child.stdin.end('hello\n')
      const { code, stdout, stderr } = await client.ended
      assert.equal(code, 0, `${program}: ${stdout}${stderr}`)
      await stop(echo)
    }
  })
})
