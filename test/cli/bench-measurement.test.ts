import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Interval, Measurement } from '../../src/cli/bench/engine/measurement.ts'

/** A measurement of nothing that lasts so many seconds; its intervals. */
async function intervalsOf(init: { time: number; interval: number; omit?: number }): Promise<readonly Interval[]> {
  const intervals: Interval[] = []
  const measurement = new Measurement({
    streams: [],
    omit: 0,
    bytes: undefined,
    length: 1,
    bitrate: 0,
    onInterval: (interval) => intervals.push(interval),
    ...init,
  })
  measurement.start()
  await measurement.finished
  measurement.stop()
  return intervals
}

describe('Measurement', () => {
  it('reports nothing where no intervals are asked for, though timers come early', async () => {
    // A timer may fire up to a millisecond before its time: one of so many does.
    const all = await Promise.all(Array.from({ length: 200 }, (_, i) => intervalsOf({ time: i / 2345, interval: 0 })))
    assert.equal(all.flat().length, 0)
  })

  it('reports every interval once, the last one to the end', async () => {
    const all = await Promise.all(
      Array.from({ length: 50 }, (_, i) => intervalsOf({ time: 0.2 + i / 2345, interval: 0.1 })),
    )
    for (const intervals of all) {
      assert.ok(intervals.length >= 1 && intervals.length <= 3)
      assert.equal(intervals[0]!.from, 0)
      for (const [i, { from }] of intervals.slice(1).entries()) assert.equal(from, intervals[i]!.to)
    }
  })
})
