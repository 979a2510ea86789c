import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { inspect } from 'node:util'
import { NetError } from '../../src/base/errors.ts'
import type { Micros } from '../../src/base/types.ts'
import { Cable } from '../../src/link/cable.ts'
import { Ping, ping } from '../../src/stack/ping.ts'
import type { PingEvent, PingOptions } from '../../src/stack/ping-events.ts'
import { Simulation } from '../../src/stack/simulate.ts'
import { host, pair } from './net.ts'
import { packet, TestLink } from './test-link.ts'

async function collect(run: Ping): Promise<PingEvent[]> {
  const events: PingEvent[] = []
  for await (const event of run) events.push(event)
  return events
}

const NUMBERS = ['size', 'interval', 'timeout', 'ttl', 'tos']

describe('ping()', () => {
  it('resolves with the first reply and its round-trip time', async () => {
    const { a, b } = pair({ delay: 250 as Micros })
    const reply = await new Simulation([a, b]).runUntilSettled(ping(a, '10.0.0.2'))
    // One trip until the peer's announcement tells its address, two for the echo: the first packet waited.
    assert.deepEqual(reply, {
      type: 'reply',
      seq: 1,
      from: '10.0.0.2',
      ttl: 64,
      bytes: 64,
      rttUs: 750,
      isDuplicate: false,
      isCorrupt: false,
      isAltered: false,
    })
  })

  it('rejects with EHOSTUNREACH when the neighbour does not answer', async () => {
    const { a, b } = pair()
    const result = new Simulation([a, b]).runUntilSettled(ping(a, '10.0.0.9'))
    await assert.rejects(result, { code: 'EHOSTUNREACH', address: '10.0.0.9' })
  })

  it('rejects with ETIMEDOUT when no reply comes', async () => {
    const a = host(new TestLink('ip'), '10.0.0.1/24')
    const result = new Simulation([a]).runUntilSettled(ping(a, '10.0.0.9', { timeout: 700 }))
    await assert.rejects(result, { code: 'ETIMEDOUT' })
    assert.equal(a.pollAt(), Number.POSITIVE_INFINITY)
  })

  it('rejects at once without a way, for IPv6, for a broadcast, and when aborted', async () => {
    const { a } = pair()
    await assert.rejects(ping(a, '8.8.8.8'), { code: 'ENETUNREACH' })
    await assert.rejects(ping(a, 'fe80::1'), { code: 'EAFNOSUPPORT' })
    await assert.rejects(ping(a, '10.0.0.255'), { code: 'EACCES' })
    await assert.rejects(ping(a, '10.0.0.2', { source: '9.9.9.9' }), { code: 'EADDRNOTAVAIL' })
    await assert.rejects(ping(a, '10.0.0.2', { signal: AbortSignal.abort() }), { code: 'ABORT_ERR' })
    await assert.rejects(ping(a, 'nonsense'), TypeError)
    await assert.rejects(ping(a, '10.0.0.2', { size: 70000 }), RangeError)
  })

  it('rejects an option of another kind', async () => {
    const { a } = pair()
    const before = a.pollAt()
    const refused: (readonly [options: object, code: string, message?: RegExp])[] = [
      ...NUMBERS.map((name) => [{ [name]: '7' }, 'ERR_INVALID_ARG_TYPE', / "7": /] as const),
      ...NUMBERS.map((name) => [{ [name]: Symbol('7') }, 'ERR_INVALID_ARG_TYPE', / Symbol\(7\): /] as const),
      ...NUMBERS.map((name) => [{ [name]: -1 }, 'ERR_OUT_OF_RANGE', / -1: /] as const),
      ...['size', 'ttl', 'tos'].map((name) => [{ [name]: 1.5 }, 'ERR_OUT_OF_RANGE'] as const),
      ...['dontFragment', 'broadcast'].map((name) => [{ [name]: 'yes' }, 'ERR_INVALID_ARG_TYPE'] as const),
      ...[5, 'abort', {}].map((signal) => [{ signal }, 'ERR_INVALID_ARG_TYPE'] as const),
      ...[5, 'ab', [1, 2]].map((pattern) => [{ pattern }, 'ERR_INVALID_ARG_TYPE'] as const),
    ]
    for (const [options, code, message = /^Cannot /] of refused) {
      await assert.rejects(ping(a, '10.0.0.2', options as unknown as PingOptions), { code, message }, inspect(options))
    }
    for (const [count, code] of [
      ['2', 'ERR_INVALID_ARG_TYPE'],
      [2.5, 'ERR_OUT_OF_RANGE'],
    ] as const) {
      assert.throws(() => new Ping(a, '10.0.0.2', { count: count as number }), { code })
    }
    assert.equal(a.pollAt(), before, 'nothing was opened')
  })

  it('ends when its signal fires', async () => {
    const a = host(new TestLink('ip'), '10.0.0.1/24')
    const abort = new AbortController()
    const result = ping(a, '10.0.0.9', { signal: abort.signal })
    a.poll(0 as Micros)
    abort.abort()
    await assert.rejects(result, (error) => error instanceof NetError && error.code === 'ABORT_ERR')
  })

  it('pings itself without a wire', async () => {
    const { a } = pair()
    for (const address of ['127.0.0.1', '10.0.0.1']) {
      const reply = await new Simulation([a]).runUntilSettled(ping(a, address, { size: 20000 }))
      assert.equal(reply.bytes, 20008)
    }
  })
})

