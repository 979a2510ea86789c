import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { resolveTcpOptions } from '../../src/tcp/settings.ts'

describe('resolveTcpOptions()', () => {
  it('names the option, its limits and the value that lies outside', () => {
    const limits = { name: 'RangeError', message: 'Cannot use sendBuffer 100: it must be from 2048 to 1073741824' }
    assert.throws(() => resolveTcpOptions({ sendBuffer: 100 }), limits)
    assert.throws(() => resolveTcpOptions({ reordering: Number.NaN }), /reordering NaN/)
    const choices = { name: 'RangeError', message: 'Cannot use ecn on: it must be one of accept, off, request' }
    assert.throws(() => resolveTcpOptions({ ecn: 'on' as 'off' }), choices)
  })

  it('refuses a part of an octet or of a segment', () => {
    for (const name of ['sendBuffer', 'receiveBuffer', 'notSentLowat', 'maxSegment', 'baseMss'] as const) {
      assert.throws(() => resolveTcpOptions({ [name]: 4096.5 }), { message: /must be a whole number/ }, name)
    }
    for (const name of ['retries', 'quickAcks', 'minBurst', 'maxBurst', 'initialWindow', 'reordering'] as const) {
      assert.throws(() => resolveTcpOptions({ [name]: 2.5 }), { message: /must be a whole number/ }, name)
    }
  })

  it('takes times in milliseconds and their parts', () => {
    assert.equal(resolveTcpOptions({ delayedAck: 0.5 }).delayedAck, 500)
    assert.equal(resolveTcpOptions({ linger: 0 }).linger, 0)
    assert.equal(resolveTcpOptions().linger, false)
  })
})
