import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { passive } from './established.ts'

describe('the receive window', () => {
  it('closes as data waits to be read, and opens by an update of its own (RFC 9293 §3.8.6.2.2)', () => {
    const peer = passive({ tcp: { receiveBuffer: 4000 } })
    peer.reads = false
    peer.send('P. 1:1001(1000) ack 1', 'P. 1001:2001(1000) ack 1')
    peer.expect('. 1:1(0) ack 2001 win 2000')
    peer.send('P. 2001:3001(1000) ack 1', 'P. 3001:4001(1000) ack 1')
    peer.expect('. 1:1(0) ack 4001 win 0')
    peer.do(() => peer.read(500))
    peer.expectNothing()
    peer.do(() => peer.read(2000))
    peer.expect('. 1:1(0) ack 4001 win 2500')
  })

  it('never opens by less than half the buffer or a segment (MUST-39)', () => {
    const peer = passive({ tcp: { receiveBuffer: 4000 } })
    peer.reads = false
    peer.send('P. 1:2001(2000) ack 1', 'P. 2001:4001(2000) ack 1')
    peer.expect('. 1:1(0) ack 4001 win 0')
    for (let i = 0; i < 9; i++) {
      peer.do(() => peer.read(100))
      peer.send('P. 4001:4002(1) ack 1')
      peer.expect('. 1:1(0) ack 4001 win 0')
    }
    peer.do(() => peer.read(100))
    peer.send('P. 4001:4002(1) ack 1')
    const { window = 0 } = peer.next() ?? {}
    assert.ok(window >= 999, `${window}`)
  })

  it('does not shrink: what was promised is taken (SHLD-14)', () => {
    const peer = passive({ tcp: { receiveBuffer: 4000 } })
    peer.reads = false
    peer.send('P. 1:3001(3000) ack 1')
    peer.at(40)
    peer.expect('. 1:1(0) ack 3001 win 1000')
    peer.send('P. 3001:4001(1000) ack 1')
    peer.at(80)
    peer.expect('. 1:1(0) ack 4001 win 0')
    assert.equal(peer.read(), 4000)
  })

  it('keeps its limit when a peer fills it in pieces that no scale can say (RFC 7323 §2.4)', () => {
    for (const size of [1, 50, 100, 127]) {
      const peer = passive({ syn: 'mss 1000,wscale 7', tcp: { receiveBuffer: 4 * 1024 * 1024 } })
      peer.reads = false
      let at = 1
      for (let i = 0; i < 2 * Math.ceil(65_536 / size) && at < 200_000; i++) {
        peer.send(`P. ${at}:${at + size}(${size}) ack 1`)
        at += size
        if (i % 64 === 0) peer.wait(50)
      }
      assert.ok(peer.tcb.receiveRing.length <= 65_536 + 128, `${size}: ${peer.tcb.receiveRing.length}`)
      assert.equal(peer.tcb.receiveRing.length, peer.tcb.stats.bytesReceived)
    }
  })

  it('grows towards the limit while the reader keeps up', () => {
    const peer = passive({ syn: 'mss 1000,wscale 7', rtt: 1 })
    assert.equal(peer.tcb.receiveLimit, 65_536)
    let at = 1
    for (let i = 0; i < 100; i++) {
      // Three quarters of the window in a round trip.
      for (let left = 0.75 * peer.tcb.receiveLimit; left > 0; left -= 32_768, at += 32_768) {
        peer.send(`P. ${at}:${at + 32_768}(32768) ack 1`)
      }
      peer.wait(1)
    }
    assert.equal(peer.tcb.receiveLimit, 4 * 1024 * 1024)
  })

  it('scales only where both offered it (RFC 7323 §2.2)', () => {
    const none = passive({ syn: 'mss 1000', tcp: { receiveBuffer: 1 << 20 } })
    none.send('P. 1:2(1) ack 1 win 1000')
    assert.equal(none.tcb.snd.wnd, 1000)
    assert.equal(none.tcb.rcvScale, 0)
    const both = passive({ syn: 'mss 1000,wscale 9', tcp: { receiveBuffer: 1 << 20 } })
    both.send('P. 1:2(1) ack 1 win 1000')
    assert.equal(both.tcb.snd.wnd, 512_000)
    assert.equal(both.tcb.rcvScale, 5)
    const most = passive({ syn: 'mss 1000,wscale 15' })
    most.send('P. 1:2(1) ack 1 win 65535')
    assert.equal(most.tcb.snd.wnd, 65_535 * 2 ** 14, 'RFC 7323 §2.3: 14 at most')
  })
})

