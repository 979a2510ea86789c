import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { seqAdd } from '../../src/base/seq.ts'
import { fromMs } from '../../src/base/types.ts'
import type { FaultOptions } from '../../src/link/fault-options.ts'
import { send } from '../../src/tcp/user.ts'
import { End } from './end.ts'
import { B, type ExchangeOptions, exchange, Pair, type PairOptions } from './pair.ts'

const HOUR = 3_600_000

/** An exchange that must deliver everything, close both sides, and leave nothing behind. */
function complete(pairOptions: PairOptions, options: ExchangeOptions): ReturnType<typeof exchange> & { pair: Pair } {
  const pair = new Pair(pairOptions)
  const result = exchange(pair, 4 * HOUR, options)
  const { seed } = pairOptions
  const count = options.connections ?? 1
  assert.deepEqual([seed, result.clients.length, result.servers.length], [seed, count, count])
  for (const [ends, expected] of [
    [result.clients, options.server.send ?? 0],
    [result.servers, options.client.send ?? 0],
  ] as const) {
    for (const { received, firstWrong, closed } of ends) {
      assert.deepEqual(
        { seed, received, firstWrong, closed },
        { seed, received: expected, firstWrong: undefined, closed: 'closed' },
      )
    }
  }
  pair.run(6 * HOUR)
  for (const { tcp, stack } of [pair.a, pair.b]) {
    assert.deepEqual([seed, tcp.size, stack.ports.size], [seed, 0, 0])
    assert.equal(tcp.pollAt(), Number.POSITIVE_INFINITY)
  }
  return { ...result, pair }
}

const seeds = (count: number, from = 1): number[] => Array.from({ length: count }, (_, i) => from + i)

describe('two stacks on a cable', () => {
  it('deliver a megabyte without loss and without sending anything twice', () => {
    for (const offload of [false, true]) {
      const { clients } = complete(
        { seed: 1, cable: { offload } },
        { client: { send: 1_000_000 }, server: { closesSecond: true } },
      )
      assert.equal(clients[0]?.tcb.trouble.retransmissions, 0)
    }
  })

  for (const offload of [false, true]) {
    it(`deliver everything at 30 % loss, whatever the seed, ${offload ? 'with' : 'without'} offload`, () => {
      for (const seed of seeds(20)) {
        complete(
          { seed, fault: { loss: 0.3 }, cable: { offload } },
          { client: { send: 100_000 }, server: { closesSecond: true } },
        )
      }
    })

    it(`deliver both directions at once at 20 % loss, ${offload ? 'with' : 'without'} offload`, () => {
      for (const seed of seeds(10)) {
        const fault = { loss: 0.2, reorder: 0.1, duplicate: 0.05, delay: fromMs(5) }
        complete({ seed, fault, cable: { offload } }, { client: { send: 100_000 }, server: { send: 120_000 } })
      }
    })
  }

  it('deliver both directions at full speed, data and ACKs sharing their segments', () => {
    const { clients } = complete(
      { seed: 1, cable: { rate: 100e6 } },
      { client: { send: 2_000_000 }, server: { send: 2_000_000 } },
    )
    assert.equal(clients[0]?.tcb.trouble.timeouts, 0)
  })

  it('deliver through the smallest windows', () => {
    for (const seed of seeds(5)) {
      complete(
        { seed, fault: { loss: 0.1 } },
        { client: { send: 20_000 }, server: { send: 20_000 }, tcp: { receiveBuffer: 2048, sendBuffer: 2048 } },
      )
    }
  })

  it('deliver to a slow reader, who is never sent more than its buffer', () => {
    for (const loss of [0, 0.1]) {
      const server = { closesSecond: true, readEvery: 50, readSize: 700 }
      const tcp = { receiveBuffer: 20_000 }
      const { servers } = complete({ seed: 3, fault: { loss } }, { client: { send: 100_000 }, server, tcp })
      assert.ok(servers[0]!.longestQueue <= 20_000, `${servers[0]!.longestQueue}`)
      assert.ok(servers[0]!.longestQueue > 15_000)
    }
  })

  it('deliver when both read slowly and both windows are closed most of the time', () => {
    for (const seed of seeds(5)) {
      const end = { send: 60_000, readEvery: 300, readSize: 3000 }
      complete(
        { seed, fault: { loss: 0.05 } },
        { client: end, server: end, tcp: { receiveBuffer: 6000, sendBuffer: 8000 } },
      )
    }
  })

  it('deliver over a path of small packets and a path of large ones', () => {
    for (const mtu of [68, 296, 576, 9000, 65_535]) {
      complete(
        { seed: 1, fault: { loss: 0.02 }, cable: { mtu } },
        { client: { send: mtu < 100 ? 5000 : 200_000 }, server: { closesSecond: true } },
      )
    }
  })

  it('serve 200 connections at once, over loss', () => {
    complete(
      { seed: 5, fault: { loss: 0.02 } },
      { client: { send: 3000 }, server: { send: 5000, closesSecond: true }, connections: 200 },
    )
  })

  it('half-close by either side: the other goes on sending', () => {
    for (const seed of seeds(5)) {
      const fault = { loss: 0.1 }
      complete({ seed, fault }, { client: { send: 10 }, server: { send: 100_000 } })
      complete({ seed, fault }, { client: { send: 100_000 }, server: { send: 10 } })
      complete({ seed, fault }, { client: { send: 10, closesSecond: true }, server: { send: 100_000 } })
      complete({ seed, fault }, { client: {}, server: {} })
    }
  })

  it('need no timeout for scattered losses', () => {
    let timeouts = 0
    for (const seed of seeds(10)) {
      const { clients } = complete(
        { seed, fault: { send: { loss: 0.01 }, delay: fromMs(10) } },
        { client: { send: 1_000_000 }, server: { closesSecond: true } },
      )
      timeouts += clients[0]!.tcb.trouble.timeouts
    }
    assert.ok(timeouts <= 5, `${timeouts}`)
  })
})

