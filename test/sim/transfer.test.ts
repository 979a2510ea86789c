import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Pair, transfer } from './pair.ts'

describe('two stacks on a cable', () => {
  it('deliver a megabyte without loss', () => {
    const pair = new Pair({ seed: 1 })
    const { source, sink } = transfer(pair, 1_000_000, 600_000)
    assert.equal(sink?.received, 1_000_000)
    assert.equal(sink?.firstWrong, undefined)
    assert.equal(source.closed, 'closed')
    assert.equal(sink?.closed, 'closed')
    assert.equal(source.tcb.stats.retransmissions, 0)
  })
  for (const seed of [1, 2, 3, 4, 5]) {
    it(`deliver 300 kB at 30 % loss (seed ${seed})`, () => {
      const pair = new Pair({ seed, fault: { loss: 0.3 } })
      const { source, sink, ended } = transfer(pair, 300_000, 3_600_000)
      console.log(ended, source.tcb.stats)
      assert.equal(sink?.firstWrong, undefined)
      assert.equal(sink?.received, 300_000)
      assert.equal(source.closed, 'closed')
    })
  }
})
