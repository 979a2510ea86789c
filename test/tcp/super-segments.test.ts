import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { passive } from './established.ts'
import type { Peer } from './peer.ts'

describe('super-segments', () => {
  const sent = (peer: Peer): [number, number][] => peer.take().map(({ seq, length }) => [seq, length])

  it('counts the segments that the link joined, and acknowledges at once', () => {
    const peer = passive({ offload: true })
    peer.sendJoined('P. 1:5001(5000) ack 1', 1000)
    peer.expect('. 1:1(0) ack 5001')
    assert.equal(peer.received, 5000)
  })

  it('hands the link one large segment, and cuts it where there is no offload', () => {
    const whole = passive({ offload: true })
    whole.write(5500)
    assert.deepEqual(sent(whole), [
      [1, 5000],
      [5001, 500],
    ])
    const cut = passive()
    cut.write(5500)
    assert.deepEqual(sent(cut), [
      [1, 1000],
      [1001, 1000],
      [2001, 1000],
      [3001, 1000],
      [4001, 1000],
      [5001, 500],
    ])
  })

  it('makes them no larger than a millisecond of its rate, two segments at least, where the path is long', () => {
    const far = passive({ offload: true, rtt: 100 })
    far.write(5500)
    assert.deepEqual(sent(far), [
      [1, 2000],
      [2001, 2000],
      [4001, 1500],
    ])
    const near = passive({ offload: true, rtt: 1 })
    near.write(5500)
    assert.deepEqual(sent(near), [
      [1, 5000],
      [5001, 500],
    ])
  })

  it('puts no more than half a congestion window into one', () => {
    const peer = passive({ offload: true, rtt: 1 })
    peer.write(10_000)
    assert.deepEqual(sent(peer), [
      [1, 5000],
      [5001, 5000],
    ])
  })

  it('sends none when the user wants none', () => {
    const peer = passive({ offload: true, tcp: { maxBurst: 1 } })
    peer.write(2500)
    assert.deepEqual(sent(peer), [
      [1, 1000],
      [1001, 1000],
      [2001, 500],
    ])
  })

  it('takes an ACK in the middle of one', () => {
    const peer = passive({ offload: true })
    peer.write(5000)
    peer.send('. 1:1(0) ack 2001')
    assert.equal(peer.tcb.board.pipe, 3000)
    peer.send('. 1:1(0) ack 2501')
    assert.equal(peer.tcb.board.pipe, 2500)
    peer.send('. 1:1(0) ack 5001')
    assert.ok(peer.tcb.board.isEmpty)
  })
})
