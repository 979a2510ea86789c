import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { passive } from './established.ts'

/** So many segments of `size` octets, one after the other. */
const segments = (from: number, count: number, size = 1000): string[] =>
  Array.from({ length: count }, (_, i) => `. ${from + size * i}:${from + size * (i + 1)}(${size}) ack 1`)

describe('ESTABLISHED, first: the sequence number (RFC 9293 §3.10.7.4)', () => {
  it('answers what lies outside the window with an ACK, a reset with silence', () => {
    for (const text of ['. 0:0(0) ack 1', 'P. -99:1(100) ack 1', 'P. 66000:66100(100) ack 1', 'F. 0:0(0) ack 1']) {
      const peer = passive()
      peer.send(text)
      peer.expect('. 1:1(0) ack 1')
      assert.equal(peer.received, 0)
      assert.equal(peer.tcb.state, 'ESTABLISHED')
    }
    const peer = passive()
    peer.send('R 0:0(0)', 'R 66000:66000(0)', 'R. -5:-5(0) ack 1')
    peer.expectNothing()
    assert.equal(peer.tcb.state, 'ESTABLISHED')
  })

  it('cuts off what was received before, at the left edge', () => {
    const peer = passive()
    peer.send('P. 1:101(100) ack 1', 'P. 51:151(100) ack 1')
    assert.equal(peer.received, 150)
    peer.expect('. 1:1(0) ack 151')
    assert.equal(peer.tcb.trouble.duplicateBytes, 50)
  })

  it('cuts off what lies beyond the window, at the right edge, and the FIN with it', () => {
    const peer = passive({ tcp: { receiveBuffer: 2048 } })
    peer.reads = false
    peer.send('P. 1:1001(1000) ack 1', 'P. 1001:2001(1000) ack 1')
    peer.expect('. 1:1(0) ack 2001 win 48')
    peer.send('FP. 2001:3001(1000) ack 1')
    peer.expect('. 1:1(0) ack 2049 win 0')
    assert.equal(peer.tcb.state, 'ESTABLISHED')
    assert.equal(peer.read(), 2048)
  })

  it('is not deceived by a distance of 2^31', () => {
    for (const seq of [1 - 2 ** 31, 2 ** 31, 2 - 2 ** 31]) {
      const peer = passive()
      peer.send(`F. ${seq}:${seq + 2}(2) ack 1`, `P. ${seq}:${seq + 2000}(2000) ack 1`)
      assert.equal(peer.tcb.finAt, undefined)
      assert.equal(peer.received, 0)
    }
  })

  it('takes the part within the window of a segment that spans all of it', () => {
    const peer = passive({ tcp: { receiveBuffer: 2048 } })
    peer.reads = false
    peer.send('P. -999:4001(5000) ack 1')
    peer.expect('. 1:1(0) ack 2049 win 0')
    assert.equal(peer.read(), 2048)
  })

  it('limits the answers to segments without data, so that two ends cannot answer each other for ever (RFC 5961 §7)', () => {
    const peer = passive()
    for (let i = 0; i < 100; i++) peer.send('. -10:-10(0) ack 1')
    const answers = peer.take().length
    assert.ok(answers > 0 && answers <= 10, `${answers}`)
    peer.wait(1000)
    peer.send('. -10:-10(0) ack 1')
    peer.expect('. 1:1(0) ack 1')
  })

  it('answers every segment with data, which may be one that was lost', () => {
    const peer = passive()
    for (let i = 0; i < 100; i++) peer.send('P. -10:0(10) ack 1')
    assert.equal(peer.take().length, 100)
  })
})

describe('ESTABLISHED, second: the RST bit (RFC 5961 §3.2)', () => {
  it('ends the connection when it stands exactly at RCV.NXT, and the user is told (MUST-12)', () => {
    const peer = passive()
    peer.send('R 1:1(0)')
    peer.expectNothing()
    assert.deepEqual(peer.told, ['ECONNRESET'])
    assert.equal(peer.tcp.size, 0)
    assert.deepEqual(peer.states, ['CLOSED'])
  })

  it('may carry data, which nobody reads (SHLD-2)', () => {
    const peer = passive()
    peer.send('R 1:11(10)')
    assert.deepEqual(peer.told, ['ECONNRESET'])
    assert.equal(peer.received, 0)
  })

  it('is challenged elsewhere in the window', () => {
    const peer = passive()
    peer.send('R 2:2(0)')
    peer.expect('. 1:1(0) ack 1')
    peer.send('R. 60000:60000(0) ack 1')
    peer.expect('. 1:1(0) ack 1')
    assert.equal(peer.tcb.state, 'ESTABLISHED')
  })

  it('is challenged ten times a second at most (§7)', () => {
    const peer = passive()
    for (let i = 0; i < 50; i++) peer.send('R 2:2(0)')
    assert.equal(peer.take().length, 10)
    peer.wait(1000)
    peer.send('R 2:2(0)')
    peer.expect('. 1:1(0) ack 1')
  })

  it('discards what is unread and unsent', () => {
    const peer = passive()
    peer.reads = false
    peer.send('P. 1:11(10) ack 1')
    peer.write(100)
    peer.take()
    peer.send('R 11:11(0)')
    assert.equal(peer.tcb.sendBuffer.length, 0)
    assert.equal(peer.stack.pollAt(), Number.POSITIVE_INFINITY)
  })
})

