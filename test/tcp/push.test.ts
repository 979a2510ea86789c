import { describe, it } from 'node:test'
import { close, endRecord, release, send } from '../../src/tcp/user.ts'
import { passive } from './established.ts'
import { patternOf } from './notation.ts'
import type { Peer } from './peer.ts'

const writeMore = (peer: Peer, from: number, count: number): void =>
  peer.do((tcb) => send(tcb, patternOf(from, count), 0, true))

describe('the PSH bit', () => {
  it('stands where a write ends, and again when that is retransmitted (RFC 9293 §3.9.1.2, MAY-15, MUST-61)', () => {
    const peer = passive()
    peer.write(1500)
    peer.expect('. 1:1001(1000) ack 1')
    peer.expect('P. 1001:1501(500) ack 1')
    peer.wait(1000)
    peer.expect('P. 1001:1501(500) ack 1')
    peer.expect('. 1:1001(1000) ack 1')
  })

  it('is one for writes that wait to be sent together (RFC 9293 §3.9.1.2)', () => {
    const peer = passive()
    peer.tcb.congestion.cwnd = 1000
    peer.write(1000)
    peer.expect('P. 1:1001(1000) ack 1')
    peer.write(1000)
    peer.write(1000)
    peer.send('. 1:1(0) ack 1001')
    peer.expect('. 1001:2001(1000) ack 1')
    peer.expect('P. 2001:3001(1000) ack 1')
  })

  it('does not stand where the user promised more, whose rest waits for the next write', () => {
    const peer = passive()
    writeMore(peer, 1, 1400)
    peer.expect('. 1:1001(1000) ack 1')
    peer.expectNothing()
    writeMore(peer, 1401, 100)
    peer.expectNothing()
    peer.do((tcb) => send(tcb, patternOf(1501, 100), 0))
    peer.expect('P. 1001:1601(600) ack 1')
  })

  it('and which goes without one when an ACK comes first', () => {
    const peer = passive()
    writeMore(peer, 1, 1400)
    peer.expect('. 1:1001(1000) ack 1')
    peer.send('. 1:1(0) ack 1001')
    peer.expect('. 1001:1401(400) ack 1')
  })

  it('or with one, after the retransmission timeout, when nothing comes', () => {
    const peer = passive()
    writeMore(peer, 1, 40)
    peer.expectNothing()
    peer.wait(999)
    peer.expect('P. 1:41(40) ack 1')
  })

  it('or without one, when the user no longer wants to hold it back', () => {
    const peer = passive()
    writeMore(peer, 1, 40)
    peer.do(release)
    peer.expect('. 1:41(40) ack 1')
  })

  it('stands at the end of a record that is pushed, which no frame goes across', () => {
    const peer = passive({ offload: true })
    peer.do((tcb) => {
      send(tcb, patternOf(1, 1500), 0, true)
      endRecord(tcb, true)
      send(tcb, patternOf(1501, 500), 0)
      close(tcb)
    })
    peer.expect('P. 1:1501(1500) ack 1')
    peer.expect('FP. 1501:2001(500) ack 1')
  })
})
