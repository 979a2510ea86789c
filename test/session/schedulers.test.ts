import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { micros } from '../../src/base/types.ts'
import { Path } from '../../src/session/paths/path.ts'
import type { Pipe } from '../../src/session/paths/pipe.ts'
import { SCHEDULERS, type SchedulerName } from '../../src/session/schedulers/by-name.ts'

const MEGA = 1_000_000
const NOW = micros(10 * MEGA)
const pipe: Pipe = {
  queued: 0,
  limit: 262_144,
  write: () => true,
  end: () => undefined,
  destroy: () => undefined,
}

interface Picture {
  /** Milliseconds, Mbit/s, and octets in flight. */
  rtt?: number
  rate?: number
  inFlight?: number
  /** It takes nothing now. */
  isFull?: boolean
  weight?: number
}

/** A path of which this is known, and no more: start-up is over. */
function path(id: number, { rtt = 20, rate = 50, inFlight = 0, isFull = false, weight = 1 }: Picture): Path {
  const made = new Path({ id, pipe, weight }, NOW, () => undefined)
  const { estimator } = made
  estimator.srtt = 1000 * rtt
  estimator.minRtt = 1000 * rtt
  Object.defineProperty(estimator, 'speed', { value: rate * 125_000 })
  Object.defineProperty(estimator, 'cap', { value: () => (isFull ? 0 : 10 * MEGA), configurable: true })
  Object.defineProperty(made, 'inFlight', { value: inFlight })
  return made
}

function picks(name: SchedulerName, paths: readonly Path[], count = 1, window = 64 * MEGA): (number | undefined)[] {
  const scheduler = SCHEDULERS[name]()
  return Array.from({ length: count }, () => scheduler.pick({ paths, window, now: NOW })?.id)
}

describe('aggregate', () => {
  it('takes the path on which a record arrives first', () => {
    assert.deepEqual(picks('aggregate', [path(0, { rtt: 100 }), path(1, { rtt: 20 })]), [1])
    assert.deepEqual(picks('aggregate', [path(0, { rtt: 100 }), path(1, { rtt: 20, inFlight: MEGA })]), [0])
  })

  it('takes a slower one when that is full and the window lasts, else waits', () => {
    const paths = [path(0, { rtt: 20, rate: 50, isFull: true }), path(1, { rtt: 200, rate: 10 })]
    assert.deepEqual(picks('aggregate', paths, 1, 8 * MEGA), [1])
    assert.deepEqual(picks('aggregate', paths, 1, MEGA / 2), [undefined])
  })

  it('waits when none has room', () => {
    assert.deepEqual(picks('aggregate', [path(0, { isFull: true }), path(1, { isFull: true })]), [undefined])
  })
})

describe('first-ready', () => {
  it('takes those with room in turn', () => {
    const paths = [path(0, {}), path(1, { isFull: true }), path(2, { rtt: 900 })]
    assert.deepEqual(picks('first-ready', paths, 5), [0, 2, 0, 2, 0])
  })
})

describe('min-latency', () => {
  it('takes the nearest, and waits for it', () => {
    assert.deepEqual(picks('min-latency', [path(0, { rtt: 40 }), path(1, { rtt: 20 })]), [1])
    assert.deepEqual(picks('min-latency', [path(0, { rtt: 40 }), path(1, { rtt: 20, isFull: true })]), [undefined])
  })

  it('changes only for one that is better by 5 ms and 10 %', () => {
    const paths = [path(0, { rtt: 40 }), path(1, { rtt: 50 })]
    const scheduler = SCHEDULERS['min-latency']()
    const pick = () => scheduler.pick({ paths, window: MEGA, now: NOW })?.id
    assert.equal(pick(), 0)
    paths[1]!.estimator.srtt = 33_000
    assert.equal(pick(), 0)
    paths[1]!.estimator.srtt = 30_000
    assert.equal(pick(), 1)
    paths.splice(1, 1)
    assert.equal(pick(), 0, 'and when it is gone')
  })
})

describe('redundant', () => {
  it('takes the soonest with room, and copies to all others', () => {
    assert.deepEqual(picks('redundant', [path(0, { rtt: 10, isFull: true }), path(1, {}), path(2, { rtt: 30 })]), [1])
    assert.ok(SCHEDULERS.redundant().copies >= 15)
  })
})

describe('weighted', () => {
  it('gives shares in proportion, and none for no weight', () => {
    const paths = [path(0, { weight: 3 }), path(1, { weight: 1 }), path(2, { weight: 0 })]
    const count = (id: number): number => ids.filter((picked) => picked === id).length
    const ids = picks('weighted', paths, 400)
    assert.ok(Math.abs(count(0) - 300) <= 2 && Math.abs(count(1) - 100) <= 2, `${count(0)} and ${count(1)}`)
    assert.equal(count(2), 0)
  })

  it('does not make up for a long time without room', () => {
    const paths = [path(0, {}), path(1, {})]
    const scheduler = SCHEDULERS.weighted()
    const pick = () => scheduler.pick({ paths, window: MEGA, now: NOW })?.id
    Object.defineProperty(paths[1]!.estimator, 'cap', { value: () => 0, configurable: true })
    for (let i = 0; i < 1000; i++) assert.equal(pick(), 0)
    Object.defineProperty(paths[1]!.estimator, 'cap', { value: () => MEGA })
    const ids = Array.from({ length: 200 }, pick)
    assert.ok(ids.includes(0), 'the other one still has its share')
  })
})

describe('backup', () => {
  it('takes the first by number that there is, and waits for it', () => {
    assert.deepEqual(picks('backup', [path(4, { rtt: 1 }), path(2, { rtt: 90 })]), [2])
    assert.deepEqual(picks('backup', [path(2, { isFull: true }), path(4, {})]), [undefined])
  })
})

describe('every scheduler', () => {
  it('waits where there is no room, and finds the one path that has some', () => {
    for (const name of Object.keys(SCHEDULERS) as SchedulerName[]) {
      assert.deepEqual(picks(name, [path(0, { isFull: true })]), [undefined], name)
      assert.deepEqual(picks(name, [path(0, {})]), [0], name)
    }
  })
})
