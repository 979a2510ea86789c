import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { seededRng } from '../../src/base/rng.ts'
import { fromMs } from '../../src/base/types.ts'
import { Cable } from '../../src/link/cable.ts'
import { Host } from '../../src/stack/host.ts'
import { hosts, LIMIT } from './net.ts'

describe('Host.addInterface()', () => {
  it('refuses an MTU that no host may have (RFC 791 §3.2)', () => {
    const add = (mtu: number) =>
      new Host({ rng: seededRng(1) }).addInterface(new Cable().a, { address: '10.0.0.1/24', mtu })
    assert.throws(() => add(67), { name: 'RangeError', message: /at least 68, got 67/ })
    assert.throws(() => add(Number.NaN), RangeError)
    assert.equal(add(68).mtu, 68)
    assert.equal(add(9000).mtu, 1500)
  })

  it('takes addresses as people write them, and refuses anything else', () => {
    const add = (mac: string, address = '10.0.0.1/24') =>
      new Host({ rng: seededRng(1) }).addInterface(new Cable().a, { address, mac })
    assert.equal(add('02:00:00:00:00:07').mac, 0x020000000007)
    assert.throws(() => add('02:00'), { name: 'TypeError', message: /"02:00".*six octets/ })
    assert.throws(() => add('02:00:00:00:00:07', '10.0.0.1/33'), { name: 'TypeError', message: /with its prefix/ })
  })
})

describe('Host.close()', () => {
  it('ends whatever waits: accept, iteration, ping, UDP, a connection at either end', async () => {
    const { a, b, simulation } = hosts()
    const listener = b.tcp.listen({ port: 80 })
    const accepted = listener.accept()
    const socket = await simulation.runUntilSettled(a.tcp.connect({ host: '10.0.0.2', port: 80 }), LIMIT)
    const peer = await simulation.runUntilSettled(accepted, LIMIT)
    const ends = {
      accept: listener.accept().catch((error) => error.code),
      udp: b.udp
        .open({ port: 53 })
        .receive()
        .catch((error) => error.code),
      ping: b.ping('10.0.0.99').catch((error) => error.code),
      read: peer.read().catch((error) => error.code),
      peer: socket.read().catch((error) => error.code),
    }
    b.close()
    assert.equal(await ends.accept, 'ERR_CLOSED')
    assert.equal(await ends.udp, 'ERR_CLOSED')
    assert.equal(await ends.ping, 'ERR_CLOSED')
    assert.equal(await ends.read, 'ECONNABORTED')
    assert.equal(await simulation.runUntilSettled(ends.peer, LIMIT), 'ECONNRESET')
    assert.equal(b.stack.pollAt(), Number.POSITIVE_INFINITY)
    await assert.rejects(b.tcp.connect({ host: '10.0.0.1', port: 80 }), { code: 'ERR_CLOSED' })
  })
})

describe('TcpSocket', () => {
  it('taken from the listener after it was reset says so', async () => {
    const { a, b, simulation } = hosts()
    const listener = b.tcp.listen({ port: 80 })
    const socket = await simulation.runUntilSettled(a.tcp.connect({ host: '10.0.0.2', port: 80 }), LIMIT)
    simulation.run(fromMs(1000))
    socket.abort()
    simulation.run(fromMs(2000))
    const late = await listener.accept()
    await assert.rejects(late.read(), { code: 'ECONNRESET' })
    await late.close()
  })

  it("fails with Node's codes: refused, unreachable, aborted, written after the end", async () => {
    const { a, b, simulation } = hosts()
    const code = (promise: Promise<unknown>) =>
      simulation.runUntilSettled(
        promise.then(String, (error) => error.code),
        LIMIT,
      )
    assert.equal(await code(a.tcp.connect({ host: '10.0.0.2', port: 1 })), 'ECONNREFUSED')
    assert.equal(await code(a.tcp.connect({ host: '10.0.0.77', port: 1 })), 'EHOSTUNREACH')
    assert.equal(await code(a.tcp.connect({ host: '192.0.2.1', port: 1 })), 'ENETUNREACH')
    assert.equal(await code(a.tcp.connect({ host: '10.0.0.2', port: 1, localAddress: '10.0.0.9' })), 'EADDRNOTAVAIL')
    const aborter = new AbortController()
    const attempt = a.tcp.connect({ host: '10.0.0.78', port: 1, signal: aborter.signal })
    aborter.abort()
    assert.equal(await code(attempt), 'ABORT_ERR')
    b.tcp.listen({ port: 80 })
    assert.throws(() => b.tcp.listen({ port: 80 }), { code: 'EADDRINUSE' })
    const socket = await simulation.runUntilSettled(a.tcp.connect({ host: '10.0.0.2', port: 80 }), LIMIT)
    socket.end()
    assert.equal(await code(socket.write('late')), 'EPIPE')
  })

  it('refuses calls without options, and a signal that is none', async () => {
    const { a } = hosts()
    const refusal = { name: 'TypeError', code: 'ERR_INVALID_ARG_TYPE' }
    for (const options of [undefined, null, 'x', 5]) {
      await assert.rejects(a.tcp.connect(options as never), refusal)
      assert.throws(() => a.tcp.listen(options as never), refusal)
      assert.throws(() => a.addInterface(new Cable().a, options as never), refusal)
    }
    await assert.rejects(a.tcp.connect({ host: '10.0.0.2', port: 1, signal: 5 as never }), refusal)
    assert.throws(() => a.tcp.listen({ port: 80, signal: 'x' as never }), refusal)
  })
})
