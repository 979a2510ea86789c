import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Peer } from './peer.ts'

/** A stack whose SYN has been seen. */
function opening(options: Parameters<Peer['connect']>[0] = {}): Peer {
  const peer = new Peer()
  peer.connect(options)
  peer.expect('S 0:0(0) win 65535 <mss 1460,sackOK,TS ecr 0,wscale 7>')
  return peer
}

describe('SYN-SENT', () => {
  it('acknowledges the SYN,ACK and is established (RFC 9293 §3.10.7.3 fourth)', () => {
    const peer = opening()
    peer.send('S. 0:0(0) ack 1 win 1000 <mss 1460,sackOK,TS val 100 ecr 0,wscale 3>')
    peer.expect('. 1:1(0) ack 1 win 512 <TS ecr 100>')
    assert.deepEqual(peer.states, ['SYN-SENT', 'ESTABLISHED'])
    assert.deepEqual(peer.told, ['established'])
    assert.equal(peer.tcb.snd.wnd, 1000, 'RFC 7323 §2.2: the window of a SYN is not scaled')
  })

  it('answers an unacceptable ACK with a reset and stays (§3.10.7.3 first)', () => {
    for (const ack of [-1, 0, 2, 1000]) {
      const peer = opening()
      peer.send(`. 0:0(0) ack ${ack}`)
      peer.expect(`R ${ack}:${ack}(0)`)
      peer.send(`S. 0:0(0) ack ${ack} <mss 1000>`)
      peer.expect(`R ${ack}:${ack}(0)`)
      assert.equal(peer.tcb.state, 'SYN-SENT')
    }
  })

  it('answers a SYN,ACK that echoes no timestamp of ours with a reset and stays (RFC 7323 §3.2)', () => {
    for (const change of [-1, 31]) {
      const peer = new Peer()
      peer.connect()
      const stamp = peer.next()!.options.ts!.val!
      peer.wait(30)
      peer.send(`S. 0:0(0) ack 1 <mss 1000,TS val 7 ecr ${stamp + change}>`)
      peer.expect('R 1:1(0)')
      assert.equal(peer.tcb.state, 'SYN-SENT')
      peer.send(`S. 0:0(0) ack 1 <mss 1000,TS val 7 ecr ${stamp + 30}>`)
      peer.expect('. 1:1(0) ack 1')
    }
  })

  it('believes a reset only with an acceptable ACK (§3.10.7.3 second, RFC 5961 §3.2)', () => {
    const peer = opening()
    peer.send('R. 0:0(0) ack 0', 'R. 0:0(0) ack 2', 'R 0:0(0)')
    peer.expectNothing()
    assert.equal(peer.tcb.state, 'SYN-SENT')
    peer.send('R. 0:0(0) ack 1')
    peer.expectNothing()
    assert.deepEqual(peer.told, ['ECONNREFUSED'])
    assert.equal(peer.tcp.size, 0)
    assert.equal(peer.stack.ports.size, 0)
  })

  it('drops what has neither SYN nor RST (§3.10.7.3 fifth)', () => {
    const peer = opening()
    peer.send('. 0:0(0) ack 1', 'F 0:0(0)', 'P 0:10(10)')
    peer.expectNothing()
    assert.equal(peer.tcb.state, 'SYN-SENT')
  })

  it('takes data and FIN that ride on the SYN,ACK (§3.10.7.3 fourth)', () => {
    const peer = opening()
    peer.send('S.F 0:10(10) ack 1 <mss 1000>')
    peer.expect('. 1:1(0) ack 12')
    assert.equal(peer.received, 10)
    assert.deepEqual(peer.states, ['SYN-SENT', 'ESTABLISHED', 'CLOSE-WAIT'])
  })

  it('sends the SYN again with back-off, and gives up after three minutes (RFC 6298 §5, MUST-20, MUST-22, MUST-23)', () => {
    const peer = opening()
    for (const at of [1000, 3000, 7000, 15_000, 31_000, 63_000, 123_000]) peer.expectAt(at, 'S 0:0(0)')
    peer.at(179_900)
    assert.deepEqual(peer.told, [])
    peer.at(180_000)
    peer.expectNothing()
    assert.deepEqual(peer.told, ['ETIMEDOUT'])
    assert.equal(peer.tcp.size, 0)
  })

  it('gives up when the user says so', () => {
    const peer = opening({ connectTimeout: 2500 })
    peer.expectAt(1000, 'S 0:0(0)')
    peer.at(2499)
    assert.deepEqual(peer.told, [])
    peer.at(2500)
    peer.expectNothing()
    assert.deepEqual(peer.told, ['ETIMEDOUT'])
  })

  it('counts the timeout from the call, however long the stack had nothing to do before', () => {
    const peer = new Peer()
    peer.at(3_600_000)
    peer.connect({ connectTimeout: 60_000 })
    peer.expect('S 0:0(0)')
    peer.expectAt(3_601_000, 'S 0:0(0)')
    peer.expectAt(3_603_000, 'S 0:0(0)')
    assert.deepEqual(peer.told, [])
  })

  it('starts data from a timeout of three seconds after a lost SYN (RFC 6298 §5.7)', () => {
    const peer = opening()
    peer.expectAt(1000, 'S 0:0(0)')
    peer.send('S. 0:0(0) ack 1 <mss 1000>')
    peer.expect('. 1:1(0) ack 1')
    peer.write(10)
    peer.expect('P. 1:11(10) ack 1')
    peer.expectAt(4000, 'P. 1:11(10) ack 1')
  })

  it('begins with one segment when the SYN was lost more than once (RFC 6928 §2)', () => {
    const peer = opening()
    peer.expectAt(1000, 'S 0:0(0)')
    peer.expectAt(3000, 'S 0:0(0)')
    peer.send('S. 0:0(0) ack 1 <mss 1000>')
    peer.expect('. 1:1(0) ack 1')
    peer.write(5000)
    peer.expect('. 1:1001(1000) ack 1')
    peer.expectNothing()
  })

  it('sends what was written before, and the FIN of a CLOSE, once established (§3.10.2, §3.10.4)', () => {
    const peer = opening()
    peer.write(100)
    peer.do('close')
    peer.expectNothing()
    peer.send('S. 0:0(0) ack 1 <mss 1000>')
    peer.expect('FP. 1:101(100) ack 1')
    assert.deepEqual(peer.states, ['SYN-SENT', 'ESTABLISHED', 'FIN-WAIT-1'])
  })

  it('is deleted without a segment by ABORT (§3.10.5)', () => {
    const peer = opening()
    peer.do('abort')
    peer.expectNothing()
    assert.deepEqual(peer.told, ['ECONNABORTED'])
    assert.equal(peer.tcp.size, 0)
  })
})

