import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { hasNative, native } from '../../src/driver/native.ts'
import { type MemoryUse, Trimmer } from '../../src/tunnel/trimmer.ts'

const MIB = 1_048_576
const usage = (rss: number, heapTotal: number, external: number): MemoryUse => ({
  rss: rss * MIB,
  heapTotal: heapTotal * MIB,
  external: external * MIB,
})

describe('Trimmer', () => {
  it('trims when much is held that V8 knows nothing of, and not again before there is more', (t) => {
    let now = usage(80, 30, 2)
    let trims = 0
    const trimmer = new Trimmer(
      () => now,
      () => {
        trims++
        now = { ...now, rss: now.rss - 40 * MIB }
      },
    )
    t.after(() => trimmer.stop())
    const looks = (use: MemoryUse): number => {
      const before = trims
      now = use
      trimmer.look()
      const count = trims
      if (count === before) return count
      // It takes its time before it trims again.
      now = use
      trimmer.look()
      assert.equal(trims, count)
      return count
    }
    assert.equal(looks(usage(280, 60, 160)), 0, 'what V8 holds is in use, or its own matter')
    assert.equal(looks(usage(280, 60, 120)), 1)
    // 60 are left, and are not looked for again.
    assert.equal(looks(usage(280, 60, 145)), 1)
    assert.equal(looks(usage(280, 60, 144)), 2)
    assert.equal(looks(usage(100, 50, 2)), 2)
    assert.equal(looks(usage(132, 50, 2)), 3, 'where less has been enough, it is again')
  })

  it('has the allocator give back what it holds free', { skip: hasNative() ? false : 'the addon is not built' }, () => {
    assert.equal(typeof native().trimMemory(), 'boolean')
  })
})
