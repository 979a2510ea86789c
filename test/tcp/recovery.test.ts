import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { seqDiff } from '../../src/base/seq.ts'
import { Timer } from '../../src/tcp/timers.ts'
import { active, type ConnectionOptions } from './established.ts'
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

describe('the retransmission timeout (RFC 6298 §2)', () => {
  it('follows SRTT and RTTVAR, to the microsecond (§2, §4)', () => {
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

  it('is the round trip and at least 200 ms more', () => {
    const peer = active({ rtt: 1 })
    for (let i = 0; i < 30; i++) {
      peer.write(10)
      peer.wait(1)
      peer.send(`. 1:1(0) ack ${11 + 10 * i}`)
    }
    assert.equal(peer.tcb.rtt.rto, 201_000)
  })

  it('sends the first segment again, doubles, and returns to its value with an ACK (RFC 6298 §5.4, §5.5, §5.6, MUST-19)', () => {
    const peer = flying(1, { syn: 'mss 1000' })
    const begin = peer.now
    for (const at of [300, 900, 2100, 4500]) peer.expectAt(begin + at, 'P. 1:1001(1000) ack 1')
    peer.send('. 1:1(0) ack 1001')
    assert.equal(peer.tcb.rtt.rto, 300_000, 'Karn: the ACK measured nothing')
    peer.write(1000)
    peer.expect('P. 1001:2001(1000) ack 1')
    peer.expectAt(begin + 4800, 'P. 1001:2001(1000) ack 1')
  })

  it('runs exactly while something is unacknowledged (RFC 6298 §5.1, §5.2)', () => {
    const peer = active({ syn: 'mss 1000' })
    const isRunning = (): boolean => peer.tcb.deadlines.isArmed(Timer.RETRANSMIT)
    assert.equal(isRunning(), false)
    peer.write(2000)
    assert.equal(isRunning(), true)
    peer.send('. 1:1(0) ack 1001')
    assert.equal(isRunning(), true)
    peer.send('. 1:1(0) ack 2001')
    assert.equal(isRunning(), false)
  })

  it('begins anew with every ACK of new data (RFC 6298 §5.3)', () => {
    const peer = flying(5, { syn: 'mss 1000' })
    peer.wait(250)
    peer.send('. 1:1(0) ack 1001')
    assert.ok(peer.tcb.pollAt() > (peer.tcb.lastReceived as number) + 200_000)
    peer.wait(190)
    peer.expectNothing()
  })

  it('counts from when the first segment was sent when too few are left for a fast retransmit (RFC 7765 §4)', () => {
    const peer = flying(3, { syn: 'mss 1000' })
    const sent = peer.now
    peer.wait(150)
    peer.send('. 1:1(0) ack 1001')
    const rto = peer.tcb.rtt.rto / 1000
    assert.ok(rto > 300)
    peer.expectAt(sent + rto, '. 1001:2001(1000) ack 1')
  })

  it('ends the connection after the user timeout (MUST-20, MUST-21, SHLD-11)', () => {
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
      while (peer.tcb.trouble.timeouts === 0) {
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
    assert.equal(peer.tcb.trouble.retransmissions, 0)
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
    assert.equal(peer.tcb.trouble.timeouts, 0)
    peer.send('. 1:1(0) ack 8001')
    assert.equal(peer.tcb.recovery, 'none')
    assert.equal(peer.tcb.trouble.retransmissions, 3)
    assert.equal(peer.tcb.trouble.fastRecoveries, 1)
  })

  it('begins no recovery for duplicates of what a timeout sent again (RFC 6582 §3.2 step 2)', () => {
    const peer = flying(4, { syn })
    peer.wait(350)
    assert.equal(peer.tcb.trouble.timeouts, 1)
    peer.send('. 1:1(0) ack 4001')
    peer.take()
    const { ssthresh } = peer.tcb.congestion
    peer.write(4000)
    peer.take()
    for (let i = 0; i < 3; i++) peer.send('. 1:1(0) ack 4001')
    assert.equal(peer.tcb.trouble.fastRecoveries, 0)
    assert.equal(peer.tcb.congestion.ssthresh, ssthresh)
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
    assert.equal(peer.tcb.trouble.fastRecoveries, 1)
  })
})

describe('recovery with SACK (RFC 8985, RFC 6675, RFC 5681 §4.3)', () => {
  it('finds a loss by what was sent later and delivered (RFC 8985 §6.2 step 2, §6.2 step 5)', () => {
    const peer = flying(8)
    peer.wait(100)
    peer.send('. 1:1(0) ack 1 <sack 1001:2001>')
    peer.send('. 1:1(0) ack 1 <sack 1001:3001>')
    peer.send('. 1:1(0) ack 1 <sack 1001:4001>')
    assert.equal(peer.next()?.seq, 1)
    assert.equal(peer.tcb.recovery, 'fast')
    assert.equal(peer.tcb.congestion.ssthresh, 4000)
  })

  it('waits a quarter of the least round trip for a single segment out of order (RFC 8985 §6.2 step 1, §6.2 step 4)', () => {
    const peer = flying(8)
    peer.wait(100)
    const begin = peer.now
    peer.send('. 1:1(0) ack 1 <sack 1001:2001>')
    peer.expectAt(begin + 25, '. 1:1001(1000) ack 1')
    const other = flying(8)
    other.wait(100)
    other.send('. 1:1(0) ack 1 <sack 1001:2001>', '. 1:1(0) ack 2001')
    other.wait(30)
    assert.equal(other.tcb.trouble.retransmissions, 0, 'it had only been reordered')
  })

  it('sends each hole once and nothing that is sacked, then new data (RFC 2018 §5, RFC 6675 §5)', () => {
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
    assert.equal(peer.tcb.trouble.retransmissions, 3)
    assert.equal(peer.tcb.recovery, 'none')
    assert.equal(peer.tcb.trouble.timeouts, 0)
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
    assert.equal(peer.tcb.trouble.timeouts, 0)
  })

  it('calls lost at a timeout what is as old as a round trip, and nothing younger (RFC 8985 §6.3)', () => {
    const peer = flying(2, { tcp: { tailLossProbe: false } })
    peer.wait(290)
    peer.write(2000)
    while (peer.tcb.trouble.timeouts === 0) peer.wait(1)
    assert.deepEqual(
      peer.tcb.board.ranges.map(({ start, end, lost }) => [seqDiff(end, start), lost]),
      [
        [1000, true],
        [1000, true],
        [2000, false],
      ],
    )
  })

  it('repeats nothing that is sacked after a timeout either (RFC 6675 §5.1)', () => {
    const peer = flying(4, { tcp: { tailLossProbe: false } })
    peer.wait(100)
    peer.send('. 1:1(0) ack 1 <sack 1001:2001>')
    while (peer.tcb.trouble.timeouts === 0) peer.wait(10)
    peer.send('. 1:1(0) ack 2001')
    peer.send('. 1:1(0) ack 3001')
    const again = starts(peer)
    assert.ok(again.includes(1) && again.includes(2001) && !again.includes(1001), `${again}`)
  })

  it('forgets what was sacked when the first segment of it times out: the peer reneged (RFC 2018 §8)', () => {
    const peer = flying(4)
    peer.wait(100)
    peer.send('. 1:1(0) ack 1 <sack 1:1001>')
    assert.equal(peer.tcb.board.sackedBytes, 1000)
    while (peer.tcb.trouble.timeouts === 0) peer.wait(10)
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
    const peer = active({ offload: true, rtt: 100, tcp: { minBurst: 4 } })
    peer.write(4000)
    assert.equal(peer.take().length, 1)
    peer.send('. 1:1(0) ack 1 <sack 1501:3500>')
    assert.equal(peer.tcb.board.sackedBytes, 1000)
    peer.send('. 1:1(0) ack 1 <sack 1001:4001>')
    assert.equal(peer.tcb.board.sackedBytes, 3000)
  })

  it('repairs the lost end of a flight by a probe, before the timer (RFC 8985 §7.3)', () => {
    const peer = flying(3)
    peer.wait(100)
    peer.send('. 1:1(0) ack 1001')
    peer.wait(210)
    assert.deepEqual(starts(peer), [2001])
    peer.wait(100)
    peer.send('. 1:1(0) ack 1001 <sack 2001:3001>')
    peer.wait(30)
    assert.deepEqual(starts(peer), [1001])
    assert.equal(peer.tcb.trouble.timeouts, 0)
  })
})

describe('recovery with SACK where RACK is off (RFC 6675)', () => {
  it('begins with DupThresh segments sacked, repairs each hole once, and waits for no timer (§2, §5)', () => {
    const peer = flying(10, { tcp: { rack: false } })
    peer.wait(100)
    peer.send('. 1:1(0) ack 1 <sack 2001:4001>')
    assert.equal(peer.tcb.recovery, 'none')
    peer.send('. 1:1(0) ack 1 <sack 2001:5001>')
    assert.equal(peer.tcb.recovery, 'fast')
    for (let end = 6; end <= 10; end++) peer.send(`. 1:1(0) ack 1 <sack 2001:${end}001>`)
    assert.deepEqual(starts(peer), [1, 1001])
    peer.send('. 1:1(0) ack 10001')
    assert.equal(peer.tcb.recovery, 'none')
    assert.deepEqual([peer.tcb.trouble.timeouts, peer.tcb.trouble.retransmissions], [0, 2])
  })
})
