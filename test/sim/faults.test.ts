import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { fromMs, micros } from '../../src/base/types.ts'
import type { FaultOptions } from '../../src/link/fault.ts'
import { Pair, transfer } from './pair.ts'

const TOTAL = 400_000
const HOUR_MS = 3_600_000

const PATHS: Record<string, FaultOptions> = {
  'that reorders': { reorder: 0.1, delay: fromMs(5) },
  'that duplicates': { duplicate: 0.3 },
  'that damages': { corrupt: 0.1 },
  'with jitter': { delay: fromMs(20), jitter: fromMs(60) },
  'of 2 Mbit/s with a short queue': { rate: 2e6, queueBytes: 20_000, delay: fromMs(30) },
  'that loses only acknowledgements': { receive: { loss: 0.3 } },
  'with everything at once': {
    loss: 0.05,
    reorder: 0.02,
    duplicate: 0.01,
    corrupt: 0.01,
    delay: fromMs(10),
    jitter: fromMs(5),
    rate: 20e6,
  },
}

/** One transfer; what a second run of the same seed must repeat. */
function run(fault: FaultOptions, seed: number, offload: boolean) {
  const pair = new Pair({ seed, fault, cable: { offload, delay: micros(0) } })
  const { source, sink } = transfer(pair, TOTAL, HOUR_MS)
  // The last acknowledgement may have been lost: TIME-WAIT is there to answer for it.
  pair.run(2 * HOUR_MS)
  const outcome = {
    received: sink?.received,
    firstWrong: sink?.firstWrong,
    ends: [source.closed, sink?.closed],
    now: pair.simulation.now,
    stats: JSON.stringify({ ...source.tcb.stats, ...source.tcb.trouble }),
  }
  pair.close()
  return outcome
}

describe('a path', () => {
  for (const [name, fault] of Object.entries(PATHS)) {
    for (const offload of [false, true]) {
      it(`${name} delivers every byte, ${offload ? 'with' : 'without'} offload below it`, () => {
        for (let seed = 1; seed <= 5; seed++) {
          const outcome = run(fault, seed, offload)
          assert.deepEqual(
            { seed, received: outcome.received, firstWrong: outcome.firstWrong, ends: outcome.ends },
            { seed, received: TOTAL, firstWrong: undefined, ends: ['closed', 'closed'] },
          )
        }
      })
    }

    it(`${name} is the same by the same seed`, () => {
      assert.deepEqual(run(fault, 11, true), run(fault, 11, true))
    })
  }
})
