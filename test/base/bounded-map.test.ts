import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { BoundedMap } from '../../src/base/bounded-map.ts'

describe('BoundedMap', () => {
  it('forgets what was not used for longest when it is full', () => {
    const map = new BoundedMap<string, number>(2)
    map.set('a', 1)
    map.set('b', 2)
    assert.equal(map.get('a'), 1)
    map.set('c', 3)
    assert.deepEqual([map.size, map.get('a'), map.get('b'), map.get('c')], [2, 1, undefined, 3])
  })

  it('forgets nothing when an entry is written again, which counts as used', () => {
    const map = new BoundedMap<string, number>(2)
    map.set('a', 1)
    map.set('b', 2)
    map.set('a', 3)
    assert.deepEqual([...map.values()], [2, 3])
    map.set('c', 4)
    assert.deepEqual([...map.values()], [3, 4])
  })

  it('makes what is not there, once', () => {
    const map = new BoundedMap<string, object>(2)
    const made = map.getOr('a', () => ({}))
    assert.equal(
      map.getOr('a', () => ({})),
      made,
    )
    map.delete('a')
    assert.equal(map.size, 0)
  })
})
