import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { LEAST_WRITE_AHEAD, MAX_WRITE_AHEAD, WRITE_AHEAD } from '../../src/session/limits.ts'
import { WriteAhead } from '../../src/session/streams/write-ahead.ts'

/** How much may be unsent before its user is told to wait. */
function limitOf(ahead: WriteAhead): number {
  let limit = 1
  while (ahead.allows(limit, 0, MAX_WRITE_AHEAD)) limit *= 2
  return limit
}

describe('WriteAhead', () => {
  it('tells its user to wait, and once that he may go on', () => {
    const ahead = new WriteAhead()
    assert.ok(ahead.allows(WRITE_AHEAD - 1, 0, MAX_WRITE_AHEAD) && !ahead.isWaiting)
    assert.ok(!ahead.allows(WRITE_AHEAD, 0, MAX_WRITE_AHEAD) && ahead.isWaiting)
    assert.ok(!ahead.resumes(WRITE_AHEAD / 2, 0, MAX_WRITE_AHEAD))
    assert.ok(ahead.resumes(WRITE_AHEAD / 2 - 1, 0, MAX_WRITE_AHEAD))
    assert.ok(!ahead.resumes(0, 0, MAX_WRITE_AHEAD))
  })

  it('grows where the stream runs dry, as far as all may, and falls where it is held up, to what each has', () => {
    const ahead = new WriteAhead()
    for (let i = 1; i <= 8; i++) {
      assert.equal(limitOf(ahead), Math.min(WRITE_AHEAD * 2 ** (i - 1), MAX_WRITE_AHEAD))
      assert.ok(ahead.resumes(0, 0, MAX_WRITE_AHEAD))
    }
    for (let i = 1; i <= 6; i++) {
      assert.equal(limitOf(ahead), Math.max(MAX_WRITE_AHEAD / 2 ** (i - 1), WRITE_AHEAD))
      assert.ok(ahead.resumes(1, 1, MAX_WRITE_AHEAD))
    }
  })

  it('takes less where readers hold it up and many share', () => {
    for (const most of [0, LEAST_WRITE_AHEAD, 2 * LEAST_WRITE_AHEAD]) {
      const share = Math.max(most, LEAST_WRITE_AHEAD)
      const ahead = new WriteAhead()
      assert.ok(ahead.allows(share, share - 1, most))
      assert.ok(!ahead.allows(share, share, most))
      assert.ok(!ahead.resumes(share / 2, share / 2, most))
      // What moves is none of those.
      assert.ok(ahead.allows(WRITE_AHEAD - 1, 0, most))
      assert.ok(ahead.resumes(share / 2 - 1, share / 2 - 1, most))
    }
  })
})
