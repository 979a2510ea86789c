import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { seq, seqAdd } from '../../src/base/seq.ts'
import { PathProbe } from '../../src/tcp/path/path-probe.ts'
import { IcmpCode, IcmpType } from '../../src/wire/icmp.ts'
import { active, type ConnectionOptions, passive } from './established.ts'
import type { Peer } from './peer.ts'

const SYN = 'mss 1460,sackOK'
const sizes = (peer: Peer): number[] => peer.take().map(({ length }) => length)

/** A connection that searches from 512 octets on; 11 small segments of window are open. */
function searching(options: ConnectionOptions = {}): Peer {
  return passive({ syn: SYN, rtt: 10, ...options, tcp: { mtuProbing: 'always', baseMss: 512, ...options.tcp } })
}

/** The peer acknowledges all it got. */
const acknowledge = (peer: Peer): void => peer.send(`. 1:1(0) ack ${((peer.tcb.snd.nxt - peer.iss) | 0).toString()}`)

describe('packetization-layer path MTU discovery (RFC 4821, RFC 8899)', () => {
  it('begins with the base size, and probes half-way to what both links carry, before other new data (RFC 8899 §5.3)', () => {
    const peer = searching()
    peer.write(4000)
    assert.deepEqual(sizes(peer), [986, 512, 512, 512, 512, 512, 454])
    acknowledge(peer)
    // The size is proven, and the next probe goes half-way again.
    peer.write(9000)
    const [probe, ...others] = sizes(peer)
    assert.equal(probe, 1223)
    assert.ok(others.slice(0, -1).every((size) => size === 986))
  })

  it('does not probe without enough behind it to show the loss (RFC 4821 §7.4)', () => {
    const peer = searching()
    peer.write(2500)
    assert.deepEqual(sizes(peer), [512, 512, 512, 512, 452])
    const narrow = searching({ window: 2500 })
    narrow.write(4000)
    assert.ok(Math.max(...sizes(narrow)) <= 512)
  })

  it('takes the loss of a probe for no congestion, sends its octets small, and tries something smaller (RFC 4821 §7.7, RFC 8899 §3)', () => {
    for (const syn of [SYN, 'mss 1460']) {
      const peer = searching({ syn })
      peer.write(4000)
      peer.take()
      const { cwnd } = peer.tcb.congestion
      peer.wait(10)
      const sack = syn === SYN ? ' <sack 987:4001>' : ''
      for (let i = 0; i < 4; i++) peer.send(`. 1:1(0) ack 1${sack}`)
      peer.wait(20)
      peer.expect('. 1:513(512) ack 1')
      peer.expect('. 513:987(474) ack 1')
      assert.ok(peer.tcb.congestion.cwnd >= cwnd, syn)
      assert.equal(peer.tcb.trouble.fastRecoveries, 0)
      acknowledge(peer)
      peer.write(8000)
      assert.equal(Math.max(...sizes(peer)), 748, 'between 552 and 1025')
    }
  })

  it('nor for congestion when the ACKs that show it come together', () => {
    const peer = searching()
    peer.write(4000)
    peer.take()
    const { cwnd } = peer.tcb.congestion
    peer.wait(10)
    peer.send(...[1499, 2011, 2523, 3035, 3547, 4001].map((end) => `. 1:1(0) ack 1 <sack 987:${end}>`))
    peer.wait(20)
    peer.expect('. 1:513(512) ack 1')
    peer.expect('. 513:987(474) ack 1')
    assert.ok(peer.tcb.congestion.cwnd >= cwnd)
    assert.equal(peer.tcb.trouble.fastRecoveries, 0)
    // What went again in small segments, and is lost again, is.
    peer.write(4000)
    peer.take()
    peer.wait(30)
    peer.send('. 1:1(0) ack 1 <sack 987:6001>', '. 1:1(0) ack 1 <sack 987:8001>')
    peer.wait(20)
    assert.equal(peer.tcb.trouble.fastRecoveries, 1)
  })

  it('knows its octets where the sequence numbers wrap (RFC 9293 §3.4)', () => {
    for (const start of [seq(0), seq(0x7fff_ff00), seq(0xffff_ff00)]) {
      const probe = new PathProbe()
      probe.begin(512, 512)
      probe.sent(1000, start, seqAdd(start, 960))
      assert.equal(probe.lost(start, 960), seqAdd(start, 960), `${start}`)
    }
  })

  it('leaves room for one segment where it has made segments larger than the window (RFC 5681 §3.1)', () => {
    const peer = passive({ syn: SYN })
    peer.tcb.congestion.cwnd = 1000
    peer.write(5000)
    assert.deepEqual(sizes(peer), [1460])
  })

  it('but takes the loss of more than the probe for congestion', () => {
    const peer = searching()
    peer.write(4000)
    peer.take()
    const { cwnd } = peer.tcb.congestion
    peer.send('. 1:1(0) ack 1 <sack 1499:4001>')
    peer.wait(20)
    assert.ok(peer.tcb.congestion.cwnd < cwnd)
  })

  /** Writes, acknowledges everything in turn, or everything but the probes; returns the sizes of those. */
  function round(peer: Peer, isAnswered: boolean): number[] {
    const probes: number[] = []
    peer.write(12_000)
    while (!peer.tcb.board.isEmpty || peer.tcb.unsent > 0) {
      const seen = peer.take()
      peer.wait(10)
      const probe = seen.find(({ length }) => length > peer.tcb.mss)
      if (probe !== undefined) {
        probes.push(probe.length)
        const end = probe.seq + probe.length
        const last = seen.at(-1)!
        if (!isAnswered) peer.send(`. 1:1(0) ack ${probe.seq} <sack ${end}:${last.seq + last.length}>`)
      }
      acknowledge(peer)
    }
    return probes
  }

  it('ends where the range is narrow, at the size that was proven (RFC 8899 §4.2)', () => {
    const peer = searching()
    const probes = Array.from({ length: 12 }, () => round(peer, true)).flat()
    assert.deepEqual(probes, [986, 1223, 1341, 1400, 1430, 1445, 1452, 1456])
    assert.equal(peer.tcb.mss, 1456)
  })

  it('looks again after ten minutes whether the path has grown (RFC 8899 §5.1.1)', () => {
    const peer = searching()
    const failed = Array.from({ length: 12 }, () => round(peer, false)).flat()
    assert.deepEqual(failed, [986, 748, 629, 570, 540, 525, 518])
    assert.equal(peer.tcb.mss, 512)
    assert.deepEqual(round(peer, true), [])
    peer.wait(601_000)
    assert.equal(round(peer, true)[0], 986)
  })

  it('raises what the stack believes of the path for everybody (RFC 4821 §7.3)', () => {
    const peer = searching()
    peer.stack.ip.lowerPathMtu(peer.tcb.remote, 800, peer.tcp.now)
    peer.write(4000)
    assert.equal(sizes(peer)[0], 986)
    acknowledge(peer)
    assert.equal(peer.stack.ip.pathMtu(peer.tcb.remote), 1026)
  })

  it('leaves alone what goes well, by default', () => {
    const peer = active({ syn: SYN, rtt: 10 })
    peer.write(10_000)
    assert.deepEqual(new Set(sizes(peer)), new Set([1460, 1240]))
  })
})

