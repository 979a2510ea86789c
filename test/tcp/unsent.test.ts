import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { active } from './established.ts'

describe('notSentLowat', () => {
  it('takes no more of a write than may wait unsent, and asks for more as that leaves', () => {
    const peer = active({ window: 2000, tcp: { notSentLowat: 4000 } })
    assert.equal(peer.write(10_000), 4000)
    assert.equal(peer.take().length, 2)
    assert.deepEqual(peer.told, ['writable'], 'half of it has left')
    assert.equal(peer.write(10_000), 2000)
    assert.equal(peer.write(10_000), 0)
    peer.told.length = 0
    peer.send('. 1:1(0) ack 1001 win 2000')
    assert.deepEqual(peer.told, [])
    peer.send('. 1:1(0) ack 3001 win 2000')
    assert.deepEqual(peer.told, ['writable'])
    assert.equal(peer.tcb.unsent, 1000)
  })

  it('lets a segment wait at least, so that a stream does not go out octet by octet', () => {
    const peer = active({ tcp: { notSentLowat: 1 } })
    assert.equal(peer.write(10_000), 1000)
    peer.expect('P. 1:1001(1000) ack 1')
    assert.deepEqual(peer.told, ['writable'])
  })

  it('is as much as the send buffer holds unless somebody says less', () => {
    const peer = active({ window: 2000 })
    assert.equal(peer.write(100_000), 100_000)
  })
})
