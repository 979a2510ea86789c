import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Micros, micros } from '../../src/base/types.ts'
import { FIRST_CAP, LARGEST_RECORD, LEAST_STALL, MOST_STALL, SMALLEST_RECORD } from '../../src/session/limits.ts'
import { PathEstimator } from '../../src/session/paths/estimator.ts'
import type { SentRecord } from '../../src/session/records/carried.ts'

const MEGA = 1_000_000

/** A path of a fixed rate and delay, kept as full as its estimator allows. */
class Bench {
  readonly estimator = new PathEstimator()
  readonly rate: number
  rtt: number
  now: Micros = micros(MEGA)
  #flying: { record: SentRecord; doneAt: number }[] = []
  #busyUntil = 0
  #inFlight = 0

  constructor(mbit: number, rttMs: number) {
    this.rate = mbit * 125_000
    this.rtt = 1000 * rttMs
    this.estimator.begin(this.now)
  }

  run(seconds: number, isLimited = false): void {
    const until = this.now + seconds * MEGA
    while (this.now < until) {
      this.#fill(isLimited)
      const first = this.#flying.shift()
      if (first === undefined) {
        this.now = micros(until)
        return
      }
      this.now = micros(Math.max(this.now, first.doneAt))
      this.#inFlight -= first.record.octets
      this.estimator.onRtt(this.now - first.record.sentAt, 0, this.now)
      this.estimator.onDelivered(first.record.octets, this.#inFlight, first.record, this.now)
    }
  }

  #fill(isLimited: boolean): void {
    const { estimator, now } = this
    while (isLimited ? this.#inFlight === 0 : this.#inFlight < estimator.cap(now)) {
      const octets = isLimited ? 1000 : estimator.recordSize()
      if (this.#inFlight === 0) estimator.begin(now)
      this.#busyUntil = Math.max(this.#busyUntil, now) + (octets * MEGA) / this.rate
      const { delivered, deliveredAt, firstSentAt } = estimator
      const measured = { sentAt: now, delivered, deliveredAt, firstSentAt, isAppLimited: estimator.isAppLimited }
      const record = { number: 0, octets, items: [], isGivenUp: false, ...measured }
      this.#inFlight += octets
      this.#flying.push({ record, doneAt: Math.ceil(this.#busyUntil + this.rtt) })
    }
    if (isLimited) estimator.limit(this.#inFlight)
  }
}

describe('PathEstimator', () => {
  it('takes the first round trip as it is, and smooths the others (RFC 6298)', () => {
    const estimator = new PathEstimator()
    estimator.onRtt(80_000, 0, micros(0))
    assert.deepEqual([estimator.srtt, estimator.rttvar, estimator.minRtt], [80_000, 40_000, 80_000])
    estimator.onRtt(40_000, 0, micros(1))
    assert.equal(estimator.srtt, 75_000)
    assert.equal(estimator.rttvar, 40_000)
    assert.equal(estimator.minRtt, 40_000)
  })

  it('finds the rate of a path and leaves start-up', () => {
    for (const [mbit, rtt] of [
      [10, 20],
      [50, 20],
      [400, 5],
    ] as const) {
      const bench = new Bench(mbit, rtt)
      bench.run(20)
      const { estimator } = bench
      assert.ok(!estimator.isStarting, `${mbit} Mbit/s ${rtt} ms`)
      assert.ok(Math.abs(estimator.rate / bench.rate - 1) < 0.1, `${mbit} Mbit/s: ${(8 * estimator.rate) / MEGA}`)
      const size = estimator.recordSize()
      assert.ok(size >= SMALLEST_RECORD && size <= LARGEST_RECORD)
      // What is in flight beyond what the path holds is what others wait behind.
      const held = (bench.rate * bench.rtt) / MEGA
      assert.ok(estimator.cap(bench.now) <= 4 * held + 8 * SMALLEST_RECORD + 2 * size, `${estimator.cap(bench.now)}`)
    }
  })

  it('takes a path that has little to carry for no slower than it was', () => {
    const bench = new Bench(50, 20)
    bench.run(5)
    const before = bench.estimator.rate
    bench.run(1, true)
    assert.ok(bench.estimator.rate >= 0.9 * before)
  })

  it('believes the least round trip for ten seconds, and looks again', () => {
    const bench = new Bench(20, 20)
    bench.run(5)
    const { estimator } = bench
    assert.ok(estimator.minRtt < 30_000, `${estimator.minRtt}`)
    bench.rtt = 100_000
    bench.run(5)
    assert.ok(estimator.minRtt < 30_000, `${estimator.minRtt}`)
    bench.run(20)
    assert.ok(estimator.minRtt >= 100_000, `${estimator.minRtt}`)
    bench.rtt = 10_000
    bench.run(40)
    assert.ok(estimator.minRtt < 40_000, `${estimator.minRtt}`)
  })

  it('waits longer where round trips vary, and never less than the least', () => {
    const [steady, unsteady] = [new PathEstimator(), new PathEstimator()]
    for (let i = 0; i < 200; i++) {
      steady.onRtt(20_000, 0, micros(i * 1000))
      unsteady.onRtt(i % 2 === 0 ? 20_000 : 220_000, 0, micros(i * 1000))
    }
    assert.equal(steady.stallTime, LEAST_STALL)
    assert.ok(unsteady.stallTime > 400_000)
  })

  it('begins anew after silence', () => {
    const bench = new Bench(50, 20)
    bench.run(5)
    bench.estimator.restart(10 * SMALLEST_RECORD)
    assert.ok(bench.estimator.isStarting)
    assert.equal(bench.estimator.cap(bench.now), 10 * SMALLEST_RECORD)
    bench.run(5)
    assert.ok(bench.estimator.rate > 0.9 * bench.rate)
  })

  it('bears silence twice as long each time, until a round trip is measured again, which stands alone (RFC 6298 §5.5)', () => {
    const estimator = new PathEstimator()
    for (let i = 0; i < 100; i++) estimator.onRtt(20_000, 0, micros(i))
    for (const times of [2, 4, 8, 16, 32]) {
      estimator.onStall()
      estimator.forgetRtt()
      assert.equal(estimator.stallTime, times * LEAST_STALL)
      assert.equal(estimator.answerTime, LEAST_STALL)
    }
    for (let i = 0; i < 2000; i++) estimator.onStall()
    assert.equal(estimator.stallTime, MOST_STALL)
    assert.ok(!estimator.hasRtt)
    estimator.onRtt(300_000, 0, micros(1_000_000))
    assert.deepEqual([estimator.srtt, estimator.rttvar, estimator.minRtt], [300_000, 150_000, 300_000])
    assert.equal(estimator.stallTime, 1_200_000)
  })

  it('believes a peer that held its answer back, but not below what it has seen itself (RFC 9002 §5.3)', () => {
    const estimator = new PathEstimator()
    estimator.onRtt(30_000, 0, micros(0))
    estimator.onRtt(60_000, 20_000, micros(1))
    assert.equal(estimator.srtt, 30_000 + (40_000 - 30_000) / 8)
    estimator.onRtt(60_000, 59_999, micros(2))
    estimator.onRtt(60_000, 1e12, micros(3))
    assert.equal(estimator.minRtt, 30_000)
    estimator.onRtt(25_000, 24_000, micros(4))
    assert.equal(estimator.minRtt, 25_000)
  })

  it('knows nothing at first, and says so', () => {
    const estimator = new PathEstimator()
    assert.equal(estimator.rate, 0)
    assert.equal(estimator.cap(micros(0)), FIRST_CAP)
    assert.ok(estimator.speed > 0 && Number.isFinite(estimator.arrival(0, 1000)))
  })

  it('stays sound with delays that nobody can have', () => {
    const estimator = new PathEstimator()
    for (const sample of [-1e15, 0, 1, 1e15, 5]) estimator.onRtt(sample, 0, micros(1))
    for (const value of [estimator.srtt, estimator.rttvar, estimator.minRtt, estimator.stallTime]) {
      assert.ok(Number.isFinite(value) && value >= 0)
    }
  })
})
