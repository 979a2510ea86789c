import assert from 'node:assert/strict'
import { connect, type Socket } from 'node:net'
import { afterEach, describe, it } from 'node:test'
import { fingerprintOf } from '../../src/transport/certificate.ts'
import { dialPath } from '../../src/transport/dial.ts'
import type { Admission } from '../../src/transport/half-open.ts'
import type { HostPort } from '../../src/transport/host-port.ts'
import { type ListenOptions, PathListener } from '../../src/transport/listen.ts'
import { channelBinding, secureClient } from '../../src/transport/tls.ts'
import { eventually } from '../real/collect.ts'
import { testCertificate } from './certificate.ts'
import { testIdentity } from './sockets.ts'

const LIMIT = { timeout: 60_000 }
const HOST = '127.0.0.1'
const TRUST = { channel: true } as const
const everybody = (): Admission => ({ onDisplaced: undefined, release: () => undefined })

describe('PathListener', () => {
  let listeners: PathListener[] = []
  let sockets: Socket[] = []
  afterEach(async () => {
    await new Promise(setImmediate)
    for (const listener of listeners) listener.close()
    for (const socket of sockets) socket.destroy()
    listeners = []
    sockets = []
  })

  /** A listener, and what it has handed over. */
  async function listening(options: Partial<ListenOptions<Admission>> = {}) {
    const came: { readonly socket: Socket; readonly remote: HostPort }[] = []
    const tls = { identity: await testIdentity() }
    const addresses = [{ host: HOST, port: 0 }]
    const listener = await PathListener.open({ addresses, tls, admit: everybody, ...options }, (socket, remote) => {
      sockets.push(socket)
      came.push({ socket, remote })
    })
    listeners.push(listener)
    return { listener, came, port: listener.addresses[0]!.port }
  }

  /** A connection of TCP that says `text`. */
  function raw(port: number, text: string | Buffer = '', local = HOST): Socket {
    const socket = connect({ port, host: HOST, localAddress: local })
    sockets.push(socket)
    socket.on('error', () => undefined).resume()
    if (text.length > 0) socket.write(text)
    return socket
  }

  async function secure(port: number): Promise<Socket> {
    const socket = await secureClient(await dialPath({ host: HOST, port }), { trust: TRUST, peer: 'it' })
    sockets.push(socket)
    return socket
  }

  it('listens on several addresses, and hands over what has finished TLS', async () => {
    const addresses = [
      { host: HOST, port: 0 },
      { host: '127.0.0.2', port: 0 },
    ]
    const { listener, came } = await listening({ addresses })
    assert.deepEqual(
      listener.addresses.map(({ host }) => host),
      [HOST, '127.0.0.2'],
    )
    for (const [i, { host, port }] of listener.addresses.entries()) {
      const client = await secureClient(await dialPath({ host, port }), { trust: TRUST, peer: 'it' })
      sockets.push(client)
      client.write('first words')
      await eventually(() => came.length === i + 1, 'the connection')
      const { socket, remote } = came[i]!
      assert.deepEqual(remote, { host: client.localAddress, port: client.localPort })
      assert.deepEqual(channelBinding(socket), channelBinding(client))
      const words = await new Promise((resolve) => socket.once('data', (data) => resolve(String(data))))
      assert.equal(words, 'first words')
    }
    assert.equal(listener.halfOpen, 0)
    assert.equal(listener.counts.accepted, 2)
  })

  it('does without TLS where it is told to', async () => {
    const { came, port } = await listening({ tls: undefined })
    raw(port, 'plain')
    await eventually(() => came.length === 1, 'the connection')
    assert.equal(channelBinding(came[0]!.socket), undefined)
  })

  it('lets in who is allowed, which may change', async () => {
    const { listener, came, port } = await listening({ allow: ['127.0.0.0/31'], tls: undefined })
    raw(port, 'x')
    await eventually(() => came.length === 1, 'the one that may')
    const refused = raw(port, 'x', '127.0.0.9')
    await eventually(() => refused.destroyed, 'the refusal')
    assert.equal(listener.counts.denied, 1)
    assert.throws(() => listener.setAllow(['nonsense']), RangeError)
    listener.setAllow(['127.0.0.9'])
    raw(port, 'x', '127.0.0.9')
    await eventually(() => came.length === 2, 'the one that may now')
    const other = raw(port, 'x')
    await eventually(() => other.destroyed, 'the other refusal')
    assert.equal(listener.counts.denied, 2)
  })

  it('shows another certificate when it is given one', async () => {
    const { listener, port } = await listening()
    const { cert, key } = await testCertificate()
    listener.setTls({ identity: { certificate: cert, key } })
    const socket = await dialPath({ host: HOST, port })
    sockets.push(await secureClient(socket, { trust: { fingerprints: [fingerprintOf(cert)] }, peer: 'it' }))
  })

  it('counts, and survives, whatever comes instead of TLS', LIMIT, async () => {
    const { listener, came, port } = await listening({ timeout: 30_000 })
    const hello = Buffer.from('16030100c8010000c40303', 'hex')
    const texts = ['GET / HTTP/1.1\r\n\r\n', 'x', hello, Buffer.alloc(100_000, 0xff), Buffer.alloc(20_000)]
    const attackers = Array.from({ length: 100 }, (_, i) => {
      const socket = raw(port, texts[i % texts.length])
      // Some leave by themselves, one way or the other (Node cannot reset a socket that is ending).
      if (i % 3 === 0) socket.end()
      else if (i % 7 === 0) socket.once('connect', () => socket.resetAndDestroy())
      return socket
    })
    await eventually(() => listener.counts.failed + listener.halfOpen === 100, 'all of them')
    for (const socket of attackers) socket.destroy()
    await eventually(() => listener.halfOpen === 0, 'their end')
    assert.deepEqual([listener.counts.failed, listener.counts.late], [100, 0])
    assert.equal(came.length, 0)
    await secure(port)
    await eventually(() => listener.counts.accepted === 1, 'somebody who means it')
  })

  it('asks before TLS who is admitted, and says when he counts no more', LIMIT, async () => {
    const admitted: { readonly address: string; isReleased: boolean; onDisplaced: (() => void) | undefined }[] = []
    const admit = (address: string): Admission | undefined => {
      if (address !== HOST) return undefined
      const one = { address, isReleased: false, onDisplaced: undefined, release: () => void (one.isReleased = true) }
      admitted.push(one)
      return one
    }
    const { listener, came, port } = await listening({ admit })
    const refused = raw(port, 'x', '127.0.0.9')
    await eventually(() => refused.destroyed, 'the refusal')
    assert.deepEqual([listener.counts.refused, listener.halfOpen, admitted.length], [1, 0, 0])
    const gone = raw(port)
    await eventually(() => listener.halfOpen === 1, 'the one that waits')
    gone.destroy()
    await eventually(() => listener.counts.failed === 1, 'its end')
    const old = raw(port)
    await eventually(() => listener.halfOpen === 1, 'the next one')
    admitted[1]!.onDisplaced?.()
    await eventually(() => old.destroyed, 'the end of the one that gave way')
    assert.deepEqual([listener.counts.displaced, listener.halfOpen], [1, 0])
    await secure(port)
    await eventually(() => came.length === 1, 'the one that means it')
    // Whoever takes a connection over says when it counts no more.
    assert.deepEqual(
      admitted.map(({ isReleased }) => isReleased),
      [true, true, false],
    )
  })

  it('waits for nobody for long, however busy he looks', LIMIT, async () => {
    const { listener, port } = await listening({ timeout: 60 })
    const silent = raw(port)
    const slow = raw(port)
    const hello = Buffer.from('16030102000100', 'hex')
    let next = 0
    const drip = setInterval(() => slow.write(hello.subarray(next, ++next)), 10)
    await eventually(() => silent.destroyed && slow.destroyed, 'the end of both')
    clearInterval(drip)
    assert.equal(listener.counts.late, 2)
    assert.equal(listener.halfOpen, 0)
  })

  it('ends those that wait when it closes, and leaves alone who is in', async () => {
    const { listener, came, port } = await listening()
    const client = await secure(port)
    await eventually(() => came.length === 1, 'the one that is in')
    const waiting = raw(port)
    await eventually(() => listener.halfOpen === 1, 'the one that waits')
    listener.close()
    listener.close()
    await eventually(() => waiting.destroyed, 'its end')
    came[0]!.socket.write('still here')
    const words = await new Promise((resolve) => client.once('data', (data) => resolve(String(data))))
    assert.equal(words, 'still here')
    await assert.rejects(dialPath({ host: HOST, port }), { code: 'ECONNREFUSED' })
  })

  it('says why it cannot listen, and then does so nowhere', async () => {
    const { port } = await listening()
    const addresses = [
      { host: '127.0.0.3', port: 0 },
      { host: HOST, port },
    ]
    await assert.rejects(
      listening({ addresses }),
      /Cannot listen on 127\.0\.0\.1:\d+: another program does.*\(EADDRINUSE\)$/,
    )
    const away = [{ host: '192.0.2.77', port: 0 }]
    await assert.rejects(listening({ addresses: away }), /the address is none of this machine \(EADDRNOTAVAIL\)$/)
    await assert.rejects(listening({ allow: ['x'] }), RangeError)
  })
})
