import assert from 'node:assert/strict'
import { after, afterEach, before, describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { eventually } from '../real/collect.ts'
import { createLab, type Lab, type LabHost, labUnavailable } from '../real/netns.ts'
import { FAR_ADDRESS, pathUnavailable, RoutedPath } from '../real/routed.ts'
import { gotcp, type Running, start, startNode } from './command.ts'

const OURS = '172.20.0.2'
const PEER = '172.20.0.3'
const PORT = 7000

/** Accepts, and reads everything or nothing. */
const serve = (reads: boolean, host = PEER): string => `
  require('node:net').createServer({ allowHalfOpen: true, pauseOnConnect: ${!reads} }, (s) => {
    s.on('error', (e) => console.log('told ' + e.code))
    console.log('accepted')
    if (${reads}) s.on('data', () => {})
  }).listen(${PORT}, '${host}', () => console.log('ready'))`

/** Whether a kernel knows no open connection to its server any more. */
const isForgotten = (host: LabHost): boolean => host.run('ss', '-Htn', 'sport', '=', `:${PORT}`) === ''

describe('a peer that vanishes', { skip: labUnavailable() }, () => {
  let lab: Lab
  let ours: LabHost
  let peer: LabHost
  const running: Running[] = []
  before(() => {
    lab = createLab({ hosts: ['ours', 'peer'] })
    ours = lab.host('ours')
    peer = lab.host('peer')
    // What a program does not read fills little.
    peer.sysctl('ipv4.tcp_rmem', '4096 16384 16384')
    lab.veth('ours', 'peer', { ours: `${OURS}/24`, peer: `${PEER}/24` })
  })
  afterEach(async () => {
    for (const { child } of running) child.kill('SIGKILL')
    await Promise.all(running.map(({ ended }) => ended))
    running.length = 0
    setCable(true)
  })
  after(() => lab.close())

  const setCable = (isPlugged: boolean): void => {
    peer.ip('link', 'set', 'eth0', isPlugged ? 'up' : 'down')
  }

  /** A client with a connection to a kernel that reads, or does not. */
  async function connected(reads: boolean, ...args: readonly string[]): Promise<{ client: Running; server: Running }> {
    const server = await startNode(peer, serve(reads))
    running.push(server)
    const client = start(ours, 'tcpclient', `${PEER}:${PORT}`, '-v', ...args)
    running.push(client)
    await server.until(/accepted/)
    await client.until(/→ ESTABLISHED/)
    return { client, server }
  }

  async function assertEnds(client: Running, message: RegExp): Promise<void> {
    const { code, stderr } = await client.ended
    assert.match(stderr, message)
    assert.match(stderr, /^the transfer is not complete: the peer acknowledged/m)
    assert.equal(code, 1)
  }

  it('ends a connection with data on its way after --user-timeout', async () => {
    const { client } = await connected(true, '--user-timeout', '1')
    setCable(false)
    client.child.stdin.write('is anybody there?')
    await assertEnds(client, /the peer stopped acknowledging \((ETIMEDOUT|EHOSTUNREACH)\)$/m)
  })

  it('ends a silent connection after nine probes of --keep-alive', async () => {
    const { client } = await connected(true, '--keep-alive', '0.2')
    setCable(false)
    await assertEnds(client, /the peer did not answer keep-alive probes \((ETIMEDOUT|EHOSTUNREACH)\)$/m)
  })

  it('ends a silent connection after --user-timeout, when --keep-alive asks', async () => {
    const { client } = await connected(true, '--keep-alive', '0.5', '--user-timeout', '1')
    setCable(false)
    await assertEnds(client, /the peer did not answer keep-alive probes \((ETIMEDOUT|EHOSTUNREACH)\)$/m)
  })

  it('is told by --keep-alive from one that has nothing to say', async () => {
    const { client } = await connected(true, '--keep-alive', '0.6', '--user-timeout', '1')
    // Linux answers one probe in half a second.
    await sleep(3000)
    client.interrupt()
    const { code, stderr } = await client.ended
    assert.equal(code, 130, stderr)
  })

  it('ends what a server serves after --keep-alive, and the server goes on', async () => {
    const server = start(ours, 'tcpserver', String(PORT), '--keep-alive', '0.2')
    running.push(server)
    await server.until(/listening on/)
    const client = await startNode(peer, `require('node:net').connect(${PORT}, '${OURS}', () => console.log('ready'))`)
    running.push(client)
    setCable(false)
    await server.until(/^\[1\] \S+ (timed out: the peer is gone|.*probes): read 0 B, wrote 0 B/m)
    setCable(true)
    const again = await startNode(peer, `require('node:net').connect(${PORT}, '${OURS}', () => console.log('ready'))`)
    running.push(again)
    server.interrupt()
    server.interrupt()
  })

  it('ends a client whose peer never reads after --user-timeout, and the peer is told', async () => {
    const { client } = await connected(false, '--user-timeout', '1', '--bytes', '64M')
    await assertEnds(client, /the peer stopped acknowledging \(ETIMEDOUT\)$/m)
    await eventually(() => isForgotten(peer), 'the end of the connection in the kernel')
  })

  it('ends a client that has said all, to a peer that never reads, after --linger, and the peer is told', async () => {
    const { client } = await connected(false, '--linger', '1')
    client.child.stdin.end(Buffer.alloc(100_000))
    await assertEnds(client, /aborted on this side \(ECONNABORTED\)$/m)
    await eventually(() => isForgotten(peer), 'the end of the connection in the kernel')
  })

  it('is not seen by --linger in a peer that took all and says nothing', async () => {
    const { client, server } = await connected(true, '--linger', '0.2')
    client.child.stdin.end('all that was to be said')
    await sleep(1000)
    assert.doesNotMatch(server.stdout, /told/)
    assert.doesNotMatch(client.stderr, /ECONNABORTED/)
  })
})

describe('a black hole for large packets', { skip: pathUnavailable() }, () => {
  let path: RoutedPath
  let server: Running
  before(async () => {
    path = new RoutedPath({ mtu: 1300 })
    path.shareAddress()
    path.silence()
    server = await startNode(
      path.kernel,
      `require('node:net').createServer((s) => s.on('error', () => {}).resume().on('end', () => s.end()))
        .listen(${PORT}, '${FAR_ADDRESS}', () => console.log('ready'))`,
    )
  })
  after(async () => {
    server.child.kill('SIGKILL')
    await server.ended
    path.close()
  })
  const client = (...args: readonly string[]) =>
    gotcp(path.ours, 'tcpclient', `${FAR_ADDRESS}:${PORT}`, '--bytes', '2M', '--info', ...args)

  for (const [mode, ...args] of [['blackhole (the default)'], ['always', '--mtu-probing', 'always']] as const) {
    it(`is found out by --mtu-probing ${mode}`, async () => {
      const { code, stderr } = await client(...args)
      assert.equal(code, 0, stderr)
      assert.match(stderr, / pmtu:1(29[3-9]|300) /)
    })
  }

  it('ends a transfer with --mtu-probing off', async () => {
    const { code, stderr } = await client('--mtu-probing', 'off', '--user-timeout', '1.5')
    assert.equal(code, 1)
    assert.match(stderr, /the peer stopped acknowledging \(ETIMEDOUT\)$/m)
    assert.match(stderr, / pmtu:1500 /)
  })
})
