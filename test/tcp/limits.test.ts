import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { fromMs, micros } from '../../src/base/types.ts'
import { infoOf } from '../../src/tcp/info.ts'
import { active } from './established.ts'
import type { Peer } from './peer.ts'

/** What `info` says now, in milliseconds. */
const info = (peer: Peer) => infoOf(peer.tcb, micros(fromMs(1000) + fromMs(peer.now)))
const limits = (peer: Peer): readonly number[] => {
  const { busy, rwnd_limited, sndbuf_limited } = info(peer)
  return [busy, rwnd_limited, sndbuf_limited]
}

describe('what a sender waits for', () => {
  it('is busy from the first write to the last acknowledgment', () => {
    const peer = active()
    peer.wait(100)
    assert.deepEqual(limits(peer), [0, 0, 0])
    peer.write(1000)
    peer.wait(30)
    peer.send('. 1:1(0) ack 1001')
    assert.deepEqual(limits(peer), [30, 0, 0])
    peer.wait(100)
    assert.deepEqual(limits(peer), [30, 0, 0])
  })

  it('is limited by the peer’s window while less than a segment fits there', () => {
    const peer = active({ window: 0 })
    peer.write(1000)
    peer.wait(50)
    assert.deepEqual(limits(peer), [50, 50, 0])
    peer.send('. 1:1(0) ack 1 win 2000')
    peer.wait(20)
    assert.deepEqual(limits(peer), [70, 50, 0])
    peer.send('. 1:1(0) ack 1001 win 10')
    peer.write(1000)
    peer.wait(10)
    assert.deepEqual(limits(peer), [80, 60, 0])
  })

  it('is not limited by the window while the congestion window holds back as much', () => {
    const peer = active({ window: 10_000 })
    peer.write(20_000)
    peer.wait(10)
    assert.deepEqual(limits(peer), [10, 0, 0])
  })

  it('is limited by the send buffer once all of it is in flight and the user has more', () => {
    const peer = active({ tcp: { sendBuffer: 4000 } })
    assert.equal(peer.write(6000), 4000)
    peer.wait(40)
    assert.deepEqual(limits(peer), [40, 0, 40])
    peer.send('. 1:1(0) ack 4001')
    peer.wait(40)
    assert.deepEqual(limits(peer), [40, 0, 40])
  })
})

describe('when something last happened', () => {
  it('counts from the handshake on', () => {
    const peer = active()
    peer.wait(1000)
    assert.deepEqual([info(peer).lastsnd, info(peer).lastrcv, info(peer).lastack], [1000, 1000, 1000])
    peer.send('P. 1:1001(1000) ack 1')
    assert.equal(info(peer).lastrcv, 0)
    peer.write(10)
    assert.equal(info(peer).lastsnd, 0)
  })
})

describe('what is outstanding, in segments', () => {
  it('counts the pieces of a super-segment, those that were sacked and those that went again', () => {
    const peer = active({ offload: true, rtt: 10 })
    peer.write(5000)
    assert.equal(info(peer).unacked, 5)
    peer.send('. 1:1(0) ack 1 <sack 2001:5001>')
    peer.wait(10)
    const { unacked, sacked, lost, retrans, retrans_out } = info(peer)
    assert.deepEqual({ unacked, sacked, lost }, { unacked: 5, sacked: 3, lost: 2 })
    assert.deepEqual([retrans, retrans_out], [peer.tcb.trouble.retransmissions, 2])
  })
})
