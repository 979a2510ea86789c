import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { IcmpCode, IcmpType } from '../../src/wire/icmp.ts'
import { active } from './established.ts'
import { Peer, THEM } from './peer.ts'

const { UNREACHABLE, TIME_EXCEEDED, SOURCE_QUENCH } = IcmpType
const { FRAGMENTATION_NEEDED, HOST_UNREACHABLE, PORT_UNREACHABLE } = IcmpCode

/** The latest packet that the stack sent. */
const latest = (peer: Peer): Uint8Array => peer.link.sent.at(-1)!.bytes

/** The same with another sequence number. */
function forged(peer: Peer, change: number): Uint8Array {
  const bytes = latest(peer).slice()
  const view = new DataView(bytes.buffer)
  view.setUint32(24, view.getUint32(24) + change)
  return bytes
}

describe('an ICMP error', () => {
  it('ends a connection that is being opened, with its own code (RFC 9293 §3.9.2.2, SHLD-26, RFC 5461 §4)', () => {
    const codes = [
      [HOST_UNREACHABLE, 'EHOSTUNREACH'],
      [PORT_UNREACHABLE, 'ECONNREFUSED'],
      [0, 'ENETUNREACH'],
      [13, 'EACCES'],
    ] as const
    for (const [code, name] of codes) {
      const peer = new Peer()
      peer.connect()
      peer.icmp(UNREACHABLE, code, latest(peer))
      assert.deepEqual(peer.told, [name])
      assert.equal(peer.tcp.size, 0)
      assert.equal(peer.stack.ports.size, 0)
    }
  })

  it('only explains the timeout of one that is open (MUST-47, MUST-56, SHLD-25, RFC 5927 §5.2)', () => {
    const peer = active({ tcp: { userTimeout: 5000 } })
    peer.write(10)
    for (const code of [HOST_UNREACHABLE, PORT_UNREACHABLE]) peer.icmp(UNREACHABLE, code, latest(peer))
    peer.icmp(TIME_EXCEEDED, 0, latest(peer))
    assert.deepEqual(peer.told, [])
    peer.at(10_000)
    assert.deepEqual(peer.told, ['EHOSTUNREACH'])
  })

  it('ends a half-open connection of a listener, so that a late ACK meets nobody (RFC 5461 §4)', () => {
    const peer = new Peer()
    peer.listen()
    peer.send('S 0:0(0) <mss 1000>')
    peer.expect('S. 0:0(0) ack 1')
    peer.icmp(UNREACHABLE, HOST_UNREACHABLE, latest(peer))
    assert.equal(peer.tcp.size, 0)
    assert.equal(peer.listener?.halfOpen, 0)
    peer.send('. 1:1(0) ack 1')
    peer.expect('R 1:1(0)')
  })

  it('is not believed when it quotes what is not in flight (RFC 5927 §4.1)', () => {
    const peer = new Peer()
    peer.connect()
    for (const change of [-1, 1, 100_000, 0x8000_0000]) peer.icmp(UNREACHABLE, HOST_UNREACHABLE, forged(peer, change))
    assert.deepEqual(peer.told, [])
    const open = active()
    open.icmp(UNREACHABLE, HOST_UNREACHABLE, latest(open))
    assert.equal(open.tcb.softError, undefined)
  })

  it('of a source quench changes nothing (MUST-55, RFC 6633)', () => {
    const peer = active()
    peer.write(5000)
    const { cwnd } = peer.tcb.congestion
    peer.icmp(SOURCE_QUENCH, 0, latest(peer))
    assert.equal(peer.tcb.congestion.cwnd, cwnd)
  })
})

