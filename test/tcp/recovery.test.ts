import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { active, type ConnectionOptions, passive } from './established.ts'
import type { Peer } from './peer.ts'

/** A connection with a round trip of 100 ms that has `count` segments of 1000 octets in flight. */
function flying(count: number, options: ConnectionOptions = {}): Peer {
  const peer = active({ rtt: 100, syn: 'mss 1000,sackOK', ...options })
  peer.write(count * 1000)
  const sent = peer.take()
  assert.equal(sent.length, count)
  return peer
}

const starts = (peer: Peer): number[] => peer.take().map(({ seq }) => seq)

describe('the retransmission timeout (RFC 6298)', () => {
  it('follows SRTT and RTTVAR (§2)', () => {
    const peer = active({ rtt: 800 })
    assert.equal(peer.tcb.rtt.srtt, 800_000)
    assert.equal(peer.tcb.rtt.rttvar, 400_000)
    assert.equal(peer.tcb.rtt.rto, 2_400_000)
    peer.write(1000)
    peer.wait(600)
    peer.send('. 1:1(0) ack 1001')
    assert.equal(peer.tcb.rtt.rttvar, 0.75 * 400_000 + 0.25 * 200_000)
    assert.equal(peer.tcb.rtt.srtt, 0.875 * 800_000 + 0.125 * 600_000)
    assert.equal(peer.tcb.rtt.rto, peer.tcb.rtt.srtt! + 4 * peer.tcb.rtt.rttvar)
  })

  it('is never below 200 ms', () => {
    const peer = active({ rtt: 1 })
    for (let i = 0; i < 30; i++) {
      peer.write(10)
      peer.wait(1)
      peer.send(`. 1:1(0) ack ${11 + 10 * i}`)
    }
    assert.equal(peer.tcb.rtt.rto, 200_000)
  })

  it('sends the first segment again, doubles, and returns to its value with an ACK (§5.4 to §5.7)', () => {
    const peer = flying(1, { syn: 'mss 1000' })
    const begin = peer.now
    for (const at of [300, 900, 2100, 4500]) peer.expectAt(begin + at, 'P. 1:1001(1000) ack 1')
    peer.send('. 1:1(0) ack 1001')
    assert.equal(peer.tcb.rtt.rto, 300_000, 'Karn: the ACK measured nothing')
    peer.write(1000)
    peer.expect('P. 1001:2001(1000) ack 1')
    peer.expectAt(begin + 4800, 'P. 1001:2001(1000) ack 1')
  })

  it('begins anew with every ACK of new data (§5.3)', () => {
    const peer = flying(3, { syn: 'mss 1000' })
    peer.wait(250)
    peer.send('. 1:1(0) ack 1001')
    assert.ok(peer.tcb.pollAt() > (peer.tcb.lastReceived as number) + 200_000)
    peer.wait(190)
    peer.expectNothing()
  })

  it('ends the connection after the user timeout (MUST-20)', () => {
    const peer = flying(1, { tcp: { userTimeout: 10_000 } })
    peer.at(20_000)
    assert.deepEqual(peer.told, ['ETIMEDOUT'])
    assert.equal(peer.tcp.size, 0)
    assert.equal(peer.stack.pollAt(), Number.POSITIVE_INFINITY)
  })

  it('starts slow start from one segment, without sending anything twice in vain (RFC 5681 §3.1)', () => {
    for (const syn of ['mss 1000', 'mss 1000,sackOK']) {
      const peer = flying(8, { syn })
      const seen: number[] = []
      while (peer.tcb.stats.timeouts === 0) {
        peer.wait(10)
        seen.push(...starts(peer))
      }
      assert.equal(seen.at(-1), 1)
      assert.equal(peer.tcb.congestion.cwnd, 1000)
      assert.equal(peer.tcb.congestion.ssthresh, 4000)
      peer.wait(100)
      peer.send('. 1:1(0) ack 1001')
      assert.deepEqual(starts(peer), [1001, 2001], syn)
      peer.wait(100)
      peer.send('. 1:1(0) ack 2001')
      assert.deepEqual(starts(peer), [3001, 4001], syn)
      peer.send('. 1:1(0) ack 3001')
      assert.deepEqual(starts(peer), [5001, 6001], syn)
      peer.send('. 1:1(0) ack 8001')
      assert.ok(peer.tcb.board.isEmpty)
    }
  })

  it('takes a timestamp that answers the retransmission for a measurement (RFC 7323 §4.1)', () => {
    const peer = flying(1, { syn: 'mss 1012,TS val 1 ecr 0' })
    peer.wait(310)
    const repeated = peer.next()
    peer.wait(70)
    peer.send(`. 1:1(0) ack 1001 <TS val 2 ecr ${repeated?.options.ts?.val}>`)
    assert.ok(peer.tcb.rtt.srtt! < 100_000, `${peer.tcb.rtt.srtt}`)
  })
})

