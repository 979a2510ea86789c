import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { runClient } from '../../src/cli/bench/engine/client.ts'
import { measureRounds, type RoundsInterval, type RoundsOptions } from '../../src/cli/bench/engine/rounds.ts'
import { BenchServer } from '../../src/cli/bench/engine/server.ts'
import type { Parameters } from '../../src/cli/bench/iperf/parameters.ts'
import { createStack } from '../../src/driver/create-stack.ts'
import { Cable } from '../../src/link/cable.ts'
import type { Host } from '../../src/stack/host.ts'
import { Notes, parameters, SERVER, withServer } from './bench-pair.ts'

const never = new AbortController().signal

async function measure(host: Host, init: Partial<Parameters>, interval = 0, signal = never) {
  const notes = new Notes()
  const isComplete = await runClient({
    host,
    remote: SERVER,
    port: 5201,
    parameters: parameters(init),
    interval,
    connectTimeout: 5000,
    observer: notes,
    signal,
  })
  return { isComplete, notes, end: notes.ends[0]! }
}

const rounds = (host: Host, init: Partial<RoundsOptions>) =>
  measureRounds({
    host,
    remote: SERVER,
    port: 5201,
    kind: 'latency',
    parallel: 1,
    length: 1,
    time: 0,
    rounds: 50,
    omit: 0,
    interval: 0,
    tcp: {},
    onInterval: () => undefined,
    signal: never,
    ...init,
  })

describe('a test of throughput between two stacks', () => {
  it('counts the same at both ends, both ways and at once, on one stream and on several', async () => {
    await withServer(async ({ client, notes }) => {
      const tests: readonly (readonly [Partial<Parameters>, sending: number, receiving: number])[] = [
        [{}, 1, 0],
        [{ parallel: 3 }, 3, 0],
        [{ reverse: true }, 0, 1],
        [{ reverse: true, parallel: 2 }, 0, 2],
        [{ bidirectional: true, parallel: 2 }, 2, 2],
        [{ congestion: 'bbr', mss: 1000, window: 256 * 1024, noDelay: true }, 1, 0],
      ]
      for (const [init, sending, receiving] of tests) {
        const { isComplete, end } = await measure(client, init)
        const theirs = end.theirs!
        assert.ok(isComplete)
        const { streams } = end.start
        assert.equal(streams.filter(({ isSender }) => isSender).length, sending, JSON.stringify(init))
        assert.equal(streams.length, sending + receiving)
        for (const { stream, counts } of end.measurement.totals) {
          const other = theirs.streams.find(({ id }) => id === stream.id)!
          const [sent, received] = stream.isSender ? [counts.bytes, other.bytes] : [other.bytes, counts.bytes]
          assert.ok(received > 0 && received <= sent, `${JSON.stringify(init)}: ${received} of ${sent}`)
        }
      }
      assert.equal(notes.ends.length, tests.length)
      assert.deepEqual(notes.failures, [])
    })
  })

  it('ends with as many bytes as asked for, delivered', async () => {
    await withServer(async ({ client }) => {
      const bytes = 20_000_001
      for (const init of [{}, { parallel: 3 }, { reverse: true }]) {
        const { end } = await measure(client, { ...init, time: 0, bytes })
        const ours = end.measurement.totals.reduce((sum, { counts }) => sum + counts.bytes, 0)
        const theirs = end.theirs!.streams.reduce((sum, each) => sum + each.bytes, 0)
        if ('reverse' in init) assert.ok(ours >= bytes)
        else assert.deepEqual([ours, theirs], [bytes, bytes])
      }
    })
  })

  it('asks both ends to use the segments, the buffers and the congestion control that were chosen', async () => {
    await withServer(async ({ client, notes }) => {
      await measure(client, { bidirectional: true, mss: 700, window: 64 * 1024, congestion: 'reno' })
      const { streams } = notes.starts[0]!
      for (const stream of streams) {
        assert.ok('socket' in stream)
        const { mss, congestion } = (stream.socket as { info(): { mss: number; congestion: string } }).info()
        assert.ok(mss <= 700)
        assert.equal(congestion, 'newreno')
      }
      const next = await measure(client, {})
      assert.ok(next.isComplete)
      assert.equal(notes.ends.at(-1)!.start.parameters.mss, undefined)
    })
  })

  it('reports in intervals that leave nothing out, and not what is omitted', async () => {
    await withServer(async ({ client }) => {
      const { notes, end } = await measure(client, { time: 0.5, omit: 0.3 }, 0.1)
      const counted = notes.intervals.filter(({ isOmitted }) => !isOmitted)
      assert.ok(notes.intervals.some(({ isOmitted }) => isOmitted))
      assert.equal(counted[0]!.from, 0)
      for (const [i, { from }] of counted.slice(1).entries()) assert.equal(from, counted[i]!.to)
      const sum = counted.reduce((total, { streams }) => total + streams[0]!.bytes, 0)
      assert.equal(sum, end.measurement.totals[0]!.counts.bytes)
    })
  })

  it('keeps to a bit rate', async () => {
    await withServer(async ({ client }) => {
      const { end } = await measure(client, { bitrate: 8_000_000, length: 1000, time: 0.5 })
      const { counts } = end.measurement.totals[0]!
      const allowed = 1000 * 1000 * end.measurement.seconds
      assert.ok(counts.bytes <= allowed + 1000 && counts.bytes > 0, `${counts.bytes} of ${allowed}`)
    })
  })

  it('ends in time at a bit rate that cannot be reached', async () => {
    await withServer(async ({ client }) => {
      for (const protocol of ['tcp', 'udp'] as const) {
        const { isComplete } = await measure(client, { protocol, length: 100, bitrate: 1e12 })
        assert.ok(isComplete)
      }
    })
  })

  it('carries datagrams both ways, and knows what was lost', async () => {
    await withServer(async ({ client, notes }) => {
      for (const init of [{}, { reverse: true }, { bidirectional: true, parallel: 2 }, { wideCounters: true }]) {
        const { end } = await measure(client, { ...init, protocol: 'udp', length: 0, bitrate: 4_000_000 })
        for (const { stream, counts } of end.measurement.totals) {
          const other = end.theirs!.streams.find(({ id }) => id === stream.id)!
          const receiver = stream.isSender ? other : counts
          assert.ok(receiver.packets > 0 && receiver.bytes > 0, JSON.stringify(init))
          assert.equal(receiver.lost, 0)
        }
      }
      assert.deepEqual(notes.failures, [])
    })
  })

  it('shows what there is when it is interrupted, and leaves the server free', async () => {
    await withServer(async ({ client, notes }) => {
      const controller = new AbortController()
      const watch = setInterval(() => {
        if (notes.starts.length > 0) setTimeout(() => controller.abort(), 100)
      }, 10)
      const { isComplete, end } = await measure(client, { time: 0 }, 0, controller.signal)
      clearInterval(watch)
      assert.equal(isComplete, false)
      assert.ok(end.measurement.totals[0]!.counts.bytes > 0)
      assert.equal((await measure(client, {})).isComplete, true)
      assert.match(String(notes.failures[0]), /ended the test early/)
    })
  })

  it('says that the server ended it', async () => {
    await withServer(async ({ client, server, notes }) => {
      const test = measure(client, { time: 0 })
      const watch = setInterval(() => {
        if (notes.starts.length > 0) void server.close()
      }, 10)
      await assert.rejects(test, { code: 'ECONNRESET', message: /was ended in the middle of the test/ })
      clearInterval(watch)
    })
  })

  it('refuses a second test meanwhile, not the first', async () => {
    await withServer(async ({ client, notes }) => {
      const controller = new AbortController()
      const first = measure(client, { time: 0 }, 0, controller.signal)
      while (notes.starts.length === 0) await sleep(10)
      await assert.rejects(measure(client, {}), { code: 'EBUSY' })
      controller.abort()
      const { end } = await first
      assert.ok(end.measurement.totals[0]!.counts.bytes > 0)
    })
  })

  it('ends the server after one test that is to be the only one', async () => {
    await withServer(
      async ({ client, server }) => {
        await measure(client, {})
        await server.ended
        await assert.rejects(measure(client, {}), { code: 'ECONNREFUSED' })
      },
      { once: true },
    )
  })
})