describe('path MTU discovery (RFC 1191)', () => {
  it('sends again at once in smaller segments what was too large, and keeps its window (§3, §6.4, RFC 9293 SHLD-6)', () => {
    const peer = active({ syn: 'mss 1460,sackOK' })
    peer.write(1460)
    peer.expect('P. 1:1461(1460) ack 1')
    peer.icmp(UNREACHABLE, FRAGMENTATION_NEEDED, latest(peer), 1000)
    peer.expect('. 1:961(960) ack 1')
    peer.expect('P. 961:1461(500) ack 1')
    assert.equal(peer.tcb.congestion.ssthresh, Number.POSITIVE_INFINITY, 'no sign of congestion')
    peer.send('. 1:1(0) ack 1461')
    peer.write(960)
    peer.expect('P. 1461:2421(960) ack 1')
  })

  it('needs no congestion response for a whole flight either (RFC 1191 §6.3)', () => {
    const peer = active({ syn: 'mss 1460,sackOK', rtt: 50 })
    peer.write(14_600)
    const first = peer.link.sent.at(-10)!.bytes
    peer.take()
    peer.wait(20)
    peer.icmp(UNREACHABLE, FRAGMENTATION_NEEDED, first, 1000)
    for (let i = 0; i < 20; i++) {
      peer.wait(50)
      for (const { seq, length } of peer.take()) peer.send(`. 1:1(0) ack ${seq + length}`)
    }
    assert.ok(peer.tcb.board.isEmpty)
    assert.equal(peer.tcb.trouble.fastRecoveries, 0)
    assert.equal(peer.tcb.trouble.timeouts, 0)
  })

  it('repeats a SYN at once, without its data and announcing what fits the path (RFC 7413 §4.1.3.1)', () => {
    const peer = new Peer()
    const cookie = { bytes: new Uint8Array(8), isExperimental: false }
    peer.tcp.fastOpen.cache.learn(THEM, { mss: 1040, cookie, wasLost: false, ignored: 0 }, peer.tcp.now)
    peer.connect({ fastOpen: true })
    peer.write(9999)
    peer.expect('S 0:1000(1000)')
    peer.icmp(UNREACHABLE, FRAGMENTATION_NEEDED, latest(peer), 840)
    peer.expect('S 0:0(0) <mss 800,sackOK,TS,wscale 7>')
    peer.send('S. 0:0(0) ack 1 <mss 1040>')
    peer.expect('. 1:801(800) ack 1')
    peer.expect('P. 801:1001(200) ack 1')
    assert.equal(peer.tcb.recovery, 'none')
  })

  it('believes nobody below the floor, and then lets routers fragment', () => {
    const peer = active({ syn: 'mss 1460,sackOK' })
    peer.write(1460)
    peer.take()
    peer.icmp(UNREACHABLE, FRAGMENTATION_NEEDED, latest(peer), 100)
    assert.equal(peer.tcb.pathMtu, 552)
    const { bytes } = peer.next()!
    assert.equal(bytes[6]! & 0x40, 0, 'DF is off')
  })

  it('refuses a forged quote, a larger MTU, and one that would have fitted', () => {
    const peer = active({ syn: 'mss 1460,sackOK' })
    peer.write(1460)
    peer.take()
    peer.icmp(UNREACHABLE, FRAGMENTATION_NEEDED, forged(peer, 100_000), 600)
    peer.icmp(UNREACHABLE, FRAGMENTATION_NEEDED, latest(peer), 1500)
    peer.icmp(UNREACHABLE, FRAGMENTATION_NEEDED, latest(peer), 9000)
    peer.expectNothing()
    assert.equal(peer.tcb.pathMtu, 1500)
  })

  it('guesses for a router that does not say its MTU (§5, §7.1)', () => {
    const peer = active({ syn: 'mss 1460,sackOK' })
    peer.write(1460)
    peer.take()
    peer.icmp(UNREACHABLE, FRAGMENTATION_NEEDED, latest(peer), 0)
    assert.equal(peer.tcb.pathMtu, 1492)
  })

  it('serves every connection to the same host, and forgets after ten minutes (§6.3)', () => {
    const peer = active({ syn: 'mss 1460,sackOK' })
    peer.stack.ip.lowerPathMtu(peer.tcb.remote, 1000, peer.tcp.now)
    peer.write(1460)
    peer.expect('. 1:961(960) ack 1')
    peer.expect('P. 961:1461(500) ack 1')
    peer.send('. 1:1(0) ack 1461')
    peer.at(700_000)
    peer.write(1460)
    peer.settle()
    assert.ok(peer.take().some(({ length }) => length === 1460))
  })
})
