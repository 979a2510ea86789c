import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { type Case, Scene } from './cases/case.ts'
import { closing } from './cases/closing.ts'
import { connecting } from './cases/connecting.ts'
import { serving } from './cases/serving.ts'
import { transfer } from './cases/transfer.ts'
import { kernelWorld, stackWorld, type World } from './worlds.ts'

const CASES: Readonly<Record<string, readonly Case[]>> = { connecting, transfer, closing, serving }
const LIMIT = { timeout: 20_000 }

async function play(world: World, run: Case[1]) {
  const scene = new Scene(world)
  try {
    await run(scene)
    await scene.over()
  } finally {
    scene.close()
  }
  // What follows a close is part of it.
  await new Promise((resolve) => setTimeout(resolve, 5))
  for (const party of scene.unordered) scene.log.forget(party)
  return scene.log.entries
}

describe('gotcp/net does what node:net does', () => {
  const kernel = kernelWorld()
  const stack = stackWorld()
  after(() => stack.close())
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