describe('fast retransmit without SACK (RFC 5681 §3.2, RFC 6582)', () => {
  const syn = 'mss 1000'

  it('begins with the third duplicate ACK, and not before', () => {
    const peer = flying(8, { syn })
    peer.send('. 1:1(0) ack 1', '. 1:1(0) ack 1')
    peer.expectNothing()
    peer.send('. 1:1(0) ack 1')
    assert.deepEqual(starts(peer), [1])
    assert.equal(peer.tcb.congestion.ssthresh, 4000)
    assert.equal(peer.tcb.recovery, 'fast')
  })

  it('counts no ACK with data, a FIN, or another window (RFC 5681 §2)', () => {
    const peer = flying(8, { syn })
    for (let i = 0; i < 5; i++) peer.send(`P. ${1 + i * 10}:${11 + i * 10}(10) ack 1`)
    for (let i = 0; i < 5; i++) peer.send(`. 51:51(0) ack 1 win ${60_000 + i}`)
    assert.equal(peer.tcb.stats.retransmissions, 0)
  })

  it('sends one lost segment for each partial ACK, each once (RFC 6582 §3.2)', () => {
    const peer = flying(8, { syn })
    for (let i = 0; i < 3; i++) peer.send('. 1:1(0) ack 1')
    assert.deepEqual(starts(peer), [1])
    peer.wait(50)
    peer.send('. 1:1(0) ack 2001')
    assert.equal(starts(peer)[0], 2001)
    peer.wait(50)
    peer.send('. 1:1(0) ack 5001')
    assert.equal(starts(peer)[0], 5001)
    assert.equal(peer.tcb.stats.timeouts, 0)
    peer.send('. 1:1(0) ack 8001')
    assert.equal(peer.tcb.recovery, 'none')
    assert.equal(peer.tcb.stats.retransmissions, 3)
    assert.equal(peer.tcb.stats.fastRecoveries, 1)
  })

  it('lets new data out for further duplicates, so that the ACK clock goes on', () => {
    const peer = flying(8, { syn })
    peer.write(8000)
    assert.deepEqual(starts(peer), [8001, 9001])
    for (let i = 0; i < 9; i++) peer.send('. 1:1(0) ack 1')
    const sent = starts(peer)
    // Limited transmit for the first two (RFC 3042), then the retransmission, then what half the window lets out.
    assert.deepEqual(sent.slice(0, 3), [10_001, 11_001, 1])
    assert.ok(sent.length > 3, `${sent}`)
  })

  it('reduces the window once for one window of data', () => {
    const peer = flying(8, { syn })
    for (let i = 0; i < 7; i++) peer.send('. 1:1(0) ack 1')
    assert.equal(peer.tcb.congestion.ssthresh, 4000)
    assert.equal(peer.tcb.stats.fastRecoveries, 1)
  })
})

