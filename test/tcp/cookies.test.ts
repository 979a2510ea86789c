import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { readOffer, stampOffer } from '../../src/tcp/passive/cookies.ts'
import { Peer } from './peer.ts'

const FIRST = 20_000

/** A listener that remembers no more half-open connections. */
function flooded(options: Parameters<Peer['listen']>[0] = { backlog: 4 }): Peer {
  const peer = new Peer()
  const listener = peer.listen(options)
  for (let port = FIRST; listener.stats.cookiesSent === 0; port++) {
    peer.sendFrom(port, 'S 0:0(0) <mss 1000>')
    assert.ok(port < FIRST + 2000)
  }
  peer.take()
  peer.forget()
  return peer
}

describe('a SYN flood', () => {
  it('is answered with cookies, and remembered only up to the backlog (RFC 4987 §3.6)', () => {
    const peer = flooded()
    const { listener } = peer
    const size = peer.tcp.size
    for (let port = 1000; port < 3000; port++) peer.sendFrom(port, 'S 0:0(0) <mss 1000>')
    assert.equal(peer.take().length, 2000)
    assert.equal(peer.tcp.size, size)
    assert.equal(listener?.halfOpen, 4)
    assert.equal(listener?.stats.cookiesSent, 2001)
    peer.at(70_000)
    assert.equal(peer.tcp.size, 0)
    assert.equal(peer.stack.ports.size, 1)
  })

  it('keeps a connection through a cookie: MSS rounded down, data with the ACK', () => {
    const peer = flooded()
    peer.send('S 0:0(0) <mss 1410>')
    peer.expect('S. 0:0(0) ack 1 win 65535 <mss 1460>')
    peer.wait(100)
    peer.send('P. 1:11(10) ack 1')
    peer.accept()
    peer.expect('. 1:1(0) ack 11')
    assert.equal(peer.read(), 10)
    assert.equal(peer.tcb.peerMss, 1400)
    assert.equal(peer.tcb.sackPermitted, false)
    assert.equal(peer.tcb.sndScale, 0)
    peer.write(3000)
    peer.expect('. 1:1401(1400) ack 11')
    peer.expect('. 1401:2801(1400) ack 11')
    peer.expect('P. 2801:3001(200) ack 11')
    assert.equal(peer.listener?.stats.cookiesAccepted, 1)
  })

  it('carries window scale and SACK in the timestamp', () => {
    const peer = flooded()
    peer.send('S 0:0(0) <mss 1460,sackOK,TS val 700 ecr 0,wscale 9>')
    const answer = peer.expect('S. 0:0(0) ack 1 win 65535 <mss 1460,sackOK,TS ecr 700,wscale 7>')
    peer.wait(30)
    peer.send(`. 1:1(0) ack 1 win 10 <TS val 730 ecr ${answer.options.ts?.val}>`)
    peer.accept()
    assert.equal(peer.tcb.sndScale, 9)
    assert.equal(peer.tcb.snd.wnd, 5120)
    assert.ok(peer.tcb.sackPermitted)
    assert.equal(peer.tcb.tsRecent, 730)
    assert.equal(peer.tcb.rcvScale, 7)
  })

  it('carries explicit congestion notification there, too, where the peer asks and the listener wants it (RFC 3168 §6.1.1)', () => {
    for (const [ecn, flags] of [
      ['accept', 'S.E'],
      ['off', 'S.'],
    ] as const) {
      const peer = flooded({ backlog: 4, ecn })
      peer.send('SEW 0:0(0) <mss 1460,sackOK,TS val 700 ecr 0,wscale 14>')
      const answer = peer.expect(`${flags} 0:0(0) ack 1`)
      peer.send(`. 1:1(0) ack 1 win 10 <TS val 730 ecr ${answer.options.ts?.val}>`)
      peer.accept()
      assert.equal(peer.tcb.ecn?.isOn ?? false, ecn === 'accept')
      assert.equal(peer.tcb.sndScale, 14)
    }
  })

  it('carries nothing without timestamps, which a SYN,ACK then must not promise', () => {
    const peer = flooded()
    peer.send('SEW 0:0(0) <mss 1460,sackOK,wscale 9>')
    peer.expect('S. 0:0(0) ack 1 <mss 1460>')
    peer.send('. 1:1(0) ack 1')
    peer.accept()
    assert.deepEqual([peer.tcb.ecn?.isOn ?? false, peer.tcb.sackPermitted, peer.tcb.scaling], [false, false, false])
  })

  it('brings back each offer, whatever the clock says, by a stamp of the last tenth of a second', () => {
    const clocks = fc.integer({ min: 0, max: 0xffffffff })
    const scales = fc.integer({ min: -1, max: 14 })
    fc.assert(
      fc.property(clocks, scales, fc.boolean(), fc.boolean(), (clock, windowScale, sackPermitted, ecn) => {
        const stamp = stampOffer(clock, { windowScale, sackPermitted, ecn })
        assert.deepEqual(readOffer(stamp), { windowScale, sackPermitted, ecn })
        const age = (clock - stamp) >>> 0
        assert.ok(age < 64, `${age}`)
      }),
    )
  })

  it('leaves no trace, however long it lasts', () => {
    const peer = flooded()
    const { tcp, stack, link } = peer
    const before = [tcp.size, stack.ports.size, peer.listener!.halfOpen, peer.listener!.waiting]
    const heap = process.memoryUsage().heapUsed
    for (let wave = 0; wave < 50; wave++) {
      for (let port = 1000; port < 2000; port++)
        peer.sendFrom(port, 'S 0:0(0) <mss 1000,sackOK,TS val 1 ecr 0,wscale 7>')
      link.sent.length = 0
    }
    assert.deepEqual([tcp.size, stack.ports.size, peer.listener!.halfOpen, peer.listener!.waiting], before)
    assert.equal(peer.listener?.stats.cookiesSent, 50_001)
    // A connection block alone takes more than a kilobyte.
    assert.ok(process.memoryUsage().heapUsed - heap < 50e6)
  })

  it('is believed only for a while after the last cookie went out', () => {
    const peer = flooded()
    peer.send('S 0:0(0) <mss 1410>')
    peer.next()
    peer.wait(193_000)
    peer.settle()
    assert.equal(peer.listener?.mayKnow(peer.tcp.now), false)
    assert.equal(new Peer().listen().mayKnow(peer.tcp.now), false)
  })

  it('can be answered from cookies always, or never', () => {
    const always = new Peer()
    always.listen({ synCookies: 'always' })
    always.send('S 0:0(0) <mss 1410>')
    always.expect('S. 0:0(0) ack 1')
    assert.equal(always.tcp.size, 0)
    always.send('P. 1:11(10) ack 1')
    always.accept()
    assert.equal(always.read(), 10)

    const never = new Peer()
    never.listen({ synCookies: 'never', halfOpen: 2 })
    for (const port of [1001, 1002, 1003]) never.sendFrom(port, 'S 0:0(0) <mss 1410>')
    assert.equal(never.take().length, 2)
    assert.equal(never.listener?.stats.overflows, 1)
  })

  it('measures no round trip of zero by a SYN,ACK that it does not remember', () => {
    const peer = flooded()
    peer.send('S 0:0(0) <mss 1460,sackOK,TS val 700 ecr 0>')
    const answer = peer.next()!
    peer.wait(80)
    peer.send(`. 1:1(0) ack 1 <TS val 780 ecr ${answer.options.ts?.val}>`)
    peer.accept()
    const { srtt } = peer.tcb.rtt
    assert.ok(srtt === undefined || srtt >= 79_000, `${srtt}`)
    assert.equal(peer.tcb.rtt.minRtt > 0 && peer.tcb.rtt.minRtt < 79_000, false)
  })

  it('finds losses as usual on such a connection', () => {
    const peer = flooded()
    peer.send('S 0:0(0) <mss 1460,sackOK,TS val 700 ecr 0>')
    const answer = peer.next()!
    peer.wait(10)
    peer.send(`. 1:1(0) ack 1 <TS val 710 ecr ${answer.options.ts?.val}>`)
    peer.accept()
    peer.write(8 * 1448)
    const first = peer.take()
    peer.wait(10)
    const stamp = first[0]?.options.ts?.val
    for (let i = 2; i <= 4; i++) peer.send(`. 1:1(0) ack 1 <TS val 720 ecr ${stamp},sack 1449:${1 + i * 1448}>`)
    assert.equal(peer.take()[0]?.seq, 1)
    assert.equal(peer.tcb.rack.reorderings, 0)
  })

  it('refuses a forged cookie and one of another pair of ends', () => {
    const peer = flooded()
    peer.send('S 0:0(0) <mss 1410>')
    peer.next()
    for (const ack of [2, 0, 1 + 2 ** 24, 1 + 2 ** 27]) {
      peer.send(`. 1:1(0) ack ${ack}`)
      assert.equal(peer.next()?.flags, 'R', `${ack}`)
    }
    peer.send('. 2:2(0) ack 1')
    assert.equal(peer.next()?.flags, 'R')
    peer.sendFrom(999, '. 1:1(0) ack 1')
    assert.equal(peer.next()?.flags, 'R')
    assert.equal(peer.listener?.stats.cookiesAccepted, 0)
    assert.equal(peer.listener?.accept(), undefined)
  })

  it('refuses a cookie that is too old', () => {
    for (const [wait, flags] of [
      [120_000, undefined],
      [260_000, 'R'],
    ] as const) {
      const peer = flooded()
      peer.send('S 0:0(0) <mss 1410>')
      peer.next()
      peer.wait(wait)
      peer.take()
      peer.send('. 1:1(0) ack 1')
      assert.equal(peer.next()?.flags, flags, `${wait}`)
    }
  })

  it('takes no SYN,ACK for the third segment of a handshake', () => {
    const peer = flooded()
    peer.send('S 0:0(0) <mss 1410>')
    peer.next()
    peer.send('S. 1:1(0) ack 1')
    assert.equal(peer.next()?.flags, 'R')
    assert.equal(peer.listener?.stats.cookiesAccepted, 0)
  })
})

