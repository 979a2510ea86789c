import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { active, passive } from './established.ts'
import type { Peer } from './peer.ts'

const blocks = (peer: Peer): readonly (readonly [number, number])[] => peer.take().at(-1)?.options.sack ?? []

describe('duplicates that arrive (RFC 2883 §4)', () => {
  it('are reported once, in the first block of the next ACK (§4.1)', () => {
    const peer = passive()
    peer.send('P. 1:1001(1000) ack 1')
    peer.take()
    peer.send('P. 1:1001(1000) ack 1')
    assert.deepEqual(blocks(peer), [[1, 1001]])
    peer.send('P. 1001:2001(1000) ack 1', 'P. 2001:3001(1000) ack 1')
    assert.deepEqual(blocks(peer), [])
  })

  it('beside the holes there are, the latest first (§4.1, RFC 2018 §4)', () => {
    const peer = passive()
    peer.send('P. 1:1001(1000) ack 1')
    peer.send('P. 2001:3001(1000) ack 1')
    peer.send('P. 4001:5001(1000) ack 1')
    assert.deepEqual(blocks(peer), [
      [4001, 5001],
      [2001, 3001],
    ])
    peer.send('P. 1:1001(1000) ack 1')
    assert.deepEqual(blocks(peer), [
      [1, 1001],
      [4001, 5001],
      [2001, 3001],
    ])
  })

  it('with the run that holds them, when they lie beyond the acknowledgment (§4.2)', () => {
    const peer = passive()
    peer.send('P. 1001:2001(1000) ack 1')
    peer.send('P. 2001:3001(1000) ack 1')
    peer.send('P. 5001:6001(1000) ack 1')
    peer.take()
    peer.send('P. 1001:2001(1000) ack 1')
    assert.deepEqual(blocks(peer), [
      [1001, 2001],
      [1001, 3001],
      [5001, 6001],
    ])
  })

  it('by the part that is not new (§4.3)', () => {
    const peer = passive()
    peer.send('P. 1:1001(1000) ack 1')
    peer.take()
    peer.send('P. 501:1501(1000) ack 1')
    peer.wait(50)
    assert.deepEqual(blocks(peer), [[501, 1001]])
    assert.equal(peer.received, 1500)
  })

  it('before full segments, which have no room to tell', () => {
    const peer = passive()
    peer.send('P. 1:1001(1000) ack 1')
    peer.take()
    peer.reads = false
    peer.send('P. 1:1001(1000) ack 1')
    const told = peer.take()
    assert.deepEqual(told[0]?.options.sack, [[1, 1001]])
  })

  it('are not reported to who has no SACK, nor when the user does not want it', () => {
    for (const peer of [passive({ syn: 'mss 1000' }), passive({ tcp: { dsack: false } })]) {
      peer.send('P. 1:1001(1000) ack 1')
      peer.take()
      peer.send('P. 1:1001(1000) ack 1')
      assert.deepEqual(blocks(peer), [])
    }
  })
})

describe('what arrives in one batch', () => {
  const named = (peer: Peer): Set<number> =>
    new Set(peer.take().flatMap(({ options }) => (options.sack ?? []).map(([from]) => from)))

  it('takes as many ACKs as name every run of it (RFC 2018 §4)', () => {
    const peer = passive()
    const starts = Array.from({ length: 10 }, (_, i) => 1001 + 2000 * i)
    peer.send(...starts.map((start) => `P. ${start}:${start + 1000}(1000) ack 1`))
    assert.deepEqual(
      [...named(peer)].sort((a, b) => a - b),
      starts,
    )
  })

  it('takes an ACK for each duplicate (RFC 2883 §4)', () => {
    const peer = passive()
    peer.send('P. 1:3001(3000) ack 1', 'P. 4001:8001(4000) ack 1')
    peer.take()
    const again = [1, 2001, 4001, 6001]
    peer.send(...again.map((start) => `P. ${start}:${start + 1000}(1000) ack 1`))
    const told = named(peer)
    for (const start of again) assert.ok(told.has(start), `${start}`)
  })
})

/** A connection with a round trip of 100 ms that has `count` segments in flight. */
function flying(count: number, tcp = {}): Peer {
  const peer = active({ rtt: 100, tcp })
  peer.write(count * 1000)
  assert.equal(peer.take().length, count)
  peer.wait(100)
  return peer
}