describe('round trips with few ports', () => {
  it('wait for one to be free again', async () => {
    const cable = new Cable()
    const client = createStack({ ports: { first: 50_000, last: 50_003 } })
    const host = createStack()
    client.addInterface(cable.a, { address: '10.0.0.1/24' })
    host.addInterface(cable.b, { address: '10.0.0.2/24' })
    const server = new BenchServer({ host, port: 5201, interval: 0, once: false, echo: true, observer: new Notes() })
    const { round } = await rounds(client, { kind: 'connections', rounds: 6 })
    assert.equal(round.count, 6)
    await server.close()
    client.close()
    host.close()
  })
})

describe('round trips between two stacks', () => {
  it('are counted one by one, on connections that stay and on new ones', async () => {
    await withServer(async ({ client }) => {
      for (const kind of ['latency', 'connections'] as const) {
        for (const parallel of [1, 4]) {
          const { round, connect, isComplete } = await rounds(client, { kind, parallel, length: 100 })
          assert.ok(isComplete)
          assert.equal(round.count, 50)
          assert.equal(connect.count, kind === 'latency' ? parallel : 50)
          assert.ok(round.min > 0 && round.percentile(0.5)! <= round.max)
        }
      }
    })
  })

  it('are reported in intervals, and end in time', async () => {
    await withServer(async ({ client }) => {
      const intervals: number[] = []
      const onInterval = ({ round }: RoundsInterval): void => void intervals.push(round.count)
      const { round } = await rounds(client, { rounds: 0, time: 0.3, interval: 0.1, onInterval })
      assert.ok(intervals.length >= 3)
      assert.equal(
        intervals.reduce((sum, count) => sum + count, 0),
        round.count,
      )
    })
  })

  it('go on beside a test of throughput', async () => {
    await withServer(async ({ client }) => {
      const test = measure(client, { time: 0.3 })
      assert.equal((await rounds(client, {})).round.count, 50)
      assert.equal((await test).isComplete, true)
    })
  })

  it('need a server that echoes', async () => {
    await withServer(
      async ({ client }) => {
        await assert.rejects(rounds(client, { length: 64 }), { code: 'EPROTO', message: /should send back/ })
      },
      { echo: false },
    )
    await withServer(async ({ client, host }) => {
      const sink = host.tcp.listen({ port: 9 })
      void sink.accept().then((socket) => socket.write(Uint8Array.of(7)))
      await assert.rejects(rounds(client, { port: 9 }), { code: 'EPROTO', message: /something else/ })
      await assert.rejects(rounds(client, { port: 10 }), { code: 'ECONNREFUSED' })
    })
  })
})
