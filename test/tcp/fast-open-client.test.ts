import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { releaseSyn, synDataRoom } from '../../src/tcp/fast-open/client.ts'
import { infoOf } from '../../src/tcp/info.ts'
import { Peer, THEM } from './peer.ts'

const COOKIE = 'abcd1234'
const REQUEST = '<mss 1460,sackOK,TS,wscale 7,FO>'
const WITH_COOKIE = `<mss 1460,sackOK,TS,wscale 7,FO ${COOKIE}>`
const PLAIN = '<mss 1460,sackOK,TS,wscale 7>'

/** A peer whose server has given its cookie, and an MSS. */
function warmed(mss = 1460): Peer {
  const peer = new Peer()
  const cookie = { bytes: Buffer.from(COOKIE, 'hex'), isExperimental: false }
  peer.tcp.fastOpen.cache.learn(THEM, { mss, cookie, wasLost: false, ignored: 0 }, peer.tcp.now)
  return peer
}

/** Ends the connection, so that the next one can have its port. */
function next(peer: Peer): void {
  peer.do('abort')
  peer.take()
  peer.forget()
}

describe('Fast Open, client: the cookie', () => {
  it('is asked for on a SYN without data, at once, and kept (RFC 7413 §4.2.1)', () => {
    const peer = new Peer()
    peer.connect({ fastOpen: true })
    peer.expect(`S 0:0(0) ${REQUEST}`)
    peer.send(`S. 0:0(0) ack 1 <mss 1000,FO ${COOKIE}>`)
    peer.expect('. 1:1(0) ack 1')
    next(peer)
    peer.connect({ fastOpen: true })
    peer.expectNothing()
    peer.write(100)
    peer.expect(`S 0:100(100) ${WITH_COOKIE}`)
  })

  it('does not go with a connection that did not ask for it', () => {
    const peer = warmed()
    peer.connect()
    peer.expect(`S 0:0(0) ${PLAIN}`)
  })

  it('is asked for by the older option once the newer one was ignored, and by the newer one ever after', () => {
    const peer = new Peer()
    for (const option of ['FO', 'FOEXP', 'FO', 'FO']) {
      peer.connect({ fastOpen: true })
      peer.expect(`S 0:0(0) <mss 1460,sackOK,TS,wscale 7,${option}>`)
      peer.send('S. 0:0(0) ack 1 <mss 1460>')
      next(peer)
    }
  })

  it('is kept in the form in which it came', () => {
    const peer = new Peer()
    peer.connect({ fastOpen: true })
    peer.send(`S. 0:0(0) ack 1 <mss 1460,FOEXP ${COOKIE}>`)
    next(peer)
    peer.connect({ fastOpen: true })
    peer.write(10)
    peer.expect(`S 0:10(10) <mss 1460,sackOK,TS,wscale 7,FOEXP ${COOKIE}>`)
  })

  it('is not taken from a server that was not asked', () => {
    const peer = new Peer()
    peer.connect()
    peer.send(`S. 0:0(0) ack 1 <mss 1460,FO ${COOKIE}>`)
    next(peer)
    peer.connect({ fastOpen: true })
    peer.expect(`S 0:0(0) ${REQUEST}`)
  })

  it('is not asked for again by a SYN that is sent again (RFC 7413 §4.1.3.1)', () => {
    const peer = new Peer()
    peer.connect({ fastOpen: true })
    peer.expect(`S 0:0(0) ${REQUEST}`)
    peer.expectAt(1000, `S 0:0(0) ${PLAIN}`)
    peer.send(`S. 0:0(0) ack 1 <mss 1460,FO ${COOKIE}>`)
    assert.equal(peer.tcp.fastOpen.cache.plan(THEM, peer.tcp.now)?.cookie?.bytes.length, 4)
  })

  it('is remembered for a bounded number of servers', () => {
    const peer = new Peer()
    const { cache } = peer.tcp.fastOpen
    const cookie = { bytes: new Uint8Array(8), isExperimental: false }
    for (let server = 1; server <= 5000; server++) {
      cache.learn(server as typeof THEM, { mss: 1000, cookie, wasLost: false, ignored: 0 }, peer.tcp.now)
      cache.plan(1 as typeof THEM, peer.tcp.now)
    }
    assert.equal(cache.size, 1024)
    assert.ok(cache.plan(1 as typeof THEM, peer.tcp.now)?.cookie !== undefined, 'what is used stays')
    assert.equal(cache.plan(2 as typeof THEM, peer.tcp.now)?.cookie, undefined)
  })
})