describe('recovery with SACK (RFC 8985, RFC 6675)', () => {
  it('finds a loss by what was sent later and delivered', () => {
    const peer = flying(8)
    peer.wait(100)
    peer.send('. 1:1(0) ack 1 <sack 1001:2001>')
    peer.send('. 1:1(0) ack 1 <sack 1001:3001>')
    peer.send('. 1:1(0) ack 1 <sack 1001:4001>')
    assert.equal(peer.next()?.seq, 1)
    assert.equal(peer.tcb.recovery, 'fast')
    assert.equal(peer.tcb.congestion.ssthresh, 4000)
  })

  it('waits a quarter of the round trip for a single segment out of order (RFC 8985 §6.2)', () => {
    const peer = flying(8)
    peer.wait(100)
    const begin = peer.now
    peer.send('. 1:1(0) ack 1 <sack 1001:2001>')
    peer.expectAt(begin + 25, '. 1:1001(1000) ack 1')
    const other = flying(8)
    other.wait(100)
    other.send('. 1:1(0) ack 1 <sack 1001:2001>', '. 1:1(0) ack 2001')
    other.wait(30)
    assert.equal(other.tcb.stats.retransmissions, 0, 'it had only been reordered')
  })

  it('sends each hole once, then new data', () => {
    const peer = flying(10)
    peer.wait(100)
    peer.send('. 1:1(0) ack 1 <sack 1001:2001>')
    peer.send('. 1:1(0) ack 1 <sack 3001:4001 1001:2001>')
    peer.send('. 1:1(0) ack 1 <sack 5001:10001 3001:4001 1001:2001>')
    peer.wait(20)
    const holes = starts(peer)
    assert.deepEqual(holes, [1, 2001, 4001])
    peer.wait(100)
    peer.send('. 1:1(0) ack 10001')
    assert.equal(peer.tcb.stats.retransmissions, 3)
    assert.equal(peer.tcb.recovery, 'none')
    assert.equal(peer.tcb.stats.timeouts, 0)
  })

  it('finds that a retransmission was lost, without the timer (RFC 8985 §3.2)', () => {
    const peer = flying(10)
    peer.wait(100)
    for (let i = 2; i <= 4; i++) peer.send(`. 1:1(0) ack 1 <sack 1001:${i * 1000 + 1}>`)
    assert.equal(starts(peer)[0], 1)
    peer.write(5000)
    peer.wait(10)
    peer.send('. 1:1(0) ack 1 <sack 1001:9001>')
    assert.ok(starts(peer).includes(10_001), 'new data, sent after the retransmission')
    peer.wait(110)
    peer.send('. 1:1(0) ack 1 <sack 1001:11001>')
    peer.wait(30)
    assert.deepEqual(
      starts(peer).filter((seq) => seq === 1),
      [1],
    )
    assert.equal(peer.tcb.stats.timeouts, 0)
  })

  it('forgets what was sacked when the first segment of it times out: the peer reneged (RFC 2018 §8)', () => {
    const peer = flying(4)
    peer.wait(100)
    peer.send('. 1:1(0) ack 1 <sack 1:1001>')
    assert.equal(peer.tcb.board.sackedBytes, 1000)
    while (peer.tcb.stats.timeouts === 0) peer.wait(10)
    assert.equal(peer.tcb.board.sackedBytes, 0)
    assert.equal(starts(peer).at(-1), 1)
  })

  it('ignores blocks of what was never sent, is acknowledged, or is empty (RFC 6675 §4)', () => {
    const peer = flying(4)
    peer.send(
      '. 1:1(0) ack 1001 <sack 5001:6001>',
      '. 1:1(0) ack 1001 <sack 1:1001>',
      '. 1:1(0) ack 1001 <sack 3001:3001>',
    )
    peer.send('. 1:1(0) ack 1001 <sack 3001:2001>', '. 1:1(0) ack 1001 <sack 3001:4002>')
    assert.equal(peer.tcb.board.sackedBytes, 0)
  })

  it('marks whole segments only, however odd the edges', () => {
    const peer = active({ offload: true, rtt: 100 })
    peer.write(4000)
    assert.equal(peer.take().length, 1)
    peer.send('. 1:1(0) ack 1 <sack 1501:3500>')
    assert.equal(peer.tcb.board.sackedBytes, 1000)
    peer.send('. 1:1(0) ack 1 <sack 1001:4001>')
    assert.equal(peer.tcb.board.sackedBytes, 3000)
  })

  it('repairs the lost end of a flight by a probe, before the timer (RFC 8985 §7)', () => {
    const peer = flying(3)
    peer.wait(100)
    peer.send('. 1:1(0) ack 1001')
    peer.wait(210)
    assert.deepEqual(starts(peer), [2001])
    peer.wait(100)
    peer.send('. 1:1(0) ack 1001 <sack 2001:3001>')
    peer.wait(30)
    assert.deepEqual(starts(peer), [1001])
    assert.equal(peer.tcb.stats.timeouts, 0)
  })
})

