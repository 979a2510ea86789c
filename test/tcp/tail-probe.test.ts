import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { active } from './established.ts'

describe('the tail loss probe (RFC 8985 §7)', () => {
  it('goes in the place of the retransmission timer where its own time would be later (§7.2)', () => {
    const peer = active({ rtt: 100 })
    peer.write(10)
    peer.expect('P. 1:11(10) ack 1')
    peer.expectAt(400, 'P. 1:11(10) ack 1')
    assert.equal(peer.tcb.stats.timeouts, 0)
    // The timer starts anew with the probe (§7.3), and is not backed off.
    peer.expectAt(700, 'P. 1:11(10) ack 1')
    assert.equal(peer.tcb.stats.timeouts, 1)
    peer.expectAt(1300, 'P. 1:11(10) ack 1')
  })
})
