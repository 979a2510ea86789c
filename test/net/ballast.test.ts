import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { getHeapStatistics } from 'node:v8'

import { Ballast, type HeapSize } from '../../src/net/ballast.ts'

const MIB = 1024 * 1024
const CHUNK = 64 * 1024

const heap = (used: number, limit = 2048 * MIB): HeapSize => ({ used_heap_size: used, heap_size_limit: limit })

/** Hands up so many MiB. */
function hand(ballast: Ballast, mib: number): void {
  for (let bytes = 0; bytes < mib * MIB; bytes += CHUNK) ballast.handed(CHUNK)
}

describe('Ballast', () => {
  it('is on the heap', () => {
    const ballast = new Ballast(() => heap(0))
    const before = getHeapStatistics().used_heap_size
    hand(ballast, 128)
    const after = getHeapStatistics().used_heap_size
    assert.equal(ballast.size, 16 * MIB)
    // What was garbage before may have gone.
    assert.ok(after - before > 8 * MIB, `${before} and then ${after}`)
  })

  it('weighs nothing in a program that receives little', () => {
    const ballast = new Ballast(() => heap(5 * MIB))
    hand(ballast, 127)
    assert.equal(ballast.size, 0)
  })

  it('weighs what the heap of one that receives much lacks to 16 MiB, once', () => {
    let used = 5 * MIB
    const ballast = new Ballast(() => heap(used))
    hand(ballast, 128)
    assert.equal(ballast.size, 11 * MIB)
    used = MIB
    hand(ballast, 512)
    assert.equal(ballast.size, 11 * MIB)
  })

  it('weighs nothing while the heap is large, and is taken when that has become small', () => {
    let used = 16 * MIB
    const ballast = new Ballast(() => heap(used))
    hand(ballast, 512)
    assert.equal(ballast.size, 0)
    used = 9 * MIB + 1
    hand(ballast, 128)
    assert.equal(ballast.size, 7 * MIB)
  })

  it('weighs nothing where the heap may not become large', () => {
    const ballast = new Ballast(() => heap(5 * MIB, 127 * MIB))
    hand(ballast, 512)
    assert.equal(ballast.size, 0)
  })
})