describe('ESTABLISHED, fourth: the SYN bit (RFC 5961 §4.2)', () => {
  it('is challenged, wherever it stands', () => {
    const peer = passive()
    for (const text of ['S 0:0(0)', 'S 1:1(0)', 'S. 5:5(0) ack 1', 'S 700000:700000(0)']) {
      peer.send(text)
      peer.expect('. 1:1(0) ack 1')
      assert.equal(peer.tcb.state, 'ESTABLISHED')
    }
  })
})

describe('ESTABLISHED, fifth: the ACK field', () => {
  it('drops a segment without ACK', () => {
    const peer = passive()
    peer.send('P 1:11(10)', 'F 1:1(0)')
    peer.expectNothing()
    assert.equal(peer.received, 0)
  })

  it('challenges an ACK of what was never sent, and takes nothing of its segment (RFC 5961 §5.2)', () => {
    const peer = passive()
    peer.send('P. 1:11(10) ack 2')
    peer.expect('. 1:1(0) ack 1')
    assert.equal(peer.received, 0)
  })

  it('challenges an ACK older than any window that was ever offered (MAY-12, RFC 5961 §5.2)', () => {
    const peer = passive({ window: 1000 })
    peer.write(500)
    peer.expect('P. 1:501(500) ack 1')
    peer.send('. 1:1(0) ack 501 win 1000', 'P. 1:11(10) ack -500')
    peer.expect('. 501:501(0) ack 1')
    assert.equal(peer.received, 0)
    peer.send('P. 1:11(10) ack -498')
    assert.equal(peer.received, 10, 'a duplicate ACK within it is ignored, its data taken')
  })

  it('moves SND.UNA and tells a writer that waits', () => {
    const peer = passive({ tcp: { sendBuffer: 4096 } })
    assert.equal(peer.write(10_000), 4096)
    const sent = peer.take()
    assert.equal(
      sent.reduce((total, { length }) => total + length, 0),
      4096,
    )
    peer.send('. 1:1(0) ack 1001')
    assert.ok(!peer.told.includes('writable'), 'a quarter is not worth waking for')
    peer.send('. 1:1(0) ack 4097')
    assert.ok(peer.told.includes('writable'))
    assert.equal(peer.tcb.sendBuffer.length, 0)
  })

  it('updates the window from newer segments only (SND.WL1, SND.WL2)', () => {
    const peer = passive()
    peer.send('P. 1:11(10) ack 1 win 3000')
    assert.equal(peer.tcb.snd.wnd, 3000)
    peer.write(10)
    peer.send('. 11:11(0) ack 11 win 2000')
    assert.equal(peer.tcb.snd.wnd, 2000)
    peer.send('. 11:11(0) ack 1 win 9000')
    assert.equal(peer.tcb.snd.wnd, 2000, 'an older ACK with the same sequence number')
    peer.send('P. 1:21(20) ack 11 win 9000')
    assert.equal(peer.tcb.snd.wnd, 2000, 'an older sequence number')
    peer.send('. 21:21(0) ack 11 win 9000')
    assert.equal(peer.tcb.snd.wnd, 9000)
  })
})

