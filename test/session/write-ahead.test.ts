import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MAX_WRITE_AHEAD, WRITE_AHEAD } from '../../src/session/limits.ts'
import { WriteAhead } from '../../src/session/write-ahead.ts'

/** How much may be unsent before its user is told to wait. */
function limitOf(ahead: WriteAhead): number {
  let limit = 1
  while (ahead.allows(limit)) limit *= 2
  return limit
}

describe('WriteAhead', () => {
  it('tells its user to wait, and once that he may go on', () => {
    const ahead = new WriteAhead()
    assert.ok(ahead.allows(WRITE_AHEAD - 1) && !ahead.isWaiting)
    assert.ok(!ahead.allows(WRITE_AHEAD) && ahead.isWaiting)
    assert.ok(!ahead.resumes(WRITE_AHEAD / 2, false, MAX_WRITE_AHEAD))
    assert.ok(ahead.resumes(WRITE_AHEAD / 2 - 1, false, MAX_WRITE_AHEAD))
    assert.ok(!ahead.resumes(0, false, MAX_WRITE_AHEAD))
  })

  it('grows where the stream runs dry, as far as all may, and falls where it is held up, to what each has', () => {
    const ahead = new WriteAhead()
    for (let i = 1; i <= 8; i++) {
      assert.equal(limitOf(ahead), Math.min(WRITE_AHEAD * 2 ** (i - 1), MAX_WRITE_AHEAD))
      assert.ok(ahead.resumes(0, false, MAX_WRITE_AHEAD))
    }
    for (let i = 1; i <= 6; i++) {
      assert.equal(limitOf(ahead), Math.max(MAX_WRITE_AHEAD / 2 ** (i - 1), WRITE_AHEAD))
      assert.ok(ahead.resumes(1, true, MAX_WRITE_AHEAD))
    }
  })
})
