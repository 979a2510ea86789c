import assert from 'node:assert/strict'
import { after, describe, it } from 'node:test'
import { labUnavailable } from '../real/netns.ts'
import { CASES, type Case, closing, type Seen } from './cases.ts'
import { channelWorld, directWorld, threadWorld, type World } from './worlds.ts'

const LIMIT = { timeout: 60_000 }

/** What each case sees on createStack's own. */
const expected = new Map<Case, Seen>()
const FIRST_PORT = 1000

/** Plays every case in a world that `make` makes; the first, createStack's, says what is right. */
function play(make: () => Promise<World>): void {
  let world: Promise<World> | undefined
  after(async () => (await world)?.close())
  for (const [group, cases] of Object.entries(CASES)) {
    describe(group, () => {
      for (const [i, [title, run]] of Object.entries(Object.entries(cases))) {
        it(title, LIMIT, async () => {
          world ??= make()
          const port = FIRST_PORT + 100 * Object.keys(CASES).indexOf(group) + Number(i)
          const seen = await run(await world, port)
          if (!expected.has(run)) expected.set(run, seen)
          assert.deepEqual(seen, expected.get(run))
        })
      }
    })
  }
}

describe('createStack', () => play(directWorld))
describe('a stack behind a channel does the same', () => play(() => channelWorld()))
describe('createStackWorker does the same', { skip: labUnavailable() }, () => play(threadWorld))

describe('close', () => {
  let right: Seen
  it('createStack tells who waits', LIMIT, async () => {
    right = await closing(await directWorld())
  })
  it('a stack behind a channel does the same', LIMIT, async () => {
    assert.deepEqual(await closing(await channelWorld()), right)
  })
  it('createStackWorker does the same', { ...LIMIT, skip: labUnavailable() }, async () => {
    assert.deepEqual(await closing(await threadWorld()), right)
  })
})
