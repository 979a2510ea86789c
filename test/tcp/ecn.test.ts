import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { active, type ConnectionOptions, passive } from './established.ts'
import { Peer } from './peer.ts'

/** A connection that the stack opened and whose data may be marked. */
function marked(options: ConnectionOptions = {}): Peer {
  const peer = new Peer(options)
  peer.connect({ ecn: 'request', ...options.tcp })
  peer.expect('SEW 0:0(0)')
  peer.wait(options.rtt ?? 0)
  peer.send('SE. 0:0(0) ack 1 <mss 1000,sackOK>')
  peer.expect('[noecn] . 1:1(0) ack 1')
  return peer
}

/** One that the peer opened. */
function markedPassive(): Peer {
  const peer = new Peer()
  peer.listen()
  peer.send('SEW 0:0(0) <mss 1000,sackOK>')
  peer.expect('[noecn] SE. 0:0(0) ack 1')
  peer.send('. 1:1(0) ack 1')
  peer.accept()
  return peer
}

describe('ECN, the handshake (RFC 3168 §6.1.1)', () => {
  it('is asked for with ECE and CWR, and on when the SYN,ACK has ECE alone', () => {
    assert.ok(marked().tcb.ecn?.isOn)
    for (const answer of ['S.', 'SEW.', 'SW.']) {
      const peer = new Peer()
      peer.connect({ ecn: 'request' })
      peer.send(`${answer} 0:0(0) ack 1 <mss 1000>`)
      assert.ok(!peer.tcb.ecn?.isOn, answer)
    }
  })

  it('is granted to a peer that asks, and only to one', () => {
    assert.ok(markedPassive().tcb.ecn?.isOn)
    for (const question of ['S', 'SE', 'SW', '[ect0] SEW', '[ce] SEW']) {
      const peer = new Peer()
      peer.listen()
      peer.send(`${question} 0:0(0) <mss 1000>`)
      peer.expect('S. 0:0(0) ack 1')
    }
  })

  it('is neither asked for nor granted where it is off, and not asked for by default', () => {
    const off = new Peer()
    off.listen({ ecn: 'off' })
    off.send('SEW 0:0(0) <mss 1000>')
    off.expect('S. 0:0(0) ack 1')
    const quiet = new Peer()
    quiet.connect()
    quiet.expect('S 0:0(0)')
  })

  it('goes without the question when the first SYN had no answer (§6.1.1.1), and then marks nothing', () => {
    const peer = new Peer()
    peer.connect({ ecn: 'request' })
    peer.expect('SEW 0:0(0)')
    peer.expectAt(1000, 'S 0:0(0)')
    // The answer is one to the first: we may not mark, but the peer may, and is told.
    peer.send('SE. 0:0(0) ack 1 <mss 1000>')
    peer.expect('. 1:1(0) ack 1')
    peer.write(100)
    peer.expect('[noecn] P. 1:101(100) ack 1')
    peer.send('[ce] P. 1:101(100) ack 101')
    peer.expect('E. 101:101(0) ack 101')
  })

  it('works in a simultaneous open when both asked', () => {
    const peer = new Peer()
    peer.connect({ ecn: 'request' })
    peer.expect('SEW 0:0(0)')
    peer.send('SEW 0:0(0) <mss 1000,sackOK>')
    peer.expect('SE. 0:0(0) ack 1')
    peer.send('SE. 0:0(0) ack 1 <mss 1000,sackOK>')
    assert.ok(peer.tcb.ecn?.isOn)
  })

  it('a repeated SYN,ACK still says yes', () => {
    const peer = new Peer()
    peer.listen()
    peer.send('SEW 0:0(0) <mss 1000>')
    peer.expect('SE. 0:0(0) ack 1')
    peer.expectAt(1000, 'SE. 0:0(0) ack 1')
  })
})

