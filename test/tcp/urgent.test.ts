import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { send, urge } from '../../src/tcp/user.ts'
import { passive } from './established.ts'
import { patternOf } from './notation.ts'
import type { Peer } from './peer.ts'

/** What the user was told of, besides data. */
function urgencies(peer: Peer): number[] {
  const seen: number[] = []
  peer.tcb.user!.onUrgent = () => seen.push(peer.tcb.urgentRemaining)
  return seen
}

describe('urgent data that arrives (RFC 9293 §3.8.5)', () => {
  it('is delivered in its order (RFC 6093 §4, §6), and ends before the octet that the pointer names (MUST-62, RFC 6093 §3.1)', () => {
    const peer = passive()
    const told = urgencies(peer)
    peer.reads = false
    peer.send('PU. 1:101(100) ack 1 urg 40')
    assert.deepEqual(told, [40])
    peer.read(30)
    assert.equal(peer.tcb.urgentRemaining, 10)
    peer.read()
    assert.equal(peer.tcb.urgentRemaining, 0)
    assert.equal(peer.received, 100)
  })

  it('is told of once, and again when the pointer moves on (MUST-32, MUST-33)', () => {
    const peer = passive()
    const told = urgencies(peer)
    peer.reads = false
    peer.send('U. 1:1(0) ack 1 urg 2000')
    peer.send('PU. 1:101(100) ack 1 urg 2000')
    peer.send('PU. 101:201(100) ack 1 urg 1900')
    assert.deepEqual(told, [2000])
    peer.send('PU. 201:301(100) ack 1 urg 1801')
    assert.deepEqual(told, [2000, 2001])
  })

  it('is of any length, longer than a pointer can say (MUST-31)', () => {
    const peer = passive({ tcp: { receiveBuffer: 1_000_000 }, syn: 'mss 1000,wscale 5' })
    const told = urgencies(peer)
    peer.reads = false
    for (let at = 1; at <= 4001; at += 1000) peer.send(`PU. ${at}:${at + 1000}(1000) ack 1 urg 65535`)
    assert.deepEqual(told, [65_535, 66_535, 67_535, 68_535, 69_535])
  })

  it('is no news below what was read', () => {
    const peer = passive()
    const told = urgencies(peer)
    peer.send('P. 1:101(100) ack 1')
    peer.send('PU. 101:111(10) ack 1 urg 0')
    assert.deepEqual(told, [])
  })
})

describe('urgent data that is sent (MUST-30)', () => {
  it('has URG and the distance to its end on every segment before that', () => {
    const peer = passive()
    peer.write(500)
    peer.expect('P. 1:501(500) ack 1')
    urge(peer.tcb, 1500)
    assert.equal(send(peer.tcb, patternOf(501, 1500), 0), 1500)
    peer.settle()
    peer.expect('U. 501:1501(1000) ack 1 urg 1500')
    peer.send('. 1:1(0) ack 1501')
    peer.expect('PU. 1501:2001(500) ack 1 urg 500')
    peer.send('. 1:1(0) ack 2001')
    peer.do((tcb) => urge(tcb, 0))
    peer.do('close')
    peer.expect('F. 2001:2001(0) ack 1')
  })
})
