import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { active } from './established.ts'
import type { Peer } from './peer.ts'

/** Two segments went out, the first was acknowledged, and the probe has repeated the second. */
function probed(): Peer {
  const peer = active({ rtt: 100 })
  peer.write(2000)
  peer.wait(100)
  peer.send('. 1:1(0) ack 1001')
  peer.take()
  while (peer.tcb.probeEnd === undefined) peer.wait(10)
  assert.deepEqual(
    peer.take().map(({ seq }) => seq),
    [1001],
  )
  return peer
}

describe('the tail loss probe (RFC 8985 §7)', () => {
  it('goes in the place of the retransmission timer where its own time would be later (§7.2)', () => {
    const peer = active({ rtt: 100 })
    peer.write(10)
    peer.expect('P. 1:11(10) ack 1')
    peer.expectAt(400, 'P. 1:11(10) ack 1')
    assert.equal(peer.tcb.trouble.timeouts, 0)
    // The timer starts anew with the probe (§7.3), and is not backed off.
    peer.expectAt(700, 'P. 1:11(10) ack 1')
    assert.equal(peer.tcb.trouble.timeouts, 1)
    peer.expectAt(1300, 'P. 1:11(10) ack 1')
  })

  it('goes in a fast recovery of which nothing is heard any more, and what is missing is found without the timer', () => {
    const peer = active({ rtt: 100 })
    peer.write(10_000)
    peer.take()
    peer.wait(100)
    for (let end = 2; end <= 10; end++) peer.send(`. 1:1(0) ack 1 <sack 1001:${end}001>`)
    assert.deepEqual(
      peer.take().map(({ seq }) => seq),
      [1],
    )
    const begin = peer.now
    // The repetition is lost, and there is nothing else in flight.
    const again = peer.expectAt(begin + 2 * (peer.tcb.rtt.srtt! / 1000), '. 1:1001(1000) ack 1')
    assert.equal(again.seq, 1)
    peer.wait(100)
    peer.send('. 1:1(0) ack 10001')
    assert.equal(peer.tcb.recovery, 'none')
    assert.equal(peer.tcb.trouble.timeouts, 0)
  })

  it('that repaired a loss is answered for by the congestion window (RFC 8985 §7.4)', () => {
    const peer = probed()
    peer.send('. 1:1(0) ack 2001')
    assert.equal(peer.tcb.congestion.ssthresh, Number.POSITIVE_INFINITY, 'a report of a duplicate may still come')
    peer.write(1000)
    peer.send('. 1:1(0) ack 3001')
    assert.ok(peer.tcb.congestion.ssthresh < Number.POSITIVE_INFINITY)
    assert.equal(peer.tcb.trouble.timeouts, 0)
  })

  it('that was not needed costs nothing (RFC 8985 §7.4)', () => {
    const peer = probed()
    peer.send('. 1:1(0) ack 2001')
    peer.send('. 1:1(0) ack 2001 <sack 1001:2001>')
    peer.write(1000)
    peer.send('. 1:1(0) ack 3001')
    assert.equal(peer.tcb.congestion.ssthresh, Number.POSITIVE_INFINITY)
  })

  it('repeats nothing that the peer holds', () => {
    const peer = active({ rtt: 100 })
    peer.write(4000)
    peer.take()
    peer.wait(100)
    peer.send('. 1:1(0) ack 1 <sack 3001:4001>')
    peer.wait(1000)
    assert.ok(peer.take().every(({ seq }) => seq !== 3001))
  })
})