describe('Fast Open, client: data on the SYN', () => {
  it('is acknowledged with it, and then told (RFC 7413 §4.2.2)', () => {
    const peer = warmed()
    peer.connect({ fastOpen: true })
    peer.write(1000)
    peer.expect(`S 0:1000(1000) ${WITH_COOKIE}`)
    assert.equal(infoOf(peer.tcb, peer.tcp.now).fastopen, false)
    peer.wait(20)
    peer.send('S. 0:0(0) ack 1001 <mss 1460>')
    peer.expect('. 1001:1001(0) ack 1')
    assert.equal(peer.tcb.state, 'ESTABLISHED')
    assert.equal(infoOf(peer.tcb, peer.tcp.now).fastopen, true)
    assert.equal(peer.tcb.rtt.srtt, 20_000)
    assert.equal(peer.tcp.fastOpen.stats.active, 1)
    peer.expectNothing()
  })

  it('is as much as the last known MSS allows beside 40 bytes of options (RFC 7413 §4.1.3)', () => {
    for (const [mss, most] of [
      [940, 900],
      [10_000, 1420],
    ] as const) {
      const peer = warmed(mss)
      peer.connect({ fastOpen: true })
      assert.equal(synDataRoom(peer.tcb), most)
      peer.write(5000)
      peer.expect(`S 0:${most}(${most}) ${WITH_COOKIE}`)
      assert.equal(synDataRoom(peer.tcb), 0)
      peer.expectNothing()
    }
  })

  it('is not more than the maximum segment the user chose', () => {
    const peer = warmed()
    peer.connect({ fastOpen: true, maxSegment: 1040 })
    peer.write(5000)
    peer.expect(`S 0:1000(1000) <mss 1040,sackOK,TS,wscale 7,FO ${COOKIE}>`)
  })

  it('goes again at once when only the SYN is acknowledged (RFC 7413 §4.2.2)', () => {
    const peer = warmed()
    peer.connect({ fastOpen: true })
    peer.write(3000)
    peer.expect(`S 0:1420(1420) ${WITH_COOKIE}`)
    peer.wait(20)
    peer.send('S. 0:0(0) ack 1 <mss 1460>')
    peer.expect('P. 1:1421(1420) ack 1')
    peer.expect('. 1421:2881(1460) ack 1')
    peer.expect('P. 2881:3001(120) ack 1')
    assert.equal(infoOf(peer.tcb, peer.tcp.now).fastopen, false)
    assert.equal(peer.tcp.fastOpen.stats.activeFailed, 1)
    assert.equal(peer.tcb.rtt.srtt, 20_000)
    assert.equal(peer.tcb.recovery, 'none')
  })

  it('goes again from where the acknowledgment ends, in segments of the MSS now known', () => {
    const peer = warmed()
    peer.connect({ fastOpen: true })
    peer.write(1420)
    peer.take()
    peer.send('S. 0:0(0) ack 101 <mss 1000>')
    peer.expect('. 101:1101(1000) ack 1')
    peer.expect('P. 1101:1421(320) ack 1')
    assert.equal(infoOf(peer.tcb, peer.tcp.now).fastopen, false)
  })

  it('is taken off the SYN that is sent again, with the cookie (RFC 7413 §4.1.3.1)', () => {
    const peer = warmed()
    peer.connect({ fastOpen: true })
    peer.write(1000)
    peer.expect(`S 0:1000(1000) ${WITH_COOKIE}`)
    peer.expectAt(1000, `S 0:0(0) ${PLAIN}`)
    peer.expectAt(3000, `S 0:0(0) ${PLAIN}`)
    peer.send('S. 0:0(0) ack 1 <mss 1460>')
    peer.expect('P. 1:1001(1000) ack 1')
    peer.send('. 1:1(0) ack 1001')
    assert.equal(peer.tcb.board.isEmpty, true)
  })

  it('goes again before anything new when the SYN was lost, which is no timeout to doubt (RFC 5682 §2.1)', () => {
    const peer = warmed(1000)
    peer.connect({ fastOpen: true })
    peer.write(5000)
    peer.expect(`S 0:960(960) ${WITH_COOKIE}`)
    peer.wait(1000)
    peer.expect('S 0:0(0)')
    peer.send('S. 0:0(0) ack 1 <mss 1000,sackOK>')
    assert.equal(peer.next()?.seq, 1)
  })

  it('may be acknowledged after a retransmission that did not carry it', () => {
    const peer = warmed()
    peer.connect({ fastOpen: true })
    peer.write(1000)
    peer.wait(1000)
    peer.take()
    peer.send('S. 0:0(0) ack 1001 <mss 1460>')
    peer.expect('. 1001:1001(0) ack 1')
    assert.equal(peer.tcb.board.isEmpty, true)
  })

  it('waits until it is written, or until it is not to be waited for', () => {
    const peer = warmed()
    peer.connect({ fastOpen: true })
    peer.at(60_000)
    peer.expectNothing()
    peer.do(releaseSyn)
    peer.expect(`S 0:0(0) ${WITH_COOKIE}`)
  })

  it('never was: a close before the first write sends nothing', () => {
    const peer = warmed()
    peer.connect({ fastOpen: true })
    peer.do('closeBoth')
    peer.expectNothing()
    assert.equal(peer.tcb.state, 'CLOSED')
    assert.equal(peer.tcp.size, 0)
  })

  it('is not needed for half-closing', () => {
    const peer = warmed()
    peer.connect({ fastOpen: true })
    peer.do('close')
    peer.expect(`S 0:0(0) ${WITH_COOKIE}`)
    peer.send('S. 0:0(0) ack 1 <mss 1460>')
    peer.expect('F. 1:1(0) ack 1')
  })

  it('is answered on the SYN,ACK itself', () => {
    const peer = warmed()
    peer.connect({ fastOpen: true })
    peer.write(100)
    peer.take()
    peer.send('S. 0:1000(1000) ack 101 <mss 1460>')
    peer.expect('. 101:101(0) ack 1001')
    assert.equal(peer.received, 1000)
  })

  it('cannot be acknowledged beyond its end: the answer is a reset (RFC 9293 §3.10.7.3)', () => {
    const peer = warmed()
    peer.connect({ fastOpen: true })
    peer.write(100)
    peer.take()
    peer.send(`S. 0:0(0) ack 102 <mss 1000,FO 99999999>`)
    peer.expect('R 102:102(0)')
    assert.equal(peer.tcp.fastOpen.cache.plan(THEM, peer.tcp.now)?.mss, 1460)
    assert.equal(peer.tcb.state, 'SYN-SENT')
  })

  it('goes without a cookie where the stack is told to (RFC 7413 §7.3)', () => {
    const peer = new Peer()
    peer.tcp.fastOpen.configure({ clientWithoutCookie: true })
    peer.connect({ fastOpen: true })
    peer.write(1000)
    peer.expect(`S 0:1000(1000) ${PLAIN}`)
    peer.send(`S. 0:0(0) ack 1001 <mss 940,FO ${COOKIE}>`)
    next(peer)
    peer.tcp.fastOpen.configure({ clientWithoutCookie: false })
    peer.connect({ fastOpen: true })
    peer.expect(`S 0:0(0) ${REQUEST}`)
  })

  it('is a plain connection where the stack forbids it', () => {
    const peer = warmed()
    peer.tcp.fastOpen.configure({ client: false })
    peer.connect({ fastOpen: true })
    peer.expect(`S 0:0(0) ${PLAIN}`)
  })

  it('survives a simultaneous open: each side acknowledges the SYN alone (RFC 9293 §3.5, MUST-10)', () => {
    const peer = warmed()
    peer.connect({ fastOpen: true })
    peer.write(1000)
    peer.take()
    peer.send('S 0:500(500) <mss 1040,FO 87654321>')
    peer.expect('S. 0:0(0) ack 1')
    peer.send('S. 0:0(0) ack 1001 <mss 1040>')
    assert.equal(peer.tcb.state, 'ESTABLISHED')
    peer.expect('. 1001:1001(0) ack 1')
    peer.send('P. 1:501(500) ack 1001')
    assert.equal(peer.received, 500)
  })
})

