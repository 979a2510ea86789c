import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { passive } from './established.ts'
import { Peer } from './peer.ts'

function listening(options: Parameters<Peer['listen']>[0] = {}): Peer {
  const peer = new Peer()
  peer.listen(options)
  return peer
}

/** A connection whose SYN,ACK has been seen. */
function half(options: Parameters<Peer['listen']>[0] = {}): Peer {
  const peer = listening(options)
  peer.send('S 0:0(0) win 1000 <mss 1000,sackOK>')
  peer.expect('S. 0:0(0) ack 1 win 65535 <mss 1460,sackOK>')
  return peer
}

describe('CLOSED', () => {
  it('answers with the reset that its sender will believe (RFC 9293 §3.10.7.1)', () => {
    const peer = new Peer()
    peer.send('S 0:0(0)')
    peer.expect('R. 0:0(0) ack 1')
    peer.send('F 7:17(10)')
    peer.expect('R. 0:0(0) ack 18')
    peer.send('. 1:1(0) ack 77')
    peer.expect('R 77:77(0)')
    peer.send('R 1:1(0)', 'R. 1:1(0) ack 1')
    peer.expectNothing()
  })

  it('answers no more than a thousand times a second', () => {
    const peer = new Peer()
    for (let port = 1; port <= 1200; port++) peer.sendFrom(port, 'S 0:0(0)')
    assert.equal(peer.take().length, 1000)
  })
})

describe('LISTEN', () => {
  it('ignores a reset, answers an ACK with one, makes a connection of a SYN, drops the rest (§3.10.7.2)', () => {
    const peer = listening()
    peer.send('R 0:0(0)', 'R. 0:0(0) ack 1')
    peer.expectNothing()
    peer.send('. 1:1(0) ack 55')
    peer.expect('R 55:55(0)')
    peer.send('S. 1:1(0) ack 66')
    peer.expect('R 66:66(0)')
    peer.send('F 0:0(0)', 'P 0:5(5)')
    peer.expectNothing()
    peer.send('S 0:0(0) <mss 1000>')
    peer.expect('S. 0:0(0) ack 1 win 65535 <mss 1460>')
    assert.deepEqual(peer.states, ['SYN-RECEIVED'])
    assert.equal(peer.listener?.halfOpen, 1)
  })

  it('offers in the SYN,ACK only what the SYN offered (RFC 7323 §2.2, RFC 2018 §2)', () => {
    const offers: [string, string][] = [
      ['mss 1000', 'mss 1460'],
      ['mss 1000,wscale 3', 'mss 1460,wscale 7'],
      ['mss 1000,sackOK', 'mss 1460,sackOK'],
      ['mss 1000,TS val 5 ecr 0', 'mss 1460,TS ecr 5'],
      ['mss 1000,sackOK,TS val 5 ecr 0,wscale 1', 'mss 1460,sackOK,TS ecr 5,wscale 7'],
    ]
    for (const [syn, answer] of offers) {
      const peer = listening()
      peer.send(`S 0:0(0) <${syn}>`)
      peer.expect(`S. 0:0(0) ack 1 <${answer}>`)
    }
  })

  it('goes on listening: many connections from one SYN each (MUST-41, MUST-42)', () => {
    const peer = listening()
    for (let port = 1; port <= 20; port++) {
      peer.sendFrom(port, 'S 0:0(0) <mss 1000>')
      const answer = peer.next()!
      assert.equal(answer.dstPort, port)
      peer.forget()
    }
    assert.equal(peer.listener?.halfOpen, 20)
  })

  it('ends with unlisten: half-open and waiting connections are reset, the port is free', () => {
    const peer = listening()
    peer.sendFrom(1, 'S 0:0(0) <mss 1000>')
    peer.next()
    peer.send('S 0:0(0) <mss 1000>')
    peer.forget()
    peer.next()
    peer.send('. 1:1(0) ack 1')
    assert.equal(peer.listener?.waiting, 1)
    peer.tcp.unlisten(peer.listener!)
    peer.settle()
    assert.deepEqual(
      peer
        .take()
        .map(({ flags, dstPort }) => [flags, dstPort])
        .sort(),
      [
        ['R.', 1],
        ['R.', 5000],
      ],
    )
    assert.equal(peer.tcp.size, 0)
    assert.equal(peer.stack.ports.size, 0)
    peer.send('S 0:0(0)')
    assert.equal(peer.next()?.flags, 'R.')
  })

  it('leaves accepted connections alone when it ends', () => {
    const peer = passive()
    peer.tcp.unlisten(peer.listener!)
    peer.settle()
    peer.expectNothing()
    peer.send('P. 1:11(10) ack 1')
    assert.equal(peer.received, 10)
  })
})

