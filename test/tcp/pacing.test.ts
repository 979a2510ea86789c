import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { micros } from '../../src/base/types.ts'
import { Pacer } from '../../src/tcp/send/pacer.ts'
import { active } from './established.ts'

describe('Pacer', () => {
  it('gives each frame the time that its octets take at the rate', () => {
    const pacer = new Pacer()
    assert.ok(!pacer.waits(micros(0)))
    pacer.sent(3000, 3, 0, micros(10_000))
    assert.equal(pacer.next, 10_500, 'half a frame of lost time is made up for')
    pacer.sent(3000, 3, 0, micros(10_500))
    assert.equal(pacer.next, 11_500)
    assert.ok(pacer.waits(micros(11_499)))
    assert.ok(!pacer.waits(micros(11_500)))
  })

  it('makes up for a loop that came late, within limits, and not for time without anything to send', () => {
    const pacer = new Pacer()
    pacer.sent(3000, 3, 5000, micros(10_000))
    assert.ok(pacer.waits(micros(10_100)))
    let frames = 0
    for (; !pacer.waits(micros(14_500)); frames++) pacer.sent(3000, 3, 5000, micros(14_500))
    assert.equal(frames, 5, 'all that had its turn in the meantime')
    for (frames = 0; !pacer.waits(micros(60_000)); frames++) pacer.sent(3000, 3, 5000, micros(60_000))
    assert.equal(frames, 6, 'what 5 ms hold, and one')
    pacer.rest()
    for (frames = 0; !pacer.waits(micros(90_000)); frames++) pacer.sent(3000, 3, 5000, micros(90_000))
    assert.equal(frames, 1)
  })
})

describe('a paced connection', () => {
  it('spreads its window over half a round trip in slow start', () => {
    const peer = active({ rtt: 100, tcp: { pacing: true } })
    peer.write(100_000)
    assert.equal(peer.take().length, 10, 'the initial window goes at once')
    peer.wait(100)
    peer.send('. 1:1(0) ack 10001')
    const first = peer.take().length
    assert.ok(first <= 4)
    peer.wait(40)
    const later = peer.take().length
    assert.ok(later >= 8 && later <= 17, `${later} segments of twenty after 40 of 50 ms`)
    peer.wait(20)
    assert.equal(first + later + peer.take().length, 20)
  })
})