describe('a black hole (RFC 8899 §4.3)', () => {
  it('is suspected at the third timeout of a large segment; then small ones go (RFC 9293 SHLD-10)', () => {
    const peer = active({ syn: SYN, rtt: 10, tcp: { baseMss: 1000 } })
    peer.write(5000)
    peer.wait(200 + 400 - 20)
    assert.ok(sizes(peer).every((size) => size > 1000 || size === 620))
    peer.wait(1000)
    assert.equal(peer.tcb.mss, 1000)
    assert.ok(sizes(peer).includes(1000))
    acknowledge(peer)
    assert.ok(peer.tcb.board.isEmpty)
  })

  it('with still less after more silence, down to what every path carries', () => {
    const peer = active({ syn: SYN, rtt: 10, tcp: { baseMss: 1000 } })
    peer.write(5000)
    const seen = new Set<number>()
    while (!peer.tcb.isOver && peer.now < 3_600_000) {
      peer.wait(1000)
      seen.add(peer.tcb.mss)
    }
    assert.deepEqual([...seen].slice(0, 4), [1460, 1000, 480, 220])
    assert.ok(Math.min(...seen) >= 68)
  })

  it('is none where only small segments are lost, or where nobody wants to look', () => {
    const small = active({ syn: SYN, rtt: 10 })
    small.write(100)
    small.wait(60_000)
    assert.equal(small.tcb.mss, 1460)
    const off = active({ syn: SYN, rtt: 10, tcp: { mtuProbing: 'off' } })
    off.write(5000)
    off.wait(60_000)
    assert.equal(off.tcb.mss, 1460)
  })
})

describe('a router that names an MTU (RFC 5927 §7)', () => {
  const tooBig = (peer: Peer, quoted: Uint8Array, mtu: number): void =>
    peer.icmp(IcmpType.UNREACHABLE, IcmpCode.FRAGMENTATION_NEEDED, quoted, mtu)

  it('is not believed at once when larger packets have passed, nor later when the one it names does (§7.2)', () => {
    const peer = active({ syn: SYN, rtt: 10 })
    peer.write(1460)
    peer.take()
    acknowledge(peer)
    peer.write(1460)
    tooBig(peer, peer.next()!.bytes, 600)
    peer.expectNothing()
    assert.equal(peer.tcb.mss, 1460)
    acknowledge(peer)
    peer.write(1460)
    assert.deepEqual(sizes(peer), [1460])
    peer.wait(5000)
    assert.equal(peer.tcb.pathMtu, 1500)
  })

  it('is believed when the retransmission timer confirms it', () => {
    const peer = active({ syn: SYN, rtt: 10, tcp: { tailLossProbe: false } as object })
    peer.write(1460)
    peer.take()
    acknowledge(peer)
    peer.write(1460)
    tooBig(peer, peer.next()!.bytes, 600)
    peer.wait(1000)
    assert.equal(peer.tcb.mss, 560)
    assert.ok(sizes(peer).includes(560))
  })

  it('answers a probe, which is then over, and changes nothing else', () => {
    const peer = searching()
    peer.write(4000)
    const probe = peer.next()!
    tooBig(peer, probe.bytes, 800)
    assert.equal(peer.tcb.mss, 512)
    assert.equal(peer.tcb.congestion.ssthresh, Number.POSITIVE_INFINITY)
    peer.take()
    peer.wait(10)
    acknowledge(peer)
    peer.write(8000)
    assert.equal(sizes(peer)[0], 636)
  })
})