describe('SYN-RECEIVED', () => {
  it('becomes ESTABLISHED by an acceptable ACK, with its data (RFC 9293 §3.10.7.4 fifth)', () => {
    const peer = half()
    peer.send('P. 1:101(100) ack 1 win 5000')
    assert.deepEqual(peer.states, ['SYN-RECEIVED', 'ESTABLISHED'])
    peer.accept()
    assert.equal(peer.read(), 100)
    assert.equal(peer.tcb.snd.wnd, 5000)
  })

  it('goes through to CLOSE-WAIT with a FIN on that ACK', () => {
    const peer = half()
    peer.send('FP. 1:101(100) ack 1')
    peer.expect('. 1:1(0) ack 102')
    assert.deepEqual(peer.states, ['SYN-RECEIVED', 'ESTABLISHED', 'CLOSE-WAIT'])
  })

  it('answers an unacceptable ACK with a reset and stays (§3.10.7.4 fifth)', () => {
    const peer = half()
    for (const ack of [0, 2, 5000]) {
      peer.send(`. 1:1(0) ack ${ack}`)
      peer.expect(`R ${ack}:${ack}(0)`)
    }
    assert.deepEqual(peer.states, ['SYN-RECEIVED'])
  })

  it('returns to LISTEN by a reset, and nobody is told (RFC 9293 §3.10.7.4 second, MUST-11)', () => {
    const peer = half()
    peer.send('R 1:1(0)')
    peer.expectNothing()
    assert.equal(peer.listener?.halfOpen, 0)
    assert.equal(peer.tcp.size, 0)
    assert.equal(peer.listener?.accept(), undefined)
  })

  it('challenges a reset that does not stand at RCV.NXT (RFC 5961 §3.2)', () => {
    const peer = half()
    peer.send('R 2:2(0)')
    peer.expect('. 1:1(0) ack 1')
    assert.equal(peer.listener?.halfOpen, 1)
  })

  it('returns to LISTEN by a SYN in the window (§3.10.7.4 fourth)', () => {
    const peer = half()
    peer.send('S 5:5(0) <mss 1000>')
    peer.expectNothing()
    assert.equal(peer.listener?.halfOpen, 0)
    assert.equal(peer.tcp.size, 0)
    peer.forget()
    peer.send('S 5:5(0) <mss 1000>')
    peer.expect('S. 0:0(0) ack 6')
  })

  it('answers the repeated SYN with the same SYN,ACK (§3.8.1)', () => {
    const peer = half()
    peer.at(500)
    peer.send('S 0:0(0) win 1000 <mss 1000,sackOK>')
    peer.expect('S. 0:0(0) ack 1 win 65535 <mss 1460,sackOK>')
  })

  it('sends the SYN,ACK again with back-off and forgets the connection after 63 seconds (RFC 6298 §5)', () => {
    const peer = half()
    for (const at of [1000, 3000, 7000, 15_000, 31_000]) peer.expectAt(at, 'S. 0:0(0) ack 1')
    peer.at(63_000)
    peer.expectNothing()
    assert.equal(peer.listener?.halfOpen, 0)
    assert.equal(peer.tcp.size, 0)
  })

  it('ignores data and FIN without an ACK (§3.10.7.4 fifth)', () => {
    const peer = half()
    peer.send('P 1:11(10)', 'F 1:1(0)')
    peer.expectNothing()
    assert.deepEqual(peer.states, ['SYN-RECEIVED'])
  })

  it('measures from the SYN,ACK that was sent last, for a repeated SYN as well (RFC 6298 §3, RFC 7323 §4.1)', () => {
    for (const stamped of [false, true]) {
      const peer = listening()
      const stamp = (val: number, ecr = 0): string => (stamped ? `<mss 1000,TS val ${val} ecr ${ecr}>` : '<mss 1000>')
      peer.send(`S 0:0(0) ${stamp(1)}`)
      peer.next()
      peer.wait(900)
      peer.send(`S 0:0(0) ${stamp(901)}`)
      const again = peer.next()
      peer.wait(50)
      peer.send(`. 1:1(0) ack 1 ${stamped ? `<TS val 950 ecr ${again?.options.ts?.val}>` : ''}`.trim())
      peer.accept()
      assert.equal(peer.tcb.rtt.srtt, stamped ? 50_000 : undefined)
    }
  })

  it('needs no round-trip measurement of a repeated SYN,ACK (RFC 6298 §3, Karn; §5.7; MUST-18)', () => {
    const peer = half()
    peer.expectAt(1000, 'S. 0:0(0) ack 1')
    peer.send('. 1:1(0) ack 1')
    peer.accept()
    assert.equal(peer.tcb.rtt.srtt, undefined)
    assert.equal(peer.tcb.rtt.rto, 3_000_000)
  })
})