describe('ECN, the sender (RFC 9293 SHLD-8, RFC 3168 §6.1.2)', () => {
  it('marks new data ECT(0), and nothing else (§6.1.4, §6.1.5)', () => {
    const peer = marked({ rtt: 10 })
    peer.write(1000)
    peer.expect('[ect0] P. 1:1001(1000) ack 1')
    peer.send('. 1:1(0) ack 1001')
    peer.write(2000)
    peer.expect('[ect0] . 1001:2001(1000) ack 1')
    peer.expect('[ect0] P. 2001:3001(1000) ack 1')
    peer.wait(1000)
    for (const again of peer.take()) assert.equal(again.ecn, 'noecn', 'a retransmission')
    peer.send('P. 1:2(1) ack 3001')
    peer.expect('[noecn] . 3001:3001(0) ack 2')
    peer.do('close')
    peer.expect('[noecn] F. 3001:3001(0) ack 2')
  })

  it('does not mark a probe into a closed window (§6.1.6)', () => {
    const peer = marked()
    peer.send('. 1:1(0) ack 1 win 0')
    peer.write(10)
    peer.wait(1500)
    assert.deepEqual(
      peer.take().map(({ ecn }) => ecn),
      peer.timers.map(() => 'noecn'),
    )
  })

  it('reduces its window for ECE once in a window of data, and says CWR with the next new data', () => {
    const peer = marked({ rtt: 10 })
    peer.write(10_000)
    assert.equal(peer.take().length, 10)
    const { congestion } = peer.tcb
    const before = congestion.cwnd
    peer.send('E. 1:1(0) ack 1001')
    const after = congestion.cwnd
    assert.ok(after < before, `from ${before} to ${after}`)
    assert.equal(congestion.ssthresh, after)
    for (let ack = 2001; ack <= 10_001; ack += 1000) peer.send(`E. 1:1(0) ack ${ack}`)
    assert.equal(congestion.cwnd, after, 'no second reduction, and no growth')
    peer.write(2000)
    peer.expect('[ect0] W. 10001:11001(1000) ack 1')
    peer.expect('[ect0] P. 11001:12001(1000) ack 1')
    assert.equal(peer.tcb.trouble.retransmissions, 0)
    peer.send('E. 1:1(0) ack 12001')
    assert.ok(congestion.cwnd < after, 'the next window has its own')
  })

  it('counts a loss and a mark in the same window as one', () => {
    const peer = marked({ rtt: 10 })
    peer.write(10_000)
    peer.send('E. 1:1(0) ack 1001')
    const { ssthresh } = peer.tcb.congestion
    peer.take()
    peer.send('E. 1:1(0) ack 1001 <sack 2001:10001>')
    peer.wait(20)
    assert.equal(peer.expect('. 1001:2001(1000) ack 1').ecn, 'noecn')
    assert.equal(peer.tcb.congestion.ssthresh, ssthresh)
  })

  it('stays reduced for a mark when the loss beside it turns out to be none', () => {
    const peer = marked({ rtt: 10 })
    peer.write(10_000)
    peer.send('E. 1:1(0) ack 1001')
    const { ssthresh } = peer.tcb.congestion
    peer.take()
    peer.send('E. 1:1(0) ack 1001 <sack 2001:10001>')
    peer.expect('. 1001:2001(1000) ack 1')
    peer.send('. 1:1(0) ack 10001 <sack 1001:2001>')
    assert.equal(peer.tcb.trouble.duplicatesReported, 1)
    assert.equal(peer.tcb.congestion.ssthresh, ssthresh)
    assert.ok(peer.tcb.congestion.cwnd <= ssthresh + 1000, `${peer.tcb.congestion.cwnd}`)
  })

  it('tells the peer with CWR that a loss reduced the window, too', () => {
    const peer = marked({ rtt: 10 })
    peer.write(1000)
    peer.take()
    peer.wait(1000)
    peer.take()
    peer.send('. 1:1(0) ack 1001')
    peer.write(1000)
    peer.expect('[ect0] PW. 1001:2001(1000) ack 1')
  })

  it('does not believe ECE where ECN is off', () => {
    const peer = active()
    peer.write(10_000)
    const { cwnd } = peer.tcb.congestion
    peer.send('E. 1:1(0) ack 1')
    assert.equal(peer.tcb.congestion.cwnd, cwnd)
  })

  it('hands CWR down with a super-segment; the link leaves it on the first piece', () => {
    const peer = marked({ rtt: 10, offload: true })
    peer.write(8000)
    peer.take()
    peer.send('E. 1:1(0) ack 8001')
    peer.write(2000)
    peer.expect('[ect0] PW. 8001:10001(2000) ack 1')
  })
})

describe('ECN, the receiver (RFC 3168 §6.1.3)', () => {
  it('echoes a mark with ECE on every ACK until CWR arrives', () => {
    const peer = markedPassive()
    peer.send('[ect0] P. 1:1001(1000) ack 1')
    peer.expect('. 1:1(0) ack 1001')
    peer.send('[ce] P. 1001:2001(1000) ack 1')
    peer.expect('E. 1:1(0) ack 2001')
    peer.send('[ect0] P. 2001:3001(1000) ack 1', '[ect0] P. 3001:4001(1000) ack 1')
    peer.expect('E. 1:1(0) ack 4001')
    peer.write(10)
    peer.expect('[ect0] PE. 1:11(10) ack 4001')
    peer.send('[ect0] PW. 4001:5001(1000) ack 11')
    peer.expect('. 11:11(0) ack 5001')
  })

  it('begins anew when the segment with CWR is marked itself', () => {
    const peer = markedPassive()
    peer.send('[ce] P. 1:1001(1000) ack 1')
    peer.expect('E. 1:1(0) ack 1001')
    peer.send('[ce] PW. 1001:2001(1000) ack 1')
    peer.expect('E. 1:1(0) ack 2001')
  })

  it('heeds no mark on a pure ACK, none outside the window, and none where ECN is off', () => {
    const peer = markedPassive()
    peer.send('[ce] . 1:1(0) ack 1')
    peer.send('[ce] P. 900001:900002(1) ack 1')
    peer.expect('. 1:1(0) ack 1')
    peer.send('P. 1:1001(1000) ack 1')
    peer.expect('. 1:1(0) ack 1001')
    const off = passive()
    off.send('[ce] P. 1:1001(1000) ack 1')
    off.expect('. 1:1(0) ack 1001')
  })
})
