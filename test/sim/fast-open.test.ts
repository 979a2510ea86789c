import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { fromMs } from '../../src/base/types.ts'
import { exchange, Pair } from './pair.ts'

const HOUR_MS = 3_600_000
const BAD_LINE = { loss: 0.1, reorder: 0.05, duplicate: 0.1, corrupt: 0.02, delay: fromMs(10), jitter: fromMs(5) }

describe('connections opened by Fast Open over a line that loses, reorders, doubles and damages', () => {
  it('carry every byte once, both ways, and all end', () => {
    let withData = 0
    for (let seed = 1; seed <= 60; seed++) {
      const pair = new Pair({ seed, fault: BAD_LINE })
      const { clients, servers } = exchange(pair, HOUR_MS, {
        client: { send: 20_000 },
        server: { send: 30_000, closesSecond: true },
        fastOpen: true,
      })
      const ends = [clients[0]!, servers[0]!]
      assert.deepEqual(
        ends.map(({ received, firstWrong, closed }) => ({ seed, received, firstWrong, closed })),
        [
          { seed, received: 30_000, firstWrong: undefined, closed: 'closed' },
          { seed, received: 20_000, firstWrong: undefined, closed: 'closed' },
        ],
      )
      withData += pair.a.tcp.fastOpen.stats.active
      pair.run(2 * HOUR_MS)
      pair.close()
    }
    assert.ok(withData > 40, `${withData} of 60 SYNs arrived with their data`)
  })

  it('save the round trip of the handshake', () => {
    const took = (fastOpen: boolean): number => {
      const pair = new Pair({ seed: 1, cable: { delay: fromMs(50) } })
      const { clients } = exchange(pair, 10_000, {
        client: { send: 100 },
        server: { send: 100 },
        fastOpen,
      })
      const at = clients[0]!.tcb.lastDataReceived
      pair.close()
      return at
    }
    assert.equal(took(false) - took(true), fromMs(100))
  })
})