/** The first segment was late, and went again. */
function overtaken(): Peer {
  const peer = flying(10)
  for (let i = 2; i <= 4; i++) peer.send(`. 1:1(0) ack 1 <sack 1001:${i}001>`)
  assert.deepEqual(
    peer.take().map(({ seq }) => seq),
    [1],
  )
  return peer
}

describe('duplicates that are reported to us (RFC 2883 §5)', () => {
  it('take back the reduction that they show was needless (RFC 3708 §2, RFC 4015 §3)', () => {
    const peer = overtaken()
    const { congestion } = peer.tcb
    assert.equal(congestion.ssthresh, 5000)
    peer.send('. 1:1(0) ack 4001')
    assert.ok(congestion.cwnd < 10_000)
    peer.send('. 1:1(0) ack 4001 <sack 1:1001>')
    assert.equal(peer.tcb.trouble.undone, 1)
    assert.ok(congestion.cwnd >= 10_000)
    assert.equal(congestion.ssthresh, Number.POSITIVE_INFINITY)
    assert.equal(peer.tcb.recovery, 'none')
  })

  it('not when only one of two repetitions was needless', () => {
    const peer = flying(10)
    peer.send('. 1:1(0) ack 1 <sack 2001:5001>')
    peer.send('. 1:1(0) ack 1 <sack 2001:7001>')
    assert.deepEqual(
      peer.take().map(({ seq }) => seq),
      [1, 1001],
    )
    peer.send('. 1:1(0) ack 7001')
    peer.send('. 1:1(0) ack 7001 <sack 1:1001>')
    assert.equal(peer.tcb.trouble.undone, 0)
    assert.equal(peer.tcb.congestion.ssthresh, 5000)
  })

  it('nor for octets that were never sent, or long ago', () => {
    const peer = overtaken()
    peer.send('. 1:1(0) ack 4001')
    for (const block of ['20001:21001', '-90000:-89000', '3001:3001']) peer.send(`. 1:1(0) ack 4001 <sack ${block}>`)
    assert.equal(peer.tcb.trouble.duplicatesReported, 0)
    assert.equal(peer.tcb.trouble.undone, 0)
  })
})

describe('the reordering window (RFC 8985 §6.2 step 4)', () => {
  const window = (peer: Peer): number => peer.tcb.rack.window(peer.tcb.rtt, 3, false)

  it('is nothing while nothing has been reordered and DupThresh segments are sacked', () => {
    const peer = flying(10)
    assert.equal(window(peer), 0)
    assert.equal(peer.tcb.rack.window(peer.tcb.rtt, 2, false), 25_000)
    assert.equal(peer.tcb.rack.window(peer.tcb.rtt, 2, true), 0)
  })

  it('is a quarter of the least round trip once something was reordered (RFC 8985 §6.2 step 3, §6.2 step 4)', () => {
    const peer = flying(10)
    peer.send('. 1:1(0) ack 1 <sack 1001:2001>')
    peer.send('. 1:1(0) ack 2001')
    assert.equal(peer.tcb.rack.reorderings, 1)
    assert.equal(window(peer), 25_000)
  })

  it('grows by as much in each round trip with a duplicate, up to the round trip, and shrinks after 16 recoveries', () => {
    const peer = flying(10)
    peer.send('. 1:1(0) ack 1 <sack 1001:2001>')
    peer.send('. 1:1(0) ack 2001')
    peer.send('. 1:1(0) ack 2001 <sack 1:1001>')
    assert.equal(window(peer), 50_000)
    peer.send('. 1:1(0) ack 2001 <sack 1001:2001>')
    assert.equal(window(peer), 50_000, 'once for each round trip')
    let sent = 10
    for (let round = 0; round < 4; round++) {
      peer.send(`. 1:1(0) ack ${sent}001 <sack 1:1001>`)
      peer.write(1000)
      peer.wait(100)
      sent++
    }
    assert.ok(window(peer) <= peer.tcb.rtt.srtt!, 'never above SRTT')
    assert.ok(window(peer) > 90_000)
    for (let i = 0; i < 16; i++) peer.tcb.rack.onRecovered()
    assert.equal(window(peer), 25_000)
  })

  it('learns how far segments are overtaken, and what arrives early is then as good as any', () => {
    const peer = flying(10)
    peer.send('. 1:1(0) ack 1 <sack 8001:9001>')
    peer.send('. 1:1(0) ack 1 <sack 2001:3001 8001:9001>')
    assert.equal(peer.tcb.rack.reordering, 7)
  })
})