describe('Ping', () => {
  it('sends count requests an interval apart and ends with the last reply', async () => {
    const { a, b } = pair({ delay: 100 as Micros })
    const run = new Ping(a, '10.0.0.2', { count: 3, interval: 200 })
    const simulation = new Simulation([a, b])
    const events = await simulation.runUntilSettled(collect(run))
    assert.deepEqual(
      events.map((event) => [event.type, event.seq]),
      [1, 2, 3].flatMap((seq) => [
        ['sent', seq],
        ['reply', seq],
      ]),
    )
    assert.equal(simulation.now, 400_200)
    const { sent, received, loss, minUs, avgUs, maxUs } = run.summary
    assert.deepEqual({ sent, received, loss, minUs, maxUs }, { sent: 3, received: 3, loss: 0, minUs: 200, maxUs: 300 })
    assert.ok(Math.abs(avgUs - 700 / 3) < 1e-6)
  })

  it('tells of unanswered requests, errors and the wait at the end', async () => {
    const link = new TestLink('ip')
    const a = host(link, '10.0.0.1/24')
    const run = new Ping(a, '10.0.0.2', { count: 2, interval: 1000, timeout: 500 })
    const simulation = new Simulation([a])
    const events = await simulation.runUntilSettled(collect(run))
    assert.deepEqual(
      events.map((event) => [event.type, event.seq]),
      [
        ['sent', 1],
        ['unanswered', 1],
        ['sent', 2],
      ],
    )
    assert.equal(simulation.now, 1_500_000)
    assert.equal(run.summary.loss, 1)
  })

  it('knows duplicates, corrupt and altered replies', async () => {
    const link = new TestLink('ip')
    const a = host(link, '10.0.0.1/24')
    const run = new Ping(a, '10.0.0.2', { count: 2 })
    const events = collect(run)
    a.poll(0 as Micros)
    const request = link.take()[0]!
    const message = request.slice(20)
    message[0] = 0
    // Turning type 8 into 0 takes 0x0800 from the sum.
    const view = new DataView(message.buffer)
    const sum = view.getUint16(2) + 0x0800
    view.setUint16(2, (sum & 0xffff) + (sum >>> 16))
    const header = { protocol: 1, src: 0x0a000002 as never, dst: 0x0a000001 as never }
    const corrupt = message.slice()
    corrupt[20]! ^= 1
    const altered = message.slice()
    // One word up, another down: the sum is the same.
    altered[8]! += 1
    altered[10]! -= 1
    for (const reply of [corrupt, altered, message]) link.feed(packet(header, reply))
    a.poll(300 as Micros)
    run.stop()
    const replies = (await events).filter((event) => event.type === 'reply')
    assert.deepEqual(
      replies.map((event) => [event.rttUs, event.isDuplicate, event.isCorrupt, event.isAltered]),
      [
        [300, false, true, true],
        [300, false, false, true],
        [300, true, false, false],
      ],
    )
    const { received, duplicates, corrupt: bad } = run.summary
    assert.deepEqual({ received, duplicates, bad }, { received: 1, duplicates: 1, bad: 1 })
  })

  it('floods as fast as replies come with interval 0', async () => {
    const { a, b } = pair({ delay: 50 as Micros })
    const run = new Ping(a, '10.0.0.2', { count: 100, interval: 0 })
    const simulation = new Simulation([a, b])
    await simulation.runUntilSettled(collect(run))
    assert.equal(run.summary.received, 100)
    assert.equal(simulation.now, 100 * 100 + 50)
  })

  it('says that a packet is too large when it must not be cut', async () => {
    const { a, b } = pair()
    const run = new Ping(a, '10.0.0.2', { count: 1, size: 2000, dontFragment: true })
    const events = await new Simulation([a, b]).runUntilSettled(collect(run))
    const failure = events.find((event) => event.type === 'error')!
    assert.equal(failure.code, 'EMSGSIZE')
    assert.equal(failure.mtu, 1500)
  })

  it('stops sending when nobody reads its events', () => {
    const { a, b } = pair()
    const run = new Ping(a, '10.0.0.2', { interval: 1 })
    new Simulation([a, b]).run(60_000_000 as Micros)
    assert.ok(run.summary.sent < 1100)
    run.stop()
  })

  it('reaches a host behind other cable options', async () => {
    const cable = new Cable({ mtu: 576 })
    const a = host(cable.a, '10.0.0.1/24', { vlan: 7 }, 1)
    const b = host(cable.b, '10.0.0.2/24', { vlan: 7 }, 2)
    const reply = await new Simulation([a, b]).runUntilSettled(ping(a, '10.0.0.2', { size: 1000 }))
    assert.equal(reply.bytes, 1008)
  })
})