describe('the send window', () => {
  it('limits what is sent, and a window update lets more out', () => {
    const peer = passive({ window: 2500 })
    peer.write(5000)
    peer.expect('. 1:1001(1000) ack 1')
    peer.expect('. 1001:2001(1000) ack 1')
    peer.expectNothing()
    peer.send('. 1:1(0) ack 1 win 4000')
    peer.expect('. 2001:3001(1000) ack 1')
    peer.expect('. 3001:4001(1000) ack 1')
    peer.expectNothing()
  })

  it('waits for a full segment or half the largest window (RFC 9293 §3.8.6.2.1, MUST-38)', () => {
    const peer = passive({ window: 2000 })
    peer.write(10_000)
    peer.take()
    peer.send('. 1:1(0) ack 2001 win 400')
    peer.expectNothing()
    peer.send('. 1:1(0) ack 2001 win 999')
    peer.expectNothing()
    peer.send('. 1:1(0) ack 2001 win 1000')
    peer.expect('. 2001:3001(1000) ack 1')
  })

  it('sends into a silly window after the override timeout (§3.8.6.2.1 (4))', () => {
    const peer = passive({ window: 2000 })
    peer.write(10_000)
    peer.take()
    peer.send('. 1:1(0) ack 2001 win 400')
    peer.expectAt(200, '. 2001:2401(400) ack 1')
  })

  it('counts half of the largest window, for peers whose buffer is smaller than a segment', () => {
    const peer = passive({ window: 300 })
    peer.write(1000)
    peer.expect('. 1:301(300) ack 1')
    peer.send('. 1:1(0) ack 301 win 149')
    peer.expectNothing()
    peer.send('. 1:1(0) ack 301 win 150')
    peer.expect('. 301:451(150) ack 1')
  })

  it('probes a closed window with back-off, for as long as the peer answers (MUST-35, MUST-36, MUST-37, SHLD-29, SHLD-30)', () => {
    const peer = passive({ window: 1000 })
    peer.write(3000)
    peer.expect('. 1:1001(1000) ack 1')
    peer.send('. 1:1(0) ack 1001 win 0')
    const times: number[] = []
    while (peer.now < 1_200_000) {
      peer.wait(10)
      for (const { seq, length } of peer.take()) {
        assert.deepEqual([seq, length], [1001, 1])
        times.push(peer.now)
        peer.send('. 1:1(0) ack 1001 win 0')
      }
    }
    assert.ok(times[0]! >= 200 && times[0]! <= 1000, `${times[0]}`)
    const gaps = times.slice(1).map((at, i) => at - times[i]!)
    for (let i = 2; i < gaps.length; i++) assert.ok(gaps[i]! >= gaps[i - 1]! - 20, `${gaps}`)
    assert.ok(Math.max(...gaps) <= 60_020)
    assert.deepEqual(peer.told, [], 'twenty minutes of a closed window are no failure')
    peer.send('. 1:1(0) ack 1001 win 5000')
    peer.at(peer.now + 1000)
    const bytes = peer.take()
    assert.equal(bytes[0]?.seq, 1001, 'the probed octet goes again')
    peer.send('. 1:1(0) ack 3001 win 5000')
    assert.ok(peer.tcb.board.isEmpty)
  })

  it('acknowledges what comes meanwhile with a number that the peer takes (§3.10.7.4 first)', () => {
    const peer = passive({ window: 1000 })
    peer.write(3000)
    peer.expect('. 1:1001(1000) ack 1')
    peer.send('. 1:1(0) ack 1001 win 0')
    peer.wait(250)
    peer.expect('P. 1001:1002(1) ack 1')
    peer.send('P. 1:501(500) ack 1001 win 0')
    peer.wait(100)
    // The probe lies beyond the peer's window, and what begins behind it would, too.
    peer.expect('. 1001:1001(0) ack 501')
    peer.send('. 501:501(0) ack 1001 win 4000')
    assert.deepEqual(peer.take().map(({ seq }) => seq)[0], 1001)
  })

  it('probes it without an octet when the user wants that', () => {
    const peer = passive({ tcp: { emptyProbes: true } })
    peer.send('. 1:1(0) ack 1 win 0')
    peer.write(10)
    peer.wait(1000)
    peer.expect('. 0:0(0) ack 1')
    peer.take()
    peer.send('. 1:1(0) ack 1 win 1000')
    peer.expect('P. 1:11(10) ack 1')
  })

  it('gives up a peer that answers no such probe, and one that does only where the user said how long to bear it', () => {
    for (const [userTimeout, answers, end] of [
      [5000, false, 'ETIMEDOUT'],
      [5000, true, 'ETIMEDOUT'],
      [undefined, false, 'ETIMEDOUT'],
      [undefined, true, undefined],
    ] as const) {
      const peer = passive({ tcp: { emptyProbes: true, ...(userTimeout === undefined ? {} : { userTimeout }) } })
      peer.wait(60_000)
      peer.send('. 1:1(0) ack 1 win 0')
      peer.wait(60_000)
      const begin = peer.now
      peer.write(10)
      while (peer.told.length === 0 && peer.now < begin + 1_000_000) {
        peer.wait(100)
        if (peer.take().length > 0 && answers) peer.send('. 1:1(0) ack 1 win 0')
      }
      assert.equal(peer.told[0], end, `${userTimeout} ${answers}`)
      const expected = userTimeout ?? (answers ? 1_000_000 : 900_000)
      const took = peer.now - begin
      assert.ok(took >= expected && took <= expected + 1000, `${took} of ${expected}`)
    }
  })

  it('sends what was probed again at once when the window opens', () => {
    for (const syn of ['mss 1000,sackOK', 'mss 1000']) {
      const peer = passive({ syn, window: 1000 })
      peer.write(3000)
      peer.take()
      peer.send('. 1:1(0) ack 1001 win 0')
      peer.wait(1000)
      assert.equal(peer.take()[0]?.seq, 1001)
      peer.send('. 1:1(0) ack 1001 win 0')
      peer.send('. 1:1(0) ack 1001 win 5000')
      const sent = peer.take()
      assert.equal(sent[0]?.seq, 1001, syn)
    }
  })

  it('takes the answers to probes for no sign of loss', () => {
    for (const syn of ['mss 1000,sackOK', 'mss 1000']) {
      const peer = passive({ syn, window: 1000 })
      peer.write(3000)
      peer.take()
      const { cwnd } = peer.tcb.congestion
      peer.send('. 1:1(0) ack 1001 win 0')
      for (let i = 0; i < 8; i++) {
        peer.wait(60_000)
        peer.take()
        peer.send('. 1:1(0) ack 1001 win 0')
      }
      assert.equal(peer.tcb.trouble.fastRecoveries, 0)
      assert.ok(peer.tcb.congestion.cwnd >= cwnd, syn)
    }
  })

  it('gives up a closed window when the peer is silent (user timeout)', () => {
    const peer = passive({ window: 1000, tcp: { userTimeout: 30_000 } })
    peer.write(3000)
    peer.send('. 1:1(0) ack 1001 win 0')
    peer.at(120_000)
    assert.deepEqual(peer.told, ['ETIMEDOUT'])
  })

  it('is no place for a reset, which comes before what was sent into it (RFC 5961 §3.2)', () => {
    const peer = passive({ window: 1000 })
    peer.write(3000)
    peer.take()
    peer.send('. 1:1(0) ack 1001 win 0')
    peer.wait(1000)
    peer.take()
    peer.do('abort')
    peer.expect('R. 1001:1001(0) ack 1')
  })

  it('carries on after probes that were taken, octet by octet', () => {
    const peer = passive({ window: 1000 })
    peer.write(3000)
    peer.take()
    let una = 1001
    peer.send(`. 1:1(0) ack ${una} win 0`)
    for (let i = 0; i < 20; i++) {
      peer.wait(5000)
      for (const { seq, length } of peer.take()) una = Math.max(una, seq + length)
      peer.send(`. 1:1(0) ack ${una} win 0`)
    }
    assert.ok(una > 1010)
    peer.send(`. 1:1(0) ack ${una} win 9000`)
    peer.wait(1000)
    peer.send('. 1:1(0) ack 3001 win 9000')
    assert.ok(peer.tcb.board.isEmpty)
  })

  it('accepts a window that shrinks, and sends again what lies beyond it (MUST-34, MAY-7, SHLD-15, SHLD-16, SHLD-17)', () => {
    const peer = passive({ window: 5000 })
    peer.write(5000)
    assert.equal(peer.take().length, 5)
    peer.send('. 1:1(0) ack 1001 win 500')
    assert.equal(peer.tcb.snd.wnd, 500)
    peer.wait(5000)
    assert.ok(peer.take().some(({ seq }) => seq === 1001))
    peer.send('. 1:1(0) ack 5001 win 500')
    assert.ok(peer.tcb.board.isEmpty)
  })

  it('probes with the FIN when nothing else is left', () => {
    const peer = passive({ window: 1000 })
    peer.write(1000)
    peer.take()
    peer.send('. 1:1(0) ack 1001 win 0')
    peer.do('close')
    peer.expectNothing()
    peer.wait(2000)
    assert.equal(peer.take()[0]?.flags, 'F.')
    peer.send('. 1:1(0) ack 1002 win 0')
    assert.equal(peer.tcb.state, 'FIN-WAIT-2')
  })

  it('opens between two ends that had both closed theirs, though each probes the other', () => {
    const peer = passive({ window: 1000, tcp: { receiveBuffer: 2048 } })
    peer.reads = false
    peer.write(3000)
    peer.send('P. 1:2049(2048) ack 1 win 1000')
    peer.send('. 2049:2049(0) ack 1001 win 0')
    peer.wait(3000)
    peer.take()
    // The peer has a probe of its own out, so that its SND.NXT lies beyond our closed window.
    peer.send('. 2050:2050(0) ack 1001 win 4000')
    assert.equal(peer.tcb.snd.wnd, 4000)
  })

  it('takes the window of an ACK of new data, though the probe of the peer ran ahead of it (§3.10.7.4 fifth)', () => {
    const peer = passive({ window: 4000, tcp: { receiveBuffer: 2048 } })
    peer.reads = false
    peer.write(1000)
    peer.send('P. 1:2049(2048) ack 1 win 4000')
    // The peer has a probe out, and a window for us; then it sends the probe again, and has less room.
    peer.send('. 2050:2050(0) ack 1 win 4000')
    peer.send('. 2049:2050(1) ack 1001 win 500')
    assert.equal(peer.tcb.snd.wnd, 500)
  })
})
