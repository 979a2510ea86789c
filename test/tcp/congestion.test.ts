import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { active, passive } from './established.ts'

describe('congestion control (RFC 5681)', () => {
  it('starts with ten segments (RFC 6928 §2)', () => {
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

  it('doubles in slow start, then grows by a segment for each window (RFC 5681 §3.1, MUST-19)', () => {
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

  it('does not grow a window that is not used (RFC 5681 §4.1, RFC 7661 §4.2, §4.3)', () => {
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

  it('counts as idle what only received and acknowledged (§4.1: "has not sent data")', () => {
    const peer = active({ rtt: 100 })
    peer.tcb.congestion.cwnd = 100_000
    for (let i = 0; i < 50; i++) {
      peer.wait(100)
      peer.send(`P. ${i * 10 + 1}:${i * 10 + 11}(10) ack 1`)
    }
    peer.take()
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
