import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { active, passive } from './established.ts'
import type { Peer } from './peer.ts'

describe('FIN-WAIT-1', () => {
  it("becomes FIN-WAIT-2 by the ACK of the FIN, TIME-WAIT by the peer's FIN (RFC 9293 §3.6, Figure 12)", () => {
    const peer = active()
    peer.do('close')
    peer.expect('F. 1:1(0) ack 1')
    peer.send('. 1:1(0) ack 2')
    peer.expectNothing()
    peer.send('F. 1:1(0) ack 2')
    peer.expect('. 2:2(0) ack 2')
    assert.deepEqual(peer.states, ['FIN-WAIT-1', 'FIN-WAIT-2', 'TIME-WAIT'])
    assert.deepEqual(
      peer.told.filter((event) => event !== 'readable'),
      ['closed'],
    )
  })

  it('passes through both by a FIN that acknowledges ours', () => {
    const peer = active()
    peer.do('close')
    peer.take()
    peer.send('F. 1:1(0) ack 2')
    peer.expect('. 2:2(0) ack 2')
    assert.deepEqual(peer.states, ['FIN-WAIT-1', 'FIN-WAIT-2', 'TIME-WAIT'])
  })

  it('becomes CLOSING by a FIN that does not, and TIME-WAIT by the ACK (simultaneous close, Figure 13)', () => {
    const peer = active()
    peer.do('close')
    peer.take()
    peer.send('F. 1:1(0) ack 1')
    peer.expect('. 2:2(0) ack 2')
    peer.send('. 2:2(0) ack 2')
    peer.expectNothing()
    assert.deepEqual(peer.states, ['FIN-WAIT-1', 'CLOSING', 'TIME-WAIT'])
  })

  it('sees the ACK of its FIN through a closed window of ours', () => {
    const peer = active({ tcp: { receiveBuffer: 2048 } })
    peer.reads = false
    peer.send('P. 1:2049(2048) ack 1')
    peer.do('close')
    peer.take()
    // The peer's SND.NXT lies behind a probe of the window.
    peer.send('. 2050:2050(0) ack 2')
    assert.equal(peer.tcb.state, 'FIN-WAIT-2')
  })

  it('still takes data (half-close, RFC 9293 §3.6)', () => {
    const peer = active()
    peer.do('close')
    peer.take()
    peer.send('P. 1:1001(1000) ack 2')
    peer.at(40)
    peer.expect('. 2:2(0) ack 1001')
    peer.send('FP. 1001:1501(500) ack 2')
    assert.equal(peer.received, 1500)
    assert.equal(peer.states.at(-1), 'TIME-WAIT')
  })

  it('sends its FIN again with back-off and gives up after the user timeout', () => {
    const peer = active({ tcp: { userTimeout: 20_000 } })
    peer.do('close')
    peer.expect('F. 1:1(0) ack 1')
    const times: number[] = []
    while (peer.told.length === 0 && peer.now < 60_000) {
      peer.wait(10)
      for (const { flags } of peer.take()) {
        assert.equal(flags, 'F.')
        times.push(peer.now)
      }
    }
    assert.ok(times.length >= 5, `${times}`)
    assert.deepEqual(peer.told, ['ETIMEDOUT'])
    assert.equal(peer.now, 20_000)
  })

  it('sends the FIN only behind all data, and again with the last of it', () => {
    const peer = active({ window: 1500 })
    peer.write(2000)
    peer.do('close')
    peer.expect('. 1:1001(1000) ack 1')
    peer.send('. 1:1(0) ack 1001 win 5000')
    peer.expect('FP. 1001:2001(1000) ack 1')
    peer.wait(3000)
    const repeated = peer.take()
    assert.ok(repeated.some(({ seq, length }) => seq === 1001 && length === 1000))
    assert.ok(repeated.some(({ flags, seq, length }) => flags.includes('F') && seq + length === 2001))
    peer.send('. 1:1(0) ack 2001')
    peer.wait(3000)
    assert.equal(peer.take()[0]?.flags, 'F.', 'an ACK of the data but not of the FIN')
    peer.send('. 1:1(0) ack 2002')
    assert.equal(peer.tcb.state, 'FIN-WAIT-2')
  })
})

describe('FIN-WAIT-2', () => {
  function waiting(): Peer {
    const peer = active()
    peer.do('close')
    peer.take()
    peer.send('. 1:1(0) ack 2')
    return peer
  }

  it('lasts as long as the peer sends, when only our side is closed', () => {
    const peer = waiting()
    for (let i = 0; i < 50; i++) {
      peer.wait(60_000)
      peer.send(`P. ${1 + 10 * i}:${11 + 10 * i}(10) ack 2`)
    }
    assert.equal(peer.received, 500)
    assert.equal(peer.tcb.state, 'FIN-WAIT-2')
  })

  it('ends in bounded time once nobody reads (§3.6 allows it)', () => {
    const peer = active()
    peer.do('closeBoth')
    peer.send('. 1:1(0) ack 2')
    assert.equal(peer.tcb.state, 'FIN-WAIT-2')
    peer.at(60_000)
    assert.equal(peer.tcp.size, 0)
    assert.equal(peer.stack.ports.size, 0)
  })

  it('resets a peer that sends after both ways were closed (RFC 9293 §3.6.1, MAY-1, SHLD-3, RFC 2525 §2.17)', () => {
    const peer = active()
    peer.do('closeBoth')
    peer.take()
    peer.send('P. 1:11(10) ack 2')
    peer.expect('R 2:2(0)')
    assert.deepEqual(peer.told, ['ECONNABORTED'])
  })

  it('resets at once when unread data is thrown away by the close (RFC 2525 §2.17)', () => {
    const peer = active()
    peer.reads = false
    peer.send('P. 1:11(10) ack 1')
    peer.take()
    peer.do('closeBoth')
    assert.equal(peer.next()?.flags, 'R.')
    assert.equal(peer.tcp.size, 0)
  })

  it('keeps TIME-WAIT for its full length even when the FIN comes after a long silence', () => {
    const peer = waiting()
    peer.at(600_000)
    peer.send('F. 1:1(0) ack 2')
    peer.expect('. 2:2(0) ack 2')
    peer.at(659_000)
    assert.equal(peer.tcp.size, 1)
    peer.send('F. 1:1(0) ack 2')
    peer.expect('. 2:2(0) ack 2')
    peer.at(720_000)
    assert.equal(peer.tcp.size, 0)
  })
})

