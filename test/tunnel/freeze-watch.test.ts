import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Micros } from '../../src/base/types.ts'
import { FreezeWatch } from '../../src/tunnel/freeze-watch.ts'
import type { LiveSession } from '../../src/tunnel/live-session.ts'

const sessionOf = (...paths: readonly { state: string; stalledAt?: number }[]): LiveSession =>
  ({ session: { paths } }) as unknown as LiveSession

const seconds = (count: number): Micros => (count * 1_000_000) as Micros

describe('FreezeWatch', () => {
  const FREEZE = 10_000

  it('counts from the moment when nothing carries the session, and begins anew when something has', () => {
    const watch = new FreezeWatch()
    const live = sessionOf()
    const isOver = (at: number, session: LiveSession | undefined = live): boolean =>
      watch.isOver(session, seconds(at), FREEZE)
    assert.deepEqual([isOver(0), isOver(9.9), isOver(10)], [false, false, true])
    assert.equal(isOver(11, sessionOf()), false, 'another session waits for itself')
    assert.equal(watch.isOver(undefined, seconds(22), FREEZE), false)
    assert.deepEqual([isOver(23), isOver(32), isOver(33)], [false, false, true])
  })

  it('takes a path for gone that has been silent for long, and not before', () => {
    const watch = new FreezeWatch()
    const live = sessionOf({ state: 'stalled', stalledAt: seconds(5) })
    const over = [5, 19.9, 20, 29.9, 30].map((at) => watch.isOver(live, seconds(at), FREEZE))
    assert.deepEqual(over, [false, false, false, false, true])
    assert.equal(watch.isOver(sessionOf({ state: 'open', stalledAt: 0 }), seconds(99), FREEZE), false)
  })
})
