import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { active, passive } from './established.ts'
import { Peer } from './peer.ts'

const DAY = 86_400_000

describe('maximum segment size (RFC 9293 §3.7.1, RFC 6691)', () => {
  it('is 536 when the peer names none (MUST-15)', () => {
    const peer = passive({ syn: 'nop' })
    peer.write(1000)
    peer.expect('. 1:537(536) ack 1')
    peer.expect('P. 537:1001(464) ack 1')
  })

  it('is what the peer names, less the options of each segment (MUST-14, MUST-16, RFC 6691 §2)', () => {
    const plain = passive({ syn: 'mss 1400' })
    plain.write(3000)
    plain.expect('. 1:1401(1400) ack 1')
    const stamped = passive({ syn: 'mss 1400,TS val 1 ecr 0' })
    stamped.write(3000)
    stamped.expect('. 1:1389(1388) ack 1')
  })

  it('is never more than our own link carries, and announces that (MUST-67, SHLD-5, MAY-3)', () => {
    const peer = new Peer({ mtu: 600 })
    peer.connect()
    peer.expect('S 0:0(0) <mss 560,sackOK,TS ecr 0,wscale 7>')
    peer.send('S. 0:0(0) ack 1 <mss 1460>')
    peer.take()
    peer.write(1000)
    peer.expect('. 1:561(560) ack 1')
  })

  it('is announced smaller when the user says so', () => {
    const peer = passive({ tcp: { maxSegment: 500 } })
    peer.write(1000)
    peer.expect('. 1:501(500) ack 1')
  })

  it('does not follow a peer that asks for absurdly small segments', () => {
    const peer = passive({ syn: 'mss 1' })
    peer.write(1000)
    assert.ok(peer.take().length <= 12)
  })
})

describe('timestamps (RFC 7323 §3 to §5)', () => {
  const syn = 'mss 1000,TS val 1000 ecr 0'

  it('are on every segment once negotiated, and count milliseconds (§5.4)', () => {
    const peer = passive({ syn })
    peer.write(10)
    const first = peer.next()
    peer.wait(150)
    peer.send('P. 1:11(10) ack 11 <TS val 1300 ecr 0>')
    peer.write(10)
    const second = peer.next()
    assert.equal(first?.options.ts?.ecr, 1001)
    assert.equal(second?.options.ts?.ecr, 1300)
    assert.equal(second!.options.ts!.val! - first!.options.ts!.val!, 150)
  })

  it('echo the segment at the left edge of what was acknowledged (§4.3)', () => {
    const peer = passive({ syn })
    // Delayed ACK: the earlier of two counts.
    peer.send('P. 1:11(10) ack 1 <TS val 1010 ecr 0>', 'P. 11:21(10) ack 1 <TS val 1020 ecr 0>')
    peer.expect('. 1:1(0) ack 21 <TS ecr 1010>')
    // A hole: what lies beyond it does not count.
    peer.send('P. 31:41(10) ack 1 <TS val 1030 ecr 0>')
    peer.expect('. 1:1(0) ack 21 <TS ecr 1010>')
    // What fills it does.
    peer.send('P. 21:31(10) ack 1 <TS val 1040 ecr 0>')
    peer.expect('. 1:1(0) ack 41 <TS ecr 1040>')
  })

  it('refuse a segment from before with an ACK (PAWS, §5.3 R1)', () => {
    const peer = passive({ syn })
    peer.send('P. 1:11(10) ack 1 <TS val 900 ecr 0>')
    peer.expect('. 1:1(0) ack 1 <TS ecr 1001>')
    assert.equal(peer.received, 0)
    assert.equal(peer.stack.counters.get('tcp-paws'), 1)
    peer.send('P. 1:11(10) ack 1 <TS val 1001 ecr 0>')
    assert.equal(peer.received, 10)
  })

  it('wrap without harm (§5.2)', () => {
    const peer = passive({ syn: 'mss 1000,TS val 4294967290 ecr 0' })
    peer.send('P. 1:11(10) ack 1 <TS val 4294967295 ecr 0>')
    peer.send('P. 11:21(10) ack 1 <TS val 3 ecr 0>')
    peer.send('P. 21:31(10) ack 1 <TS val 4 ecr 0>')
    assert.equal(peer.received, 30)
    peer.send('P. 31:41(10) ack 1 <TS val 4294967295 ecr 0>')
    assert.equal(peer.received, 30)
  })

  it('are not held against a connection that was idle for 24 days (§5.5)', () => {
    const peer = passive({ syn })
    peer.wait(25 * DAY)
    peer.send('P. 1:11(10) ack 1 <TS val 900 ecr 0>')
    assert.equal(peer.received, 10)
  })

  it('are not asked of a reset (§3.2, §5.2), which moves no TS.Recent either', () => {
    const peer = passive({ syn })
    peer.send('RP. -5:6(11) ack 1 <TS val 2000000 ecr 0>')
    peer.take()
    peer.send('P. 1:11(10) ack 1 <TS val 1005 ecr 0>')
    assert.equal(peer.received, 10)
    peer.send('R 11:11(0)')
    assert.equal(peer.told.at(-1), 'ECONNRESET')
  })

  it('of a segment with an impossible acknowledgment move no TS.Recent (§4.3)', () => {
    const peer = passive({ syn })
    peer.send('F. 1:1(0) ack 9999 <TS val 200000 ecr 0>')
    peer.expect('. 1:1(0) ack 1 <TS ecr 1001>')
    peer.send('P. 1:11(10) ack 1 <TS val 1005 ecr 0>')
    peer.expect('. 1:1(0) ack 11 <TS ecr 1005>')
  })

  it('are missed on other segments, which are dropped (§3.2)', () => {
    const peer = passive({ syn })
    peer.send('P. 1:11(10) ack 1')
    assert.equal(peer.received, 0)
    assert.equal(peer.stack.counters.get('tcp-no-timestamp'), 1)
  })

  it('of a peer that did not offer them are ignored', () => {
    const peer = passive({ syn: 'mss 1000' })
    peer.send('P. 1:11(10) ack 1 <TS val 5 ecr 0>', 'P. 11:21(10) ack 1 <TS val 1 ecr 0>')
    assert.equal(peer.received, 20)
    peer.expect('. 1:1(0) ack 21 <nop>')
  })
})

