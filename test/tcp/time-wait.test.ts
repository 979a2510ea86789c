import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { fromMs } from '../../src/base/types.ts'
import type { TcpOptionsInit } from '../../src/tcp/settings.ts'
import { TimeWait } from '../../src/tcp/time-wait.ts'
import { active, passive } from './established.ts'
import type { Peer } from './peer.ts'

describe('TIME-WAIT', () => {
  function timeWait(syn = 'mss 1000', ts = '', tcp: TcpOptionsInit = {}): Peer {
    const peer = active({ syn, tcp })
    peer.do('close')
    peer.take()
    peer.send(`F. 1:1(0) ack 2${ts}`)
    peer.take()
    assert.equal(peer.states.at(-1), 'TIME-WAIT')
    return peer
  }

  it('lasts 60 seconds and at most 1/64 more, and holds its port as long (MUST-13)', () => {
    const peer = timeWait()
    peer.at(59_999)
    assert.equal(peer.tcp.size, 1)
    assert.equal(peer.stack.ports.size, 1)
    peer.at(61_000)
    assert.equal(peer.tcp.size, 0)
    assert.equal(peer.stack.ports.size, 0)
  })

  it('wakes the stack once or twice for all that began within a second, and for none early', () => {
    const { tcb } = active({ syn: 'mss 1000' })
    const begins = Array.from({ length: 900 }, (_, i) => fromMs(i))
    const ends = begins.map((now) => new TimeWait(tcb, now).pollAt())
    assert.ok(new Set(ends).size <= 2)
    assert.ok(begins.every((begin, i) => ends[i]! >= begin + fromMs(60_000) && ends[i]! < begin + fromMs(61_000)))
  })

  it('acknowledges a repeated FIN and begins anew (§3.10.7.4 eighth)', () => {
    const peer = timeWait()
    peer.at(50_000)
    peer.send('F. 1:1(0) ack 2')
    peer.expect('. 2:2(0) ack 2')
    peer.at(109_000)
    assert.equal(peer.tcp.size, 1)
    peer.at(111_000)
    assert.equal(peer.tcp.size, 0)
  })

  it('gives way to no SYN where nobody listens: anybody could send one', () => {
    const peer = timeWait()
    peer.send('S 5000:5000(0) <mss 1000>')
    peer.expect('. 2:2(0) ack 2')
    assert.equal(peer.tcp.size, 1)
  })

  it('answers strangers a thousand times a second at most (RFC 5961 §7)', () => {
    const peer = timeWait()
    for (let i = 0; i < 2000; i++) peer.send('P. 1:1(0) ack 1')
    assert.equal(peer.take().length, 1000)
    peer.wait(1000)
    peer.send('P. 1:1(0) ack 1')
    peer.expect('. 2:2(0) ack 2')
  })

  it('ends with a reset at the expected place, and with no other (RFC 9293 §3.10.7.4 second, RFC 5961 §3.2)', () => {
    const peer = timeWait()
    peer.send('R 1:1(0)', 'R. 3:3(0) ack 2')
    peer.wait(1)
    assert.equal(peer.tcp.size, 1)
    peer.send('R 2:2(0)')
    peer.expectNothing()
    peer.wait(1)
    assert.equal(peer.tcp.size, 0)
    assert.equal(peer.stack.ports.size, 0)
  })

  it('ignores resets when told to (RFC 1337 §3)', () => {
    const peer = timeWait('mss 1000', '', { resetEndsTimeWait: false })
    peer.send('R 2:2(0)', 'R. 2:2(0) ack 2')
    peer.expectNothing()
    peer.wait(1)
    assert.equal(peer.tcp.size, 1)
  })

  it('answers an old segment with an ACK', () => {
    const peer = timeWait()
    peer.send('P. 1:1(0) ack 1')
    peer.expect('. 2:2(0) ack 2')
    peer.send('. 2:2(0) ack 2')
    peer.expectNothing()
  })

  /** The same for a connection to our listener, whose place a new SYN may take. */
  function served(syn: string, fin: string): Peer {
    const peer = passive({ syn })
    peer.do('close')
    peer.take()
    peer.send(fin)
    peer.take()
    assert.equal(peer.states.at(-1), 'TIME-WAIT')
    return peer
  }

  it('gives way to a SYN with a greater sequence number (MAY-2, RFC 6191 §2)', () => {
    const peer = served('mss 1000', 'F. 1:1(0) ack 2')
    peer.send('S 2:2(0) <mss 1000>')
    peer.expect('. 2:2(0) ack 2')
    peer.send('S 3:3(0) <mss 1000>')
    const answer = peer.next()!
    assert.equal(answer.flags, 'S.')
    assert.ok(answer.seq > 65_000, 'beyond the numbers of the old connection')
    assert.equal(peer.tcp.size, 1)
  })

  it('gives way to a SYN with a later timestamp, whatever its sequence number (SHLD-4, RFC 6191 §2)', () => {
    const stamps = { later: 300, equal: 200, older: 100 }
    for (const [name, tsval] of Object.entries(stamps)) {
      for (const seq of [-1000, 5000]) {
        const peer = served('mss 1000,TS val 199 ecr 0', 'F. 1:1(0) ack 2 <TS val 200 ecr 0>')
        peer.send(`S ${seq}:${seq}(0) <mss 1000,TS val ${tsval} ecr 0>`)
        const accepted = name === 'later' || (name === 'equal' && seq > 0)
        assert.equal(peer.next()?.flags, accepted ? 'S.' : '.', `${name} ${seq}`)
      }
    }
  })

  it('gives its port to a new connection of our own after a second, with timestamps (RFC 6191 §2)', () => {
    const peer = timeWait('mss 1000,TS val 5 ecr 0', ' <TS val 6 ecr 0>')
    const old = peer.tcb.snd.nxt
    peer.wait(500)
    assert.throws(() => peer.connect(), { code: 'EADDRINUSE' })
    peer.wait(600)
    peer.settle()
    peer.connect()
    assert.ok(((peer.tcb.snd.iss - old) | 0) > 65_000)
    assert.equal(peer.tcp.size, 1)
  })

  it('keeps it without them', () => {
    const peer = timeWait()
    peer.wait(30_000)
    assert.throws(() => peer.connect(), { code: 'EADDRINUSE' })
  })
})
