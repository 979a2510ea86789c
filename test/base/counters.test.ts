import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Counters } from '../../src/base/counters.ts'

describe('Counters', () => {
  it('counts by name and lists what is not zero in order', () => {
    const counters = new Counters()
    counters.count('b')
    counters.count('a', 3)
    counters.count('b')
    assert.deepEqual([counters.get('a'), counters.get('b'), counters.get('c')], [3, 2, 0])
    assert.equal(JSON.stringify(counters), '{"a":3,"b":2}')
  })
})
