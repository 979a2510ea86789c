import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { RangeSet } from '../../src/session/streams/ranges.ts'
import { check } from './property.ts'

const SPACE = 60
const step = fc.tuple(fc.constantFrom('add', 'add', 'remove'), fc.nat(SPACE), fc.nat(12))

/** The ranges that a set of numbers should be kept as. */
function rangesOf(numbers: ReadonlySet<number>): [number, number][] {
  const ranges: [number, number][] = []
  for (const value of [...numbers].sort((a, b) => a - b)) {
    const last = ranges.at(-1)
    if (last?.[1] === value) last[1]++
    else ranges.push([value, value + 1])
  }
  return ranges
}

describe('RangeSet', () => {
  it('is a set of numbers, in as few ranges as can be', (t) => {
    check(
      t,
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const set = new RangeSet()
        const model = new Set<number>()
        for (const [action, from, length] of steps) {
          set[action as 'add' | 'remove'](from, from + length)
          for (let value = from; value < from + length; value++) {
            if (action === 'add') model.add(value)
            else model.delete(value)
          }
          const ranges = rangesOf(model)
          assert.deepEqual(
            [...set].map(([low, high]) => [low, high]),
            ranges,
          )
          assert.equal(set.isEmpty, model.size === 0)
          if (ranges.length > 0) assert.deepEqual([set.first, set.firstEnd], ranges[0])
        }
        for (let value = 0; value < SPACE + 12; value++) assert.equal(set.has(value), model.has(value))
      }),
      1000,
    )
  })

  it('names what is missing between two numbers', (t) => {
    check(
      t,
      fc.property(fc.array(step, { maxLength: 20 }), fc.nat(SPACE), fc.nat(SPACE), (steps, from, length) => {
        const set = new RangeSet()
        for (const [, low, count] of steps) set.add(low, low + count)
        const missing = new Set<number>()
        for (let value = from; value < from + length; value++) if (!set.has(value)) missing.add(value)
        const told: [number, number][] = []
        set.missing(from, from + length, (low, high) => told.push([low, high]))
        assert.deepEqual(told, rangesOf(missing))
      }),
      1000,
    )
  })

  it('is empty again after clear', () => {
    const set = new RangeSet()
    set.add(1, 5)
    set.add(9, 12)
    set.clear()
    assert.ok(set.isEmpty && !set.has(3))
    assert.deepEqual([...set], [])
  })
})