describe('selective acknowledgments that we send (RFC 2018 §4)', () => {
  const block = (peer: Peer, n: number): void => peer.send(`P. ${n}001:${n + 1}001(1000) ack 1`)

  it('name the block of the latest segment first, then others most recent first', () => {
    const peer = passive()
    block(peer, 1)
    peer.expect('. 1:1(0) ack 1 <sack 1001:2001>')
    block(peer, 3)
    peer.expect('. 1:1(0) ack 1 <sack 3001:4001 1001:2001>')
    block(peer, 5)
    peer.expect('. 1:1(0) ack 1 <sack 5001:6001 3001:4001 1001:2001>')
    block(peer, 4)
    peer.expect('. 1:1(0) ack 1 <sack 3001:6001 1001:2001>')
    peer.send('P. 1:1001(1000) ack 1')
    peer.expect('. 1:1(0) ack 2001 <sack 3001:6001>')
    block(peer, 2)
    peer.expect('. 1:1(0) ack 6001 <nop>')
  })

  it('are four without timestamps and three beside them (§3)', () => {
    const peer = passive()
    for (const n of [1, 3, 5, 7, 9]) block(peer, n)
    assert.deepEqual(peer.take().at(-1)?.options.sack?.length, 4)
    const stamped = passive({ syn: 'mss 1000,sackOK,TS val 1 ecr 0' })
    for (const n of [1, 3, 5, 7]) stamped.send(`P. ${n}001:${n + 1}001(1000) ack 1 <TS val 2 ecr 0>`)
    assert.deepEqual(stamped.take().at(-1)?.options.sack?.length, 3)
  })

  it('are not sent to a peer that did not permit them', () => {
    const peer = passive({ syn: 'mss 1000' })
    block(peer, 1)
    peer.expect('. 1:1(0) ack 1 <nop>')
  })

  it('stay within bounds for a peer that makes thousands of holes', () => {
    const peer = passive({ syn: 'mss 1000,sackOK,wscale 7' })
    for (let i = 0; i < 2000; i++) peer.send(`P. ${3 + 2 * i}:${4 + 2 * i}(1) ack 1`)
    assert.equal(peer.tcb.reassembly?.ranges, 256)
    assert.equal(peer.take().length, 2000)
    peer.send('P. 1:5001(5000) ack 1')
    assert.equal(peer.received, 5000)
    assert.ok(!peer.tcb.hasHoles)
  })
})