describe('two ends that disagree about their sequence numbers', () => {
  it('do not answer each other for ever (RFC 5961 §7)', () => {
    const pair = new Pair({ seed: 1, checks: false })
    const listener = pair.b.tcp.listen(B, 80)
    const a = pair.a.tcp.connect(B, 80)
    pair.run(100)
    const b = listener.accept()!
    // As after data that somebody forged into both directions.
    for (const tcb of [a, b]) {
      tcb.rcv.nxt = seqAdd(tcb.rcv.nxt, 5000)
      tcb.rcv.adv = seqAdd(tcb.rcv.adv, 5000)
    }
    send(a, new Uint8Array(10), 0)
    const before = a.stats.segmentsOut + b.stats.segmentsOut
    pair.run(5100)
    const segments = a.stats.segmentsOut + b.stats.segmentsOut - before
    assert.ok(segments < 150, `${segments} segments in five seconds`)
  })
})

describe('a run', () => {
  const faults: FaultOptions = {
    loss: 0.1,
    reorder: 0.1,
    duplicate: 0.05,
    corrupt: 0.05,
    delay: fromMs(3),
    jitter: fromMs(4),
  }

  function digest(seed: number): string {
    const pair = new Pair({ seed, fault: faults, digest: true })
    exchange(pair, HOUR, { client: { send: 50_000 }, server: { send: 50_000 }, connections: 3 })
    return pair.digest()
  }

  it('is the same frames at the same times by the same seed, and others by another', () => {
    assert.equal(digest(7), digest(7))
    assert.notEqual(digest(7), digest(8))
  })
})

describe('20,000 connections one after another', () => {
  it('leave no connection, timer or port behind, whoever closes first', () => {
    const count = 20_000
    const pair = new Pair({ seed: 1, checks: false })
    const { a, b } = pair
    const ends: End[] = []
    const listener = b.tcp.listen(B, 80)
    listener.onConnection = () => {
      const closesSecond = ends.length % 4 < 2
      ends.push(new End(listener.accept()!, b.tcp, { send: 100, closesSecond }))
    }
    let failed = 0
    for (let i = 0; i < count; i++) {
      const closesSecond = i % 2 === 1
      ends.push(new End(a.tcp.connect(B, 80), a.tcp, { send: 100, closesSecond: closesSecond && ends.length % 4 >= 2 }))
      pair.run((i + 1) * 20)
      for (const { received, closed } of ends.splice(0)) if (received !== 100 || closed !== 'closed') failed++
    }
    assert.equal(failed, 0)
    assert.ok(a.tcp.size + b.tcp.size < 7000, 'TIME-WAIT ends')
    pair.run(count * 20 + 70_000)
    assert.deepEqual([a.tcp.size, b.tcp.size, a.stack.ports.size, b.stack.ports.size], [0, 0, 0, 1])
    assert.equal(a.tcp.pollAt(), Number.POSITIVE_INFINITY)
    assert.equal(b.tcp.pollAt(), Number.POSITIVE_INFINITY)
  })
})
