import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { type Micros, micros } from '../../src/base/types.ts'
import { Budget } from '../../src/session/budget.ts'
import { IdSpace } from '../../src/session/id-space.ts'
import { MAX_AHEAD } from '../../src/session/limits.ts'
import { ReceiveWindow } from '../../src/session/receive-window.ts'
import { check } from './property.ts'

const RTT = 10_000
const at = (ms: number): Micros => micros(1000 * ms)

describe('ReceiveWindow', () => {
  it('tells new credit when half of it has been used', () => {
    const window = new ReceiveWindow(1000, 1000)
    assert.equal(window.onDone(499, RTT, at(100)), false)
    assert.equal(window.limit, 1000)
    assert.equal(window.onDone(500, RTT, at(200)), true)
    assert.equal(window.limit, 1500)
  })

  it('grows while it is used up within two round trips, fourfold and then twofold, up to its limit', () => {
    const window = new ReceiveWindow(200_000, 3_000_000)
    const sizes: number[] = []
    for (let i = 0; i < 6; i++) {
      window.onDone(window.limit - window.size / 4, RTT, at(100 + 10 * i))
      sizes.push(window.size)
    }
    // The first time nothing is known of how fast it goes.
    assert.deepEqual(sizes, [200_000, 800_000, 1_600_000, 3_000_000, 3_000_000, 3_000_000])
    assert.equal(window.onDone(window.limit, RTT, at(1000)), true)
    assert.equal(window.size, 3_000_000)
  })

  it('grows while the other side comes up against its end, however long that takes', () => {
    const window = new ReceiveWindow(1000, 16_000)
    window.onDone(500, RTT, at(100))
    // It had not heard of the new limit yet.
    window.onHighest(1000)
    window.onDone(1000, RTT, at(1000))
    assert.equal(window.size, 4000)
    window.onHighest(window.limit)
    window.onDone(window.limit, RTT, at(2000))
    assert.equal(window.size, 16_000)
  })

  it('stays as it is with a slow reader', () => {
    const window = new ReceiveWindow(1000, 16_000)
    for (let i = 1; i <= 20; i++) window.onDone(600 * i, RTT, at(100 * i))
    assert.equal(window.size, 1000)
  })

  it('never takes back what it said, and never allows more than its size beyond what is done', (t) => {
    const steps = fc.array(fc.tuple(fc.nat(5000), fc.nat(30), fc.nat(1000)), { maxLength: 60 })
    check(
      t,
      fc.property(steps, (all) => {
        let budget = 3000
        const window = new ReceiveWindow(1000, 16_000, (octets) => {
          const taken = Math.min(octets, budget)
          budget -= taken
          return taken
        })
        let [done, ms, limit] = [0, 0, window.limit]
        for (const [octets, wait] of all) {
          done = Math.min(window.limit, done + octets)
          ms += wait
          const isNew = window.onDone(done, RTT, at(ms))
          assert.equal(isNew, window.limit > limit)
          assert.ok(window.limit >= limit && window.limit <= done + window.size)
          assert.ok(window.limit - done >= window.size / 2)
          assert.ok(window.size <= 4000)
          limit = window.limit
        }
      }),
    )
  })
})

describe('Budget', () => {
  it('gives what is left and no more', () => {
    const budget = new Budget(100)
    assert.equal(budget.take(70), 70)
    assert.equal(budget.take(70), 30)
    assert.equal(budget.take(1), 0)
    budget.giveBack(100)
    assert.equal(budget.left, 100)
  })
})

describe('IdSpace', () => {
  it('gives numbers that the other side takes for new once', () => {
    const [client, server] = [new IdSpace(false), new IdSpace(true)]
    for (let i = 0; i < 100; i++) {
      for (const [from, to] of [
        [client, server],
        [server, client],
      ] as const) {
        const id = from.allocate(i % 3 === 0)
        assert.equal(from.classify(id), 'ours')
        assert.equal(to.classify(id), 'new')
        to.see(id)
        assert.equal(to.classify(id), 'known')
      }
    }
  })

  it('tells numbers from too far ahead of the first that is missing', () => {
    const ids = new IdSpace(true)
    const id = (index: number): number => 4 * index
    assert.equal(ids.classify(id(MAX_AHEAD)), 'new')
    assert.equal(ids.classify(id(MAX_AHEAD + 1)), 'wrong')
    ids.see(id(1))
    assert.equal(ids.classify(id(MAX_AHEAD + 1)), 'wrong', 'the first is still missing')
    ids.see(id(0))
    assert.equal(ids.classify(id(MAX_AHEAD + 2)), 'new')
    assert.equal(ids.classify(id(MAX_AHEAD + 3)), 'wrong')
    assert.equal(ids.classify(id(MAX_AHEAD + 1) + 2), 'wrong', 'flows count for themselves')
  })

  it('remembers in little memory what was seen in any order', (t) => {
    check(
      t,
      fc.property(fc.uniqueArray(fc.nat(500), { maxLength: 300 }), (indices) => {
        const ids = new IdSpace(false)
        const seen = new Set<number>()
        for (const index of indices) {
          assert.equal(ids.classify(4 * index + 1), 'new')
          ids.see(4 * index + 1)
          seen.add(index)
        }
        for (let i = 0; i <= 500; i++) assert.equal(ids.classify(4 * i + 1), seen.has(i) ? 'known' : 'new')
      }),
      50,
    )
  })
})
