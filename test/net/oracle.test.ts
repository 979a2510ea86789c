import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { CASES, play } from './cases/all.ts'
import { kernelWorld, stackWorld } from './worlds.ts'

const LIMIT = { timeout: 20_000 }

describe('gotcp/net does what node:net does', () => {
  const kernel = kernelWorld()
  const stack = stackWorld()
  after(() => {
    kernel.close()
    stack.close()
  })
  for (const [group, cases] of Object.entries(CASES)) {
    describe(group, () => {
      for (const [title, run] of cases) {
        it(title, LIMIT, async () => {
          const expected = await play(kernel, run)
          assert.deepEqual(await play(stack, run), expected)
        })
      }
    })
  }
})
