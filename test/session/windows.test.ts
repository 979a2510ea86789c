import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { type Micros, micros } from '../../src/base/types.ts'
import { Budget } from '../../src/session/credit/budget.ts'
import { ReceiveWindow } from '../../src/session/credit/receive-window.ts'
import { LEAST_WINDOW, MAX_AHEAD } from '../../src/session/limits.ts'
import { IdSpace } from '../../src/session/streams/id-space.ts'
import { check } from './property.ts'

const RTT = 10_000
const at = (ms: number): Micros => micros(1000 * ms)

describe('ReceiveWindow', () => {
  it('tells new credit when half of it has been used', () => {
    const window = new ReceiveWindow({ size: 1000, most: 1000, now: at(0) })
    assert.equal(window.advance(499, RTT, at(100)), false)
    assert.equal(window.limit, 1000)
    assert.equal(window.advance(500, RTT, at(200)), true)
    assert.equal(window.limit, 1500)
  })

  it('tells it more often when that is much, since what is not told is missing', () => {
    const window = new ReceiveWindow({ size: 1_000_000, most: 1_000_000, now: at(0) })
    assert.equal(window.advance(124_999, RTT, at(100)), false)
    assert.equal(window.advance(125_000, RTT, at(100)), true)
    assert.equal(window.limit, 1_125_000)
    assert.equal(window.advance(249_999, RTT, at(200)), false)
    assert.equal(window.advance(250_000, RTT, at(200)), true)
  })

  it('grows by how fast half of it is used up, however often it is told', () => {
    const window = new ReceiveWindow({ size: 800_000, most: 3_200_000, now: at(0) })
    for (let i = 1; i <= 12; i++) window.advance(100_000 * i, RTT, at(6 * i))
    assert.equal(window.size, 800_000, 'half in 24 ms')
    for (let i = 1; i <= 4; i++) window.advance(1_200_000 + 100_000 * i, RTT, at(72 + 4 * i))
    assert.equal(window.size, 1_600_000, 'half in 16 ms')
  })

  it('grows while it is used up within two round trips, eightfold and then twofold, up to its limit', () => {
    const window = new ReceiveWindow({ size: 200_000, most: 3_000_000, now: at(0) })
    const sizes: number[] = []
    for (let i = 0; i < 6; i++) {
      window.advance(window.limit - window.size / 4, RTT, at(100 + 10 * i))
      sizes.push(window.size)
    }
    // The first time nothing is known of how fast it goes.
    assert.deepEqual(sizes, [200_000, 1_600_000, 3_000_000, 3_000_000, 3_000_000, 3_000_000])
    assert.equal(window.advance(window.limit, RTT, at(1000)), true)
    assert.equal(window.size, 3_000_000)
  })

  it('grows while the other side comes up against its end, however long that takes', () => {
    const window = new ReceiveWindow({ size: 1000, most: 16_000, now: at(0) })
    window.advance(500, RTT, at(100))
    // It had not heard of the new limit yet.
    window.onHighest(1000)
    window.advance(1000, RTT, at(1000))
    assert.equal(window.size, 8000)
    window.onHighest(window.limit)
    window.advance(window.limit, RTT, at(2000))
    assert.equal(window.size, 16_000)
  })

  it('stays as it is with a slow reader', () => {
    const window = new ReceiveWindow({ size: 1000, most: 16_000, now: at(0) })
    for (let i = 1; i <= 20; i++) window.advance(600 * i, RTT, at(100 * i))
    assert.equal(window.size, 1000)
  })

  it('becomes smaller, and frees memory as what it granted is used up', () => {
    const window = new ReceiveWindow({ size: 1_000_000, most: 1_000_000, now: at(0) })
    assert.equal(window.lower(400_000, 0), 0)
    assert.equal(window.size, 400_000)
    assert.equal(window.limit, 1_000_000)
    assert.equal(window.lower(400_000, 250_000), 250_000)
    assert.equal(window.advance(665_535, RTT, at(100)), false, 'it is let go on where the smaller one wants it')
    assert.equal(window.lower(400_000, 800_000), 350_000)
    assert.equal(window.advance(800_000, RTT, at(200)), true)
    assert.equal(window.limit, 1_200_000)
    assert.equal(window.lower(0, 800_000), 0, 'all of it is granted again')
    assert.equal(window.size, LEAST_WINDOW)
  })

  it('never takes back what it said, and never allows more than its size beyond what is done', (t) => {
    const steps = fc.array(fc.tuple(fc.nat(5000), fc.nat(30), fc.nat(1000)), { maxLength: 60 })
    check(
      t,
      fc.property(steps, (all) => {
        let budget = 3000
        const take = (octets: number): number => {
          const taken = Math.min(octets, budget)
          budget -= taken
          return taken
        }
        const lease = { take, release: () => undefined }
        const window = new ReceiveWindow({ size: 1000, most: 16_000, lease, now: at(0) })
        let [done, ms, limit] = [0, 0, window.limit]
        for (const [octets, wait] of all) {
          done = Math.min(window.limit, done + octets)
          ms += wait
          const isNew = window.advance(done, RTT, at(ms))
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
  it('gives each a share of what is left, so that there always is some', () => {
    const budget = new Budget(900_000)
    const leases = Array.from({ length: 10 }, () => budget.lease(100))
    const taken = leases.map((lease) => lease.take(Number.POSITIVE_INFINITY))
    assert.ok(taken[0]! > 290_000 && taken[0]! < 300_000, `${taken[0]}`)
    for (let i = 1; i < 10; i++) assert.ok(taken[i]! < taken[i - 1]! && taken[i]! > 1000)
    for (const lease of leases) lease.release()
    assert.equal(budget.left, 900_000)
  })

  it('comes to equal shares when each gives back what is beyond its own', () => {
    const budget = new Budget(900_000)
    const windows = Array.from({ length: 4 }, () => {
      const lease = budget.lease(1000)
      return { lease, window: new ReceiveWindow({ size: 1000, most: 900_000, lease, now: at(0) }), done: 0 }
    })
    for (let ms = 1; ms < 1000; ms++) {
      // The last comes late.
      for (const one of ms < 500 ? windows.slice(0, 3) : windows) {
        one.done = one.window.limit
        one.lease.giveBack(one.window.lower(one.lease.share, one.done))
        one.window.advance(one.done, RTT, at(ms))
      }
    }
    for (const { window } of windows) assert.ok(Math.abs(window.size - 150_000) < 1000, `${window.size}`)
  })

  it('always has the least that a window needs', () => {
    const budget = new Budget(1_000_000)
    const leases = Array.from({ length: 100 }, () => budget.lease(500_000))
    assert.equal(leases[0]!.first, 333_333)
    assert.ok(leases.every(({ first }) => first >= LEAST_WINDOW))
    assert.ok(budget.left < 0)
    assert.equal(leases[0]!.take(1000), 0)
    assert.equal(budget.lease(1000).first, 1000)
  })

  it('gets nothing back twice, and gives nothing to who has left', () => {
    const budget = new Budget(900_000)
    const lease = budget.lease(1000)
    lease.release()
    assert.equal(lease.take(1000), 0)
    lease.release()
    assert.equal(budget.left, 900_000)
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