describe('keep-alive (RFC 9293 §3.8.4)', () => {
  const tcp = { keepAlive: 60_000, keepAliveInterval: 10_000, keepAliveProbes: 3 }

  it('is off unless asked for (MUST-24, MUST-25, MAY-5)', () => {
    const peer = passive()
    peer.at(DAY)
    peer.expectNothing()
    assert.equal(peer.stack.pollAt(), Number.POSITIVE_INFINITY)
  })

  it('sends a segment that must be answered, and ends an unanswered connection (MUST-26, MUST-27, MUST-29, SHLD-12)', () => {
    const peer = active({ tcp })
    for (const at of [60_000, 70_000, 80_000]) peer.expectAt(at, '. 0:0(0) ack 1')
    peer.at(90_000)
    assert.deepEqual(peer.told, ['ETIMEDOUT'])
    assert.equal(peer.tcp.size, 0)
  })

  it('starts again with whatever is heard', () => {
    const peer = active({ tcp })
    peer.expectAt(60_000, '. 0:0(0) ack 1')
    peer.send('. 1:1(0) ack 1')
    peer.expectAt(120_000, '. 0:0(0) ack 1')
    peer.at(125_000)
    peer.send('P. 1:11(10) ack 1')
    peer.at(125_040)
    peer.expect('. 1:1(0) ack 11')
    peer.expectAt(185_000, '. 0:0(0) ack 11')
  })

  it('waits while data is on its way, which has a timer of its own', () => {
    const peer = active({ tcp: { ...tcp, userTimeout: 300_000 } })
    peer.at(59_000)
    peer.write(10)
    peer.at(200_000)
    assert.ok(peer.take().every(({ length }) => length === 10))
  })

  it('has the user timeout, where one was chosen, end it instead of the number of probes, never sooner (RFC 5482 §4.2)', () => {
    const later = active({ tcp: { ...tcp, userTimeout: 110_000 } })
    for (const at of [60_000, 70_000, 80_000, 90_000, 100_000]) later.expectAt(at, '. 0:0(0) ack 1')
    later.at(109_999)
    assert.deepEqual(later.told, [])
    later.at(110_000)
    assert.deepEqual(later.told, ['ETIMEDOUT'])
    const sooner = active({ tcp: { ...tcp, userTimeout: 65_000 } })
    sooner.expectAt(60_000, '. 0:0(0) ack 1')
    sooner.at(70_000)
    assert.deepEqual(sooner.told, ['ETIMEDOUT'])
  })

  it('gives a probe no longer to be answered than the user timeout', () => {
    const peer = active({ tcp: { ...tcp, userTimeout: 2000 } })
    peer.expectAt(60_000, '. 0:0(0) ack 1')
    peer.at(61_999)
    assert.deepEqual(peer.told, [])
    peer.at(62_000)
    assert.deepEqual(peer.told, ['ETIMEDOUT'])
  })

  it('answers the probes of the peer, with garbage octet or without', () => {
    const peer = passive()
    peer.send('. 0:0(0) ack 1')
    peer.expect('. 1:1(0) ack 1')
    peer.send('. 0:1(1) ack 1')
    peer.expect('. 1:1(0) ack 1')
  })
})

describe('options that the user does not want', () => {
  const NONE = { timestamps: false, sack: false, windowScale: false }

  it('are not offered, and not taken from an answer that has them (RFC 7323 §1.3, §2.2, §3.2, RFC 2018 §2)', () => {
    const peer = new Peer()
    peer.connect(NONE)
    peer.expect('S 0:0(0) <mss 1460>')
    peer.send('S. 0:0(0) ack 1 <mss 1000,sackOK,TS val 5 ecr 0,wscale 7>')
    peer.expect('. 1:1(0) ack 1 <>')
    assert.equal(peer.tcb.sndScale, 0)
    peer.send('. 1001:2001(1000) ack 1')
    peer.expect('. 1:1(0) ack 1 <>')
  })

  it('are not in the answer to a SYN, nor in one with a cookie', () => {
    for (const backlog of [10, 1]) {
      const peer = new Peer()
      peer.listen({ ...NONE, backlog })
      if (backlog === 1) {
        peer.sendFrom(4999, 'S 0:0(0) <mss 1000>')
        peer.take()
        peer.forget()
      }
      peer.send('S 0:0(0) <mss 1000,sackOK,TS val 5 ecr 0,wscale 7>')
      peer.expect('S. 0:0(0) ack 1 <mss 1460>')
    }
  })
})
