import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { active, type ConnectionOptions } from './established.ts'
import type { Peer } from './peer.ts'

const starts = (peer: Peer): number[] => peer.take().map(({ seq }) => seq)

/** `count` segments are in flight when the retransmission timer expires: the first has gone again. */
function timedOut(count: number, options: ConnectionOptions = {}): Peer {
  const peer = active({ rtt: 100, syn: 'mss 1000,sackOK', ...options, tcp: { tailLossProbe: false, ...options.tcp } })
  peer.write(count * 1000)
  peer.take()
  while (peer.tcb.trouble.timeouts === 0) peer.wait(10)
  assert.deepEqual(starts(peer), [1])
  assert.equal(peer.tcb.congestion.cwnd, 1000)
  return peer
}

describe('a retransmission timeout that came too early: F-RTO (RFC 5682)', () => {
  for (const syn of ['mss 1000,sackOK', 'mss 1000']) {
    it(`sends new data after the first ACK, and returns to what was with the second (§2.1 steps 2b and 3b; ${syn})`, () => {
      const peer = timedOut(8, { syn })
      peer.write(5000)
      peer.expectNothing()
      peer.send('. 1:1(0) ack 1001')
      assert.deepEqual(starts(peer), [8001, 9001], 'new data, nothing again')
      peer.send('. 1:1(0) ack 2001')
      assert.equal(peer.tcb.trouble.undone, 1)
      assert.equal(peer.tcb.recovery, 'none')
      assert.ok(peer.tcb.congestion.cwnd >= 10_000)
      assert.equal(peer.tcb.congestion.ssthresh, Number.POSITIVE_INFINITY)
      assert.equal(peer.tcb.trouble.retransmissions, 1)
    })

    it(`goes on to retransmit when the new data only shows that the old is missing (§2.1 step 3a; ${syn})`, () => {
      const peer = timedOut(8, { syn })
      peer.write(5000)
      peer.send('. 1:1(0) ack 1001')
      assert.deepEqual(starts(peer), [8001, 9001])
      peer.send(`. 1:1(0) ack 1001${syn.includes('sack') ? ' <sack 8001:9001>' : ''}`)
      assert.equal(starts(peer)[0], 1001)
      assert.equal(peer.tcb.trouble.undone, 0)
      assert.equal(peer.tcb.recovery, 'timeout')
    })
  }

  it('sees by a SACK of what was sent once that nothing was lost (§3.1 step 3b)', () => {
    const peer = timedOut(8)
    peer.send('. 1:1(0) ack 1 <sack 2001:3001>')
    assert.equal(peer.tcb.trouble.undone, 1)
    assert.equal(peer.tcb.congestion.ssthresh, Number.POSITIVE_INFINITY)
  })

  it('retransmits at once where there is nothing new to send (§2.1 step 2b)', () => {
    const peer = timedOut(8)
    peer.send('. 1:1(0) ack 1001')
    assert.deepEqual(starts(peer), [1001, 2001])
  })

  it('is off when the user wants it off', () => {
    const peer = timedOut(8, { tcp: { frto: false } })
    peer.write(5000)
    peer.send('. 1:1(0) ack 1001')
    assert.deepEqual(starts(peer), [1001, 2001])
  })
})

describe('a needless retransmission, by its timestamp: Eifel detection (RFC 3522 §3.2)', () => {
  const syn = 'mss 1012,sackOK,TS val 1 ecr 0'

  it('takes back a timeout when the first ACK answers the original (RFC 4015 §3)', () => {
    const peer = active({ rtt: 100, syn, tcp: { tailLossProbe: false, frto: false } })
    peer.write(8000)
    const original = peer.take()[0]?.options.ts?.val
    while (peer.tcb.trouble.timeouts === 0) peer.wait(10)
    peer.take()
    peer.send(`. 1:1(0) ack 1001 <TS val 2 ecr ${original}>`)
    assert.equal(peer.tcb.trouble.undone, 1)
    assert.equal(peer.tcb.recovery, 'none')
    assert.ok(peer.tcb.congestion.cwnd >= 10_000)
  })

  it('but not when it answers the repetition', () => {
    const peer = active({ rtt: 100, syn, tcp: { tailLossProbe: false, frto: false } })
    peer.write(8000)
    peer.take()
    while (peer.tcb.trouble.timeouts === 0) peer.wait(10)
    const repetition = peer.take()[0]?.options.ts?.val
    peer.send(`. 1:1(0) ack 1001 <TS val 2 ecr ${repetition}>`)
    assert.equal(peer.tcb.trouble.undone, 0)
    assert.equal(peer.tcb.recovery, 'timeout')
  })

  it('takes back a fast recovery when what was late fills the hole', () => {
    const peer = active({ rtt: 100, syn })
    peer.write(8000)
    const original = peer.take()[0]?.options.ts?.val
    peer.wait(100)
    for (let i = 2; i <= 4; i++) peer.send(`. 1:1(0) ack 1 <TS val 2 ecr ${original},sack 1001:${i}001>`)
    assert.deepEqual(starts(peer), [1])
    assert.equal(peer.tcb.congestion.ssthresh, 4000)
    peer.wait(2)
    peer.send(`. 1:1(0) ack 8001 <TS val 3 ecr ${original}>`)
    assert.equal(peer.tcb.trouble.undone, 1)
    assert.equal(peer.tcb.congestion.ssthresh, Number.POSITIVE_INFINITY)
    // The path has overtaken by three segments; the next hole is given time (RFC 8985 §6.2 step 4).
    assert.deepEqual([peer.tcb.rack.reorderings, peer.tcb.rack.reordering], [1, 4])
    peer.write(8000)
    const later = peer.take()[0]?.options.ts?.val
    peer.wait(100)
    for (let i = 2; i <= 4; i++) peer.send(`. 1:1(0) ack 8001 <TS val 4 ecr ${later},sack 9001:${i + 7}001>`)
    assert.deepEqual(starts(peer), [])
    peer.wait(30)
    assert.deepEqual(starts(peer), [8001])
  })
})

describe('limited transmit (RFC 3042 §2)', () => {
  for (const syn of ['mss 1000,sackOK', 'mss 1000']) {
    it(`sends new data for each of the first two duplicate ACKs (${syn})`, () => {
      const peer = active({ rtt: 100, syn })
      peer.write(15_000)
      assert.equal(peer.take().length, 10)
      const sack = (end: number): string => (syn.includes('sack') ? ` <sack 1001:${end}>` : '')
      peer.send(`. 1:1(0) ack 1${sack(2001)}`)
      assert.deepEqual(starts(peer), [10_001])
      peer.send(`. 1:1(0) ack 1${sack(3001)}`)
      assert.deepEqual(starts(peer), [11_001])
      assert.equal(peer.tcb.congestion.cwnd, 10_000, 'the window does not grow by it')
    })
  }
})
