import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { faultRun } from './fault-run.ts'
import { SEED, TIMES } from './property.ts'

const RUNS = Math.ceil(200 * TIMES)
const TWICE = 8

describe('paths that come, go, fall silent and change', () => {
  it(`lose nothing and double nothing, in ${RUNS} random runs`, (t) => {
    t.diagnostic(`GOTCP_SEED=${SEED}`)
    for (let i = 0; i < RUNS; i++) {
      try {
        faultRun(SEED + i)
      } catch (error) {
        throw new Error(`GOTCP_SEED=${SEED + i}: ${error}`, { cause: error })
      }
    }
  })

  it('do the same in two runs of a seed', () => {
    for (let i = 0; i < TWICE; i++) assert.deepEqual(faultRun(SEED + i), faultRun(SEED + i))
  })
})
