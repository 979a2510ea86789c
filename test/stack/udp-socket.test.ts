import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { NetError } from '../../src/base/errors.ts'
import type { Micros } from '../../src/base/types.ts'
import { Simulation } from '../../src/stack/simulate.ts'
import { openUdp } from '../../src/stack/udp-socket.ts'
import { host, pair } from './net.ts'
import { packetsOf, TestLink } from './test-link.ts'

const text = (data: Uint8Array): string => new TextDecoder().decode(data)
const bytes = (words: string): Uint8Array => new TextEncoder().encode(words)

describe('UdpSocket', () => {
  it('carries datagrams of up to 65,507 bytes there and back', async () => {
    const { a, b } = pair({ delay: 100 as Micros })
    const server = openUdp(b, { port: 7 })
    const client = openUdp(a)
    const simulation = new Simulation([a, b])
    for (const length of [0, 1, 1472, 1473, 65507]) {
      const data = Uint8Array.from({ length }, (_, i) => i * 7)
      await client.send(data, '10.0.0.2', 7)
      const request = await simulation.runUntilSettled(server.receive())
      assert.deepEqual(request, { data, address: '10.0.0.1', port: client.localPort, destination: '10.0.0.2' })
      await server.send(data, request.address, request.port)
      assert.deepEqual((await simulation.runUntilSettled(client.receive())).data, data)
    }
  })

  it('binds random ephemeral ports and refuses ports in use', () => {
    const { a } = pair()
    const ports = Array.from({ length: 20 }, () => openUdp(a).localPort)
    assert.equal(new Set(ports).size, 20)
    assert.ok(ports.every((port) => port >= 49152))
    assert.ok(ports.some((port, i) => i > 0 && port !== ports[i - 1]! + 1))
    openUdp(a, { port: 53 })
    assert.throws(() => openUdp(a, { port: 53 }), { code: 'EADDRINUSE' })
    assert.throws(() => openUdp(a, { port: 53, address: '10.0.0.1' }), { code: 'EADDRINUSE' })
    assert.throws(() => openUdp(a, { address: '9.9.9.9' }), { code: 'EADDRNOTAVAIL' })
    assert.throws(() => openUdp(a, { port: 70000 }), RangeError)
    const shared = openUdp(a, { port: 99, reuse: true })
    openUdp(a, { port: 99, reuse: true }).close()
    shared.close()
    openUdp(a, { port: 99 }).close()
  })

  it('hears only its peer once connected, and of its refusals', async () => {
    const { a, b } = pair()
    const client = openUdp(a)
    const simulation = new Simulation([a, b])
    await assert.rejects(client.send(bytes('x')), { code: 'ENOTCONN' })
    client.connect('10.0.0.2', 7)
    assert.deepEqual([client.localAddress, client.remoteAddress, client.remotePort], ['10.0.0.1', '10.0.0.2', 7])
    await client.send(bytes('anybody?'))
    await assert.rejects(simulation.runUntilSettled(client.receive()), { code: 'ECONNREFUSED', port: 7 })
    const server = openUdp(b, { port: 7 })
    await client.send(bytes('now?'))
    assert.equal(text((await simulation.runUntilSettled(server.receive())).data), 'now?')
    const stranger = openUdp(b)
    await stranger.send(bytes('psst'), '10.0.0.1', client.localPort)
    await server.send(bytes('yes'), '10.0.0.1', client.localPort)
    assert.equal(text((await simulation.runUntilSettled(client.receive())).data), 'yes')
  })

  it('tells an unconnected socket of errors without failing it', async () => {
    const { a, b } = pair()
    const errors: NetError[] = []
    const client = openUdp(a, { onError: (error) => errors.push(error) })
    await client.send(bytes('x'), '10.0.0.2', 7)
    await client.send(bytes('x'), '10.0.0.77', 7)
    new Simulation([a, b]).run(10_000_000 as Micros)
    assert.deepEqual(
      errors.map((error) => [error.code, error.address]),
      [
        ['ECONNREFUSED', '10.0.0.2'],
        ['EHOSTUNREACH', '10.0.0.77'],
      ],
    )
    await client.send(bytes('x'), '10.0.0.2', 7)
  })

  it('holds back whoever sends faster than the stack is polled', async () => {
    const { a, b } = pair()
    const client = openUdp(a, { sendBuffer: 2000 })
    await client.send(new Uint8Array(1000), '10.0.0.2', 7)
    let isSent = false
    const second = client.send(new Uint8Array(1000), '10.0.0.2', 7).then(() => {
      isSent = true
    })
    await Promise.resolve()
    assert.equal(isSent, false)
    await new Simulation([a, b]).runUntilSettled(second)
  })

  it('is an iterable that ends when it is closed', async () => {
    const { a, b } = pair()
    const server = openUdp(b, { port: 7 })
    const client = openUdp(a)
    const heard: string[] = []
    const reading = (async () => {
      for await (const { data } of server) {
        heard.push(text(data))
        if (heard.length === 2) server.close()
      }
    })()
    await client.send(bytes('one'), '10.0.0.2', 7)
    await client.send(bytes('two'), '10.0.0.2', 7)
    client.close()
    await new Simulation([a, b]).runUntilSettled(reading)
    assert.deepEqual(heard, ['one', 'two'])
    await assert.rejects(server.receive(), { code: 'ERR_CLOSED' })
    await assert.rejects(server.send(bytes('x'), '10.0.0.1', 1), { code: 'ERR_CLOSED' })
  })

  it('stops waiting when its signal fires or it is closed', async () => {
    const { a } = pair()
    const socket = openUdp(a)
    const abort = new AbortController()
    const first = socket.receive({ signal: abort.signal })
    const second = socket.receive()
    abort.abort()
    await assert.rejects(first, { code: 'ABORT_ERR' })
    socket.close()
    await assert.rejects(second, { code: 'ERR_CLOSED' })
    await assert.rejects(openUdp(a).receive({ signal: AbortSignal.abort() }), { code: 'ABORT_ERR' })
  })

  it('joins groups, tells the router, and hears them (RFC 2236)', async () => {
    const { a, b } = pair()
    const listener = openUdp(b, { port: 5353 })
    const deaf = openUdp(b, { port: 5353 + 1 })
    const sender = openUdp(a)
    listener.join('239.1.2.3')
    const simulation = new Simulation([a, b])
    await sender.send(bytes('group'), '239.1.2.3', 5354)
    await sender.send(bytes('group'), '239.1.2.3', 5353)
    const heard = await simulation.runUntilSettled(listener.receive())
    assert.deepEqual([text(heard.data), heard.destination], ['group', '239.1.2.3'])
    assert.equal(deaf.dropped, 0)
    await assert.rejects(deaf.receive({ signal: AbortSignal.timeout(1) }), { code: 'ABORT_ERR' })
    assert.throws(() => listener.join('10.0.0.1'), { code: 'EINVAL' })
  })

  it('reports membership twice on joining and says farewell on leaving', () => {
    const link = new TestLink('ip')
    const stack = host(link, '10.0.0.1/24')
    const socket = openUdp(stack)
    const again = openUdp(stack)
    socket.join('239.1.2.3')
    again.join('239.1.2.3')
    new Simulation([stack]).run(60_000_000 as Micros)
    const reports = packetsOf(link.take(), 'ip')
    assert.deepEqual(
      reports.map((header) => [header.ttl, header.headerLen, header.bytes[24]]),
      [
        [1, 24, 0x16],
        [1, 24, 0x16],
      ],
    )
    socket.close()
    stack.poll(60_000_000 as Micros)
    assert.deepEqual(link.take(), [])
    again.leave('239.1.2.3')
    stack.poll(60_000_000 as Micros)
    assert.deepEqual(
      packetsOf(link.take(), 'ip').map((header) => [header.dst, header.bytes[24]]),
      [[0xe0000002, 0x17]],
    )
  })
})
