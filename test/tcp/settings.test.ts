import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { nearestTcpOptions, resolveTcpOptions, SharedSettings, type TcpOptionsInit } from '../../src/tcp/settings.ts'

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

  it('takes what nearestTcpOptions() makes of numbers that another system allows', () => {
    const far = { reordering: 1000, baseMss: 20, userTimeout: 2 ** 31, initialWindow: Number.NaN, sendBuffer: 4096.4 }
    const near = nearestTcpOptions({ ...far, keepAlive: false, noDelay: true })
    const limits = { reordering: 300, baseMss: 88, userTimeout: 86_400_000, initialWindow: 10, sendBuffer: 4096 }
    assert.deepEqual(near, { ...limits, keepAlive: false, noDelay: true })
    assert.equal(resolveTcpOptions(near).reordering, 300)
  })

  it('takes times in milliseconds and their parts', () => {
    assert.equal(resolveTcpOptions({ delayedAck: 0.5 }).delayedAck, 500)
    assert.equal(resolveTcpOptions({ linger: 0 }).linger, 0)
    assert.equal(resolveTcpOptions().linger, false)
  })
})

describe('SharedSettings', () => {
  const plain: TcpOptionsInit = { noDelay: true, timeWait: 100 }

  it('are shared by those who choose the same', () => {
    const shared = new SharedSettings()
    assert.equal(shared.of({}), shared.of({}))
    const first = shared.of(plain)
    assert.deepEqual(first, resolveTcpOptions(plain))
    const others = { signal: AbortSignal.abort(), port: 80, ttl: undefined as unknown as number }
    assert.equal(
      shared.of({ ...others, timeWait: 100, noDelay: true }),
      first,
      'in another order, with what is no option',
    )
  })

  it('are not by those who choose more, less or something else', () => {
    const shared = new SharedSettings()
    for (const init of [plain, { noDelay: true }, { noDelay: true, ttl: 100 }, {}, { ttl: 100 }, { ttl: 99 }]) {
      assert.deepEqual(shared.of(init), resolveTcpOptions(init), JSON.stringify(init))
    }
  })

  it('stay as they were after a choice that is refused', () => {
    const shared = new SharedSettings()
    const first = shared.of(plain)
    assert.throws(() => shared.of({ ttl: 1000 }), RangeError)
    assert.throws(() => shared.of({ ttl: 1000 }), RangeError)
    assert.equal(shared.of(plain), first)
  })
})