describe('the accept queue', () => {
  it('drops a SYN while it is full, and serves it once there is room', () => {
    const peer = new Peer()
    const listener = peer.listen({ backlog: 2 })
    for (const port of [1001, 1002]) {
      peer.forget()
      peer.theirPort = port
      peer.send('S 0:0(0) <mss 1000>')
      peer.next()
      peer.send('. 1:1(0) ack 1')
    }
    assert.equal(listener.waiting, 2)
    peer.sendFrom(1003, 'S 0:0(0) <mss 1000>')
    peer.expectNothing()
    assert.equal(listener.stats.overflows, 1)
    listener.accept()
    peer.sendFrom(1003, 'S 0:0(0) <mss 1000>')
    assert.equal(peer.next()?.flags, 'S.')
  })

  it('takes at least one connection whatever the backlog', () => {
    const peer = new Peer()
    peer.listen({ backlog: 0 })
    peer.send('S 0:0(0) <mss 1000>')
    peer.expect('S. 0:0(0) ack 1')
    peer.send('. 1:1(0) ack 1')
    peer.accept()
  })

  it('hands out in order, those that ended meanwhile included, with their data', () => {
    const peer = new Peer()
    const listener = peer.listen()
    for (const port of [1001, 1002]) {
      peer.forget()
      peer.theirPort = port
      peer.send('S 0:0(0) <mss 1000>')
      peer.send('P. 1:11(10) ack 1')
      peer.take()
      peer.send('P. 1:11(10) ack 1')
    }
    peer.send('R 11:11(0)')
    assert.equal(listener.accept()?.remotePort, 1001)
    const second = listener.accept()
    assert.equal(second?.remotePort, 1002)
    assert.equal(second?.failure?.code, 'ECONNRESET')
  })
})