describe('CLOSE-WAIT', () => {
  function waiting(): Peer {
    const peer = passive()
    peer.send('F. 1:1(0) ack 1')
    peer.expect('. 1:1(0) ack 2')
    return peer
  }

  it('still sends, and its FIN makes LAST-ACK, whose ACK makes CLOSED (§3.6, Figure 12)', () => {
    const peer = waiting()
    peer.write(500)
    peer.expect('P. 1:501(500) ack 2')
    peer.send('. 2:2(0) ack 501')
    peer.do('close')
    peer.expect('F. 501:501(0) ack 2')
    peer.send('. 2:2(0) ack 502')
    peer.expectNothing()
    assert.deepEqual(peer.states, ['CLOSE-WAIT', 'LAST-ACK', 'CLOSED'])
    assert.equal(peer.told.at(-1), 'closed')
    assert.equal(peer.tcp.size, 0)
    assert.equal(peer.stack.ports.size, 1, 'the listener')
  })

  it('acknowledges a repeated FIN, and takes no data behind it', () => {
    const peer = waiting()
    peer.send('F. 1:1(0) ack 1')
    peer.expect('. 1:1(0) ack 2')
    peer.send('P. 2:12(10) ack 1')
    peer.expect('. 1:1(0) ack 2')
    assert.equal(peer.received, 0)
    assert.equal(peer.tcb.state, 'CLOSE-WAIT')
  })

  it('ends with ECONNRESET by a reset', () => {
    const peer = waiting()
    peer.send('R 2:2(0)')
    assert.equal(peer.told.at(-1), 'ECONNRESET')
  })
})

describe('LAST-ACK and CLOSING', () => {
  it('send the FIN again, and end in bounded time when the peer is silent', () => {
    for (const first of ['peer', 'us'] as const) {
      const peer = passive({ tcp: { userTimeout: 30_000 } })
      if (first === 'peer') peer.send('F. 1:1(0) ack 1')
      peer.do('close')
      if (first === 'us') peer.send('F. 1:1(0) ack 1')
      assert.equal(peer.tcb.state, first === 'peer' ? 'LAST-ACK' : 'CLOSING')
      peer.take()
      peer.wait(2000)
      assert.ok(peer.take().every(({ flags }) => flags === 'F.'))
      peer.at(31_000)
      assert.equal(peer.tcp.size, 0)
      assert.equal(peer.told.at(-1), 'ETIMEDOUT')
    }
  })

  it('end quietly by a reset (§3.10.7.4 second)', () => {
    const peer = passive()
    peer.send('F. 1:1(0) ack 1')
    peer.do('close')
    peer.send('R 2:2(0)')
    assert.deepEqual(peer.states, ['CLOSE-WAIT', 'LAST-ACK', 'CLOSED'])
    assert.equal(peer.told.at(-1), 'closed')
  })

  it('are deleted without a reset by ABORT (§3.10.5)', () => {
    const peer = passive()
    peer.send('F. 1:1(0) ack 1')
    peer.do('close')
    peer.take()
    peer.do('abort')
    peer.expectNothing()
    assert.equal(peer.tcp.size, 0)
  })
})

describe('ABORT', () => {
  it('resets from SND.NXT in every state that may still send or receive (§3.10.5)', () => {
    const states: Record<string, (peer: Peer) => void> = {
      ESTABLISHED: () => undefined,
      'FIN-WAIT-1': (peer) => peer.do('close'),
      'FIN-WAIT-2': (peer) => {
        peer.do('close')
        peer.send('. 1:1(0) ack 2')
      },
      'CLOSE-WAIT': (peer) => peer.send('F. 1:1(0) ack 1'),
    }
    for (const [state, reach] of Object.entries(states)) {
      const peer = passive()
      reach(peer)
      assert.equal(peer.tcb.state, state)
      peer.take()
      peer.do('abort')
      assert.equal(peer.next()?.flags, 'R.')
      peer.expectNothing()
      assert.equal(peer.tcp.size, 0)
      assert.equal(peer.stack.pollAt(), Number.POSITIVE_INFINITY)
    }
  })

  it('resets in LAST-ACK and CLOSING too as long as the FIN waits for a window (§3.10.5)', () => {
    for (const [state, close] of [
      ['LAST-ACK', ['F. 1:1(0) ack 1 win 0']],
      ['CLOSING', ['. 1:1(0) ack 1 win 0', 'F. 1:1(0) ack 1 win 0']],
    ] as const) {
      const peer = passive()
      peer.send(close[0])
      peer.write(10)
      peer.do('close')
      if (close.length > 1) peer.send(close[1]!)
      assert.equal(peer.tcb.state, state)
      peer.take()
      peer.do('abort')
      assert.equal(peer.next()?.flags, 'R.')
      assert.equal(peer.tcp.size, 0)
    }
  })
})