describe('ESTABLISHED, sixth to eighth: URG, text, FIN', () => {
  it('acknowledges every second segment at once, a single one after 40 ms (MUST-40, MUST-58, MUST-59, SHLD-18, SHLD-19, RFC 5681 §4.2)', () => {
    const peer = passive({ tcp: { quickAcks: 0 } })
    peer.send('P. 1:1001(1000) ack 1')
    peer.expectNothing()
    peer.send('P. 1001:2001(1000) ack 1')
    peer.expect('. 1:1(0) ack 2001')
    peer.send('P. 2001:3001(1000) ack 1')
    peer.expectAt(40, '. 1:1(0) ack 3001')
    peer.wait(1000)
    peer.expectNothing()
  })

  it('acknowledges at once while data begins to flow, and again after a pause', () => {
    const peer = passive({ tcp: { quickAcks: 3 }, syn: 'mss 1000,sackOK' })
    for (const from of [1, 1001, 2001]) {
      peer.send(`. ${from}:${from + 1000}(1000) ack 1`)
      peer.expect(`. 1:1(0) ack ${from + 1000}`)
    }
    peer.send('. 3001:4001(1000) ack 1')
    peer.expectNothing()
    peer.wait(2000)
    peer.expect('. 1:1(0) ack 4001')
    peer.send('. 4001:5001(1000) ack 1')
    peer.expect('. 1:1(0) ack 5001')
  })

  it('acknowledges what comes early at once, each by itself, also of what comes together (RFC 5681 §4.2)', () => {
    const peer = passive()
    peer.send(...segments(1001, 3))
    peer.expect('. 1:1(0) ack 1 <sack 1001:2001>')
    peer.expect('. 1:1(0) ack 1 <sack 1001:3001>')
    peer.expect('. 1:1(0) ack 1 <sack 1001:4001>')
    peer.send(...segments(1, 1))
    peer.expect('. 1:1(0) ack 4001')
    peer.expectNothing()
  })

  it('acknowledges so only the first 64 after a gap: of more that come together one ACK tells', () => {
    const peer = passive()
    peer.send(...segments(101, 60, 100))
    assert.equal(peer.take().length, 60)
    peer.send(...segments(6101, 60, 100))
    for (let i = 0; i < 4; i++) peer.next()
    peer.expect('. 1:1(0) ack 1 <sack 101:12101>')
    peer.expectNothing()
    peer.send(...segments(12_101, 60, 100))
    assert.equal(peer.take().length, 1)
    peer.send(...segments(1, 1, 100))
    peer.take()
    peer.send(...segments(18_201, 3, 100))
    assert.equal(peer.take().length, 3, 'another gap')
  })

  it('acknowledges what comes together once; for long after a gap, or a repetition, every second segment', () => {
    for (const [title, upset] of [
      ['a gap', [...segments(8001 + 1000, 1), ...segments(8001, 1)]],
      ['a repetition', [...segments(8001, 2), ...segments(8001, 1)]],
    ] as const) {
      const peer = passive()
      peer.send(...segments(1, 8))
      assert.deepEqual(
        peer.take().map(({ ack }) => ack),
        [8001],
        title,
      )
      peer.send(...upset)
      peer.take()
      peer.send(...segments(10_001, 8))
      assert.deepEqual(
        peer.take().map(({ ack }) => ack),
        [12_001, 14_001, 16_001, 18_001],
        title,
      )
      for (let from = 18_001; from < 5_018_001; from += 50_000) peer.send(...segments(from, 50))
      peer.take()
      peer.send(...segments(5_018_001, 8))
      assert.deepEqual(
        peer.take().map(({ ack }) => ack),
        [5_026_001],
        title,
      )
    }
  })

  it('does not tell of a window that is nearly full before its reader has read', () => {
    const peer = passive({ tcp: { receiveBuffer: 8000 } })
    peer.send(...segments(1001, 1), ...segments(1, 1))
    peer.take()
    peer.send(...segments(2001, 8))
    assert.deepEqual(
      peer.take().map(({ ack, window }) => [ack, window]),
      [
        [4001, 6000],
        [6001, 4000],
        [10_001, 8000],
      ],
    )
  })

  it('owes what the link had no room for until all that came together was looked at', () => {
    const peer = passive()
    peer.link.isFull = true
    peer.link.onReceived = () => {
      peer.link.isFull = false
    }
    peer.send(...segments(1001, 3))
    peer.expect('. 1:1(0) ack 1 <sack 1001:4001>')
    peer.expectNothing()
  })

  it('acknowledges what fills a gap before a FIN once, with the FIN', () => {
    const peer = passive()
    peer.send(...segments(1001, 1), 'F. 2001:2001(0) ack 1')
    peer.take()
    peer.send(...segments(1, 1))
    peer.expect('. 1:1(0) ack 2002')
    peer.expectNothing()
  })

  it('gives a single segment behind others its whole delay', () => {
    const peer = passive({ tcp: { quickAcks: 0 } })
    peer.send(...segments(1001, 1), ...segments(1, 1))
    peer.take()
    peer.send(...segments(2001, 1))
    peer.wait(39)
    peer.send(...segments(3001, 2))
    peer.expect('. 1:1(0) ack 4001')
    peer.expectAt(79, '. 1:1(0) ack 5001')
  })

  it('waits for data to ride on when the two talk by turns', () => {
    const peer = passive()
    peer.send('P. 1:11(10) ack 1')
    peer.expect('. 1:1(0) ack 11')
    peer.write(5)
    peer.expect('P. 1:6(5) ack 11')
    peer.send('P. 11:21(10) ack 6')
    peer.expectNothing()
    peer.write(5)
    peer.expect('P. 6:11(5) ack 21')
    peer.send('P. 21:31(10) ack 11')
    peer.expectAt(40, '. 11:11(0) ack 31')
    peer.send('P. 31:41(10) ack 11')
    peer.expect('. 11:11(0) ack 41')
  })

  it('lets the ACK ride on data', () => {
    const peer = passive({ tcp: { quickAcks: 0 } })
    peer.send('P. 1:11(10) ack 1')
    peer.expectNothing()
    peer.write(5)
    peer.expect('P. 1:6(5) ack 11')
    peer.at(100)
    peer.expectNothing()
  })

  it('stores early data and acknowledges at once, for each segment where the peer counts (MAY-13, RFC 5681 §4.2)', () => {
    const peer = passive({ syn: 'mss 1000' })
    peer.send('P. 1001:2001(1000) ack 1', 'P. 2001:3001(1000) ack 1', 'P. 3001:4001(1000) ack 1')
    for (let i = 0; i < 3; i++) peer.expect('. 1:1(0) ack 1')
    peer.send('P. 1:1001(1000) ack 1')
    peer.expect('. 1:1(0) ack 4001')
    assert.equal(peer.received, 4000)
  })

  it('takes overlapping pieces in any order, once (SHLD-31)', () => {
    const pieces = [
      [1, 300],
      [200, 700],
      [650, 660],
      [100, 400],
      [690, 1001],
      [1, 1001],
    ] as const
    for (let turn = 0; turn < pieces.length; turn++) {
      const peer = passive()
      for (let i = 0; i < pieces.length; i++) {
        const [from, to] = pieces[(i + turn) % pieces.length]!
        peer.send(`P. ${from}:${to}(${to - from}) ack 1`)
      }
      assert.equal(peer.received, 1000)
      assert.ok(!peer.tcb.hasHoles)
    }
  })

  it('moves to CLOSE-WAIT by a FIN, acknowledges it at once, and tells the user (eighth)', () => {
    const peer = passive()
    peer.send('FP. 1:11(10) ack 1')
    peer.expect('. 1:1(0) ack 12')
    assert.deepEqual(peer.states, ['CLOSE-WAIT'])
    assert.ok(peer.tcb.peerClosed)
    assert.equal(peer.received, 10)
  })

  it('keeps a FIN that comes early until what is missing arrives', () => {
    const peer = passive()
    peer.send('FP. 101:201(100) ack 1')
    peer.expect('. 1:1(0) ack 1 <sack 101:201>')
    assert.equal(peer.tcb.state, 'ESTABLISHED')
    peer.send('P. 1:101(100) ack 1')
    peer.expect('. 1:1(0) ack 202')
    assert.equal(peer.tcb.state, 'CLOSE-WAIT')
    assert.equal(peer.received, 200)
  })

  it('keeps a bare FIN that comes early, and takes nothing beyond it', () => {
    const peer = passive()
    peer.send('F. 101:101(0) ack 1')
    peer.expect('. 1:1(0) ack 1')
    peer.send('P. 1:151(150) ack 1')
    peer.expect('. 1:1(0) ack 102')
    assert.equal(peer.received, 100)
    assert.equal(peer.tcb.state, 'CLOSE-WAIT')
  })

  it('learns nothing of the size of the peer’s segments from a bare FIN', () => {
    const peer = passive()
    const { peerSegment } = peer.tcb.ackPace
    const { lastDataReceived } = peer.tcb
    peer.wait(100)
    peer.send('F. 11:11(0) ack 1')
    assert.equal(peer.tcb.ackPace.peerSegment, peerSegment)
    assert.equal(peer.tcb.lastDataReceived, lastDataReceived)
  })

  it('believes no FIN before data that it has', () => {
    const peer = passive()
    peer.send('P. 51:151(100) ack 1', 'F. 101:101(0) ack 1')
    peer.take()
    peer.send('P. 1:51(50) ack 1')
    peer.expect('. 1:1(0) ack 151')
    peer.send('F. 151:151(0) ack 1')
    peer.expect('. 1:1(0) ack 152')
    assert.equal(peer.tcb.state, 'CLOSE-WAIT')
  })
})
