import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseIpv4 } from '../../src/base/address.ts'
import { abort } from '../../src/tcp/user.ts'
import { active, passive } from './established.ts'
import { CONNECT_PORT, LISTEN_PORT, Peer, THEM, US } from './peer.ts'

const FULL = 2 ** 32

/** When, in milliseconds, a stack with the usual key chooses `iss`: RFC 6528's clock counts 4 µs. */
function timeOf(iss: number): number {
  const peer = new Peer({ from: 0 })
  const first = peer.connect().snd.iss
  const steps = (((iss - first) % FULL) + FULL) % FULL
  return (steps * 4) / 1000
}

describe('initial sequence numbers (RFC 6528 §3, MUST-8, SHLD-1)', () => {
  it('grow with the clock for one pair of ends, and differ between pairs', () => {
    const issAt = (from: number, remotePort = LISTEN_PORT): number => {
      const peer = new Peer({ from })
      return peer.tcp.connect(THEM, remotePort, { local: US, localPort: CONNECT_PORT }).snd.iss
    }
    assert.equal((issAt(5000) - issAt(1000)) | 0, 1_000_000)
    assert.equal((issAt(1_000_000) - issAt(1000)) | 0, 249_750_000)
    const others = Array.from({ length: 50 }, (_, i) => issAt(1000, 1000 + i))
    assert.equal(new Set(others).size, 50)
    const nearest = others.map((iss, i) => Math.abs((iss - others[(i + 1) % 50]!) | 0))
    assert.ok(nearest.filter((distance) => distance < 10_000_000).length < 5, 'no pattern from port to port')
  })

  it('differ between stacks with other secrets (MUST-9)', () => {
    assert.notEqual(new Peer({ seed: 1 }).connect().snd.iss, new Peer({ seed: 2 }).connect().snd.iss)
  })
})

describe('ephemeral ports (RFC 6056)', () => {
  it('are random, within the range, and one for each connection to the same peer', () => {
    const peer = new Peer()
    const ports = new Set<number>()
    for (let i = 0; i < 200; i++) ports.add(peer.tcp.connect(THEM, LISTEN_PORT).localPort)
    assert.equal(ports.size, 200)
    assert.ok([...ports].every((port) => port >= 49_152 && port <= 65_535))
    const sorted = [...ports]
    assert.ok(sorted.some((port, i) => i > 0 && Math.abs(port - sorted[i - 1]!) > 100))
  })

  it('run out with EADDRNOTAVAIL, for that peer alone, and come back with the end of a connection', () => {
    const peer = new Peer({ ports: { first: 50_000, last: 50_003 } })
    const opened = Array.from({ length: 4 }, () => peer.tcp.connect(THEM, LISTEN_PORT))
    assert.throws(() => peer.tcp.connect(THEM, LISTEN_PORT), { code: 'EADDRNOTAVAIL' })
    peer.tcp.connect(THEM, LISTEN_PORT + 1)
    abort(opened[2]!, peer.tcp.sender, peer.tcp.now)
    assert.equal(peer.tcp.connect(THEM, LISTEN_PORT).localPort, opened[2]?.localPort)
  })

  it('serve again for another peer', () => {
    const peer = new Peer()
    const other = parseIpv4('10.0.0.3')!
    peer.tcp.connect(THEM, LISTEN_PORT, { localPort: 1234 })
    peer.tcp.connect(other, LISTEN_PORT, { localPort: 1234 })
    assert.throws(() => peer.tcp.connect(other, LISTEN_PORT, { localPort: 1234 }), { code: 'EADDRINUSE' })
    peer.settle()
    assert.equal(peer.tcp.size, 2)
  })
})

describe('sequence numbers that wrap', () => {
  for (const [name, iss] of Object.entries({ 'at 2^32': FULL - 2000, 'at 2^31': 2 ** 31 - 2000 })) {
    it(`carry data, losses and FIN across ${name}, in both directions`, () => {
      const peer = active({ from: timeOf(iss), peerIss: FULL - 1500, rtt: 20 })
      assert.ok(Math.abs((peer.iss - iss) | 0) < 10)
      peer.write(6000)
      assert.equal(peer.take().length, 6)
      peer.wait(20)
      peer.send('. 1:1(0) ack 1001 <sack 2001:3001>', '. 1:1(0) ack 1001 <sack 2001:6001>')
      peer.wait(5)
      assert.equal(peer.take()[0]?.seq, 1001)
      peer.send('. 1:1(0) ack 6001')
      assert.ok(peer.tcb.board.isEmpty)
      peer.send('P. 1001:2001(1000) ack 6001')
      peer.expect('. 6001:6001(0) ack 1 <sack 1001:2001>')
      peer.send('P. 1:1001(1000) ack 6001')
      peer.expect('. 6001:6001(0) ack 2001')
      assert.equal(peer.received, 2000)
      peer.do('close')
      peer.expect('F. 6001:6001(0) ack 2001')
      peer.send('F. 2001:2001(0) ack 6002')
      peer.expect('. 6002:6002(0) ack 2002')
      assert.deepEqual(peer.states, ['FIN-WAIT-1', 'FIN-WAIT-2', 'TIME-WAIT'])
    })
  }

  it('come back to the ISN after 2^32 octets, and it means nothing', () => {
    const peer = passive({ rtt: 1 })
    const { tcb } = peer
    // What 2^32 - 2000 octets leave behind.
    const at = ((peer.iss + 1 - 2000) | 0) as typeof tcb.snd.una
    Object.assign(tcb.snd, { una: at, nxt: at, smallEnd: at })
    tcb.recoveryPoint = at
    // The pattern runs with the relative numbers: -1999 is the next octet.
    const data = new Uint8Array(4000)
    peer.do(() => tcb.sendBuffer.write(data, 0))
    const sent = peer.take()
    assert.deepEqual(
      sent.map(({ seq }) => seq),
      [-1999, -999, 1, 1001],
    )
    peer.send('. 1:1(0) ack -999')
    peer.send('. 1:1(0) ack 0')
    assert.equal(tcb.snd.una, peer.iss, 'SND.UNA stands on ISS')
    assert.equal(tcb.sendBuffer.length, 2001)
    peer.wait(2000)
    assert.equal(
      peer.take().some(({ flags }) => flags.includes('S')),
      false,
    )
    peer.send('. 1:1(0) ack 1')
    peer.send('. 1:1(0) ack 2001')
    assert.ok(tcb.board.isEmpty)
    assert.equal(tcb.sendBuffer.length, 0)
  })
})