describe('congestion control (RFC 5681)', () => {
  it('starts with ten segments (RFC 6928)', () => {
    const peer = active({ rtt: 100 })
    peer.write(20_000)
    assert.equal(peer.take().length, 10)
    const small = active({ rtt: 100, syn: 'mss 536,sackOK' })
    small.write(20_000)
    assert.equal(small.take().length, 10)
    const large = active({ mtu: 9000, rtt: 100, syn: 'mss 8960,sackOK' })
    large.write(100_000)
    assert.equal(
      large.take().reduce((sum, { length }) => sum + length, 0),
      2 * 8960,
    )
  })

  it('doubles in slow start, then grows by a segment for each window (§3.1)', () => {
    const peer = active({ rtt: 100 })
    const { congestion } = peer.tcb
    peer.write(1_000_000)
    let una = 1
    const round = (): number => {
      const sent = peer.take().reduce((sum, { length }) => sum + length, 0)
      for (let acked = 0; acked < sent; acked += 2000) {
        una += Math.min(2000, sent - acked)
        peer.send(`. 1:1(0) ack ${una}`)
      }
      return congestion.cwnd
    }
    assert.equal(round(), 20_000)
    assert.equal(round(), 40_000)
    congestion.ssthresh = congestion.cwnd
    assert.equal(round(), 41_000)
    assert.equal(round(), 42_000)
  })

  it('does not grow a window that is not used (RFC 5681 §4.1, RFC 7661)', () => {
    const peer = active({ rtt: 100 })
    const { cwnd } = peer.tcb.congestion
    for (let i = 0; i < 50; i++) {
      peer.write(1000)
      peer.wait(100)
      peer.send(`. 1:1(0) ack ${1001 + 1000 * i}`)
    }
    assert.equal(peer.tcb.congestion.cwnd, cwnd)
  })

  it('gains nothing from ACKs divided into small ones (§3.1)', () => {
    const peer = active({ rtt: 100 })
    peer.write(1_000_000)
    const { cwnd } = peer.tcb.congestion
    for (let i = 1; i <= 100; i++) peer.send(`. 1:1(0) ack ${1 + i * 10}`)
    assert.ok(peer.tcb.congestion.cwnd <= cwnd + 1000)
  })

  it('returns to the initial window after an idle time (§4.1)', () => {
    const peer = active({ rtt: 100 })
    peer.tcb.congestion.cwnd = 100_000
    peer.wait(5000)
    peer.write(50_000)
    assert.equal(peer.take().length, 10)
  })

  it('is not starved by a peer that acknowledges what it has not received (optimistic ACKs are bounded by SND.NXT)', () => {
    const peer = passive()
    peer.write(5000)
    peer.send('. 1:1(0) ack 99999')
    assert.equal(peer.tcb.flightSize, 5000)
  })
})

describe('sending and receiving at once', () => {
  it('never sends a packet larger than the MTU, whatever blocks its ACK carries (RFC 6691 §3)', () => {
    for (const offload of [false, true]) {
      const peer = active({ offload, syn: 'mss 1460,sackOK,TS val 1 ecr 0', rtt: 10 })
      for (let i = 2; i < 8; i += 2) peer.send(`P. ${i}001:${i + 1}001(1000) ack 1 <TS val 2 ecr 0>`)
      peer.take()
      peer.write(20_000)
      const sent = peer.take()
      assert.ok(sent.length > 0)
      const octets = sent.reduce((sum, { length }) => sum + length, 0)
      assert.equal(octets, peer.tcb.flightSize, 'what the stack thinks is in flight has left it')
      for (const { bytes, segmentSize } of peer.link.sent) {
        const headers = 20 + (bytes[32]! >>> 4) * 4
        const piece = segmentSize > 0 ? Math.min(segmentSize, bytes.length - headers) : bytes.length - headers
        assert.ok(headers + piece <= 1500, `${headers} + ${piece}`)
      }
    }
  })

  it('tells of early data at once though it has data of its own to send', () => {
    const peer = active({ syn: 'mss 1000,sackOK', rtt: 10 })
    peer.write(30_000)
    peer.take()
    peer.send('P. 1001:2001(1000) ack 1')
    peer.expect('. 10001:10001(0) ack 1 <sack 1001:2001>')
    peer.send('P. 3001:4001(1000) ack 2001')
    const first = peer.next()
    assert.deepEqual(first?.options.sack?.[0], [3001, 4001])
  })
})