describe('simultaneous open (RFC 9293 §3.5, MUST-10)', () => {
  const options = 'mss 1000,sackOK,TS val 100 ecr 0,wscale 2'

  it('answers a SYN with SYN,ACK and is established by the SYN,ACK of the peer', () => {
    const peer = opening()
    peer.send(`S 0:0(0) win 5000 <${options}>`)
    peer.expect('S. 0:0(0) ack 1 <mss 1460,sackOK,TS ecr 100,wscale 7>')
    peer.send('S. 0:0(0) ack 1 win 5000 <mss 1000,sackOK,TS val 101 ecr 0,wscale 2>')
    assert.deepEqual(peer.states, ['SYN-SENT', 'SYN-RECEIVED', 'ESTABLISHED'])
    assert.deepEqual(peer.told, ['established'])
    peer.take()
    peer.write(10)
    peer.expect('P. 1:11(10) ack 1 <TS ecr 101>')
  })

  it('is established by a bare ACK as well', () => {
    const peer = opening()
    peer.send('S 0:0(0) win 5000 <mss 1000>')
    peer.expect('S. 0:0(0) ack 1 <mss 1460>')
    peer.send('. 1:1(0) ack 1 win 7000')
    peer.expectNothing()
    assert.equal(peer.tcb.state, 'ESTABLISHED')
    assert.equal(peer.tcb.snd.wnd, 7000)
  })

  it('sends the SYN,ACK again, after a timeout and for a repeated SYN', () => {
    const peer = opening()
    peer.send('S 0:0(0) win 5000 <mss 1000>')
    peer.expect('S. 0:0(0) ack 1')
    peer.expectAt(1000, 'S. 0:0(0) ack 1')
    peer.send('S 0:0(0) win 5000 <mss 1000>')
    peer.expect('S. 0:0(0) ack 1')
  })

  it('ends with ECONNREFUSED by a reset (RFC 9293 §3.10.7.4 second, MUST-11)', () => {
    const peer = opening()
    peer.send('S 0:0(0) win 5000 <mss 1000>')
    peer.expect('S. 0:0(0) ack 1')
    peer.send('R. 1:1(0) ack 1')
    assert.deepEqual(peer.told, ['ECONNREFUSED'])
  })

  it('carries on to close at both ends at once', () => {
    const peer = opening()
    peer.send('S 0:0(0) win 5000 <mss 1000>', 'S. 0:0(0) ack 1 win 5000 <mss 1000>')
    peer.do('close')
    peer.take()
    peer.send('F. 1:1(0) ack 1')
    peer.expect('. 2:2(0) ack 2')
    peer.send('. 2:2(0) ack 2')
    assert.deepEqual(peer.states.slice(-4), ['ESTABLISHED', 'FIN-WAIT-1', 'CLOSING', 'TIME-WAIT'])
  })
})