describe('Fast Open, client: what fails', () => {
  it('is not tried for a while where the data of two SYNs was lost (RFC 7413 §4.1.3.1)', () => {
    const peer = warmed()
    for (let i = 0; i < 2; i++) {
      peer.connect({ fastOpen: true })
      peer.write(10)
      peer.expect(`S 0:10(10) ${WITH_COOKIE}`)
      peer.wait(1000)
      peer.expect(`S 0:0(0) ${PLAIN}`)
      peer.send('S. 0:0(0) ack 1 <mss 1460>')
      next(peer)
    }
    peer.connect({ fastOpen: true })
    peer.expect(`S 0:0(0) ${PLAIN}`)
    next(peer)
    peer.wait(60_000)
    peer.settle()
    peer.connect({ fastOpen: true })
    peer.write(10)
    peer.expect(`S 0:10(10) ${WITH_COOKIE}`)
  })

  it('rests everywhere, and longer each time, after a connection went silent, if asked to (RFC 7413 §7.1)', () => {
    const peer = warmed()
    peer.tcp.fastOpen.configure({ blackholeTimeout: 3_600_000 })
    const silence = (): void => {
      peer.connect({ fastOpen: true, connectTimeout: 10_000 })
      peer.write(10)
      peer.expect(`S 0:10(10) ${WITH_COOKIE}`)
      peer.wait(10_000)
      peer.take()
      peer.forget()
    }
    const pausesFor = (ms: number): void => {
      peer.wait(ms - 1000)
      peer.settle()
      assert.equal(peer.tcp.fastOpen.cache.plan(THEM, peer.tcp.now), undefined)
      peer.wait(11_000)
      peer.settle()
      assert.notEqual(peer.tcp.fastOpen.cache.plan(THEM, peer.tcp.now), undefined)
    }
    silence()
    assert.equal(peer.tcp.fastOpen.stats.blackholes, 1)
    pausesFor(3_590_000)
    silence()
    pausesFor(7_190_000)
    peer.connect({ fastOpen: true, timeWait: 0 })
    peer.write(10)
    peer.send('S. 0:0(0) ack 11 <mss 1460>', 'F. 1:1(0) ack 11')
    peer.do('close')
    peer.send('. 2:2(0) ack 12')
    peer.take()
    peer.forget()
    silence()
    pausesFor(3_590_000)
  })

  it('is refused by a reset of the SYN as ever', () => {
    const peer = warmed()
    peer.connect({ fastOpen: true })
    peer.write(100)
    peer.take()
    peer.send('R. 0:0(0) ack 1')
    assert.deepEqual(peer.told, ['ECONNREFUSED'])
  })
})
