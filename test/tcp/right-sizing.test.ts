import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { seqDiff } from '../../src/base/seq.ts'
import { micros } from '../../src/base/types.ts'
import { RightSizing } from '../../src/tcp/receive/right-sizing.ts'
import { passive } from './established.ts'

const MSS = 1000

describe('RightSizing', () => {
  it('asks for twice what comes in a round trip, and for as much again for each doubling', () => {
    const sizing = new RightSizing()
    assert.equal(sizing.wanted(10 * MSS, MSS, 100_000, micros(1_000_000)), 0, 'the first window is no growth')
    const room = 2 * 20 * MSS + 16 * MSS
    assert.equal(sizing.wanted(20 * MSS, MSS, 100_000, micros(1_100_000)), 3 * room)
    assert.equal(sizing.wanted(20 * MSS, MSS, 100_000, micros(1_200_000)), 0, 'a steady sender needs no more')
  })

  it('measures the round trip by the first segment that each of our ACKs let go (RFC 7323 §4.1)', () => {
    const sizing = new RightSizing()
    sizing.measure(500, 20)
    // The rest of the same flight waited longer.
    sizing.measure(500, 35)
    assert.equal(sizing.wanted(MSS, MSS, 0, micros(19_999)), 0)
    sizing.wanted(11 * MSS, MSS, 0, micros(20_000))
    assert.equal(sizing.wanted(30 * MSS, MSS, 0, micros(39_999)), 0)
    assert.ok(sizing.wanted(0, MSS, 0, micros(40_000)) > 60 * MSS)
  })
})

describe('the receive window', () => {
  it('stays ahead of a sender that doubles its window each round trip', () => {
    const peer = passive({ syn: 'mss 1000,sackOK,TS val 1 ecr 0,wscale 7', rtt: 100 })
    let at = 1
    let ecr = 0
    for (let flight = 10; flight <= 1280; flight *= 2) {
      const { adv, nxt } = peer.tcb.rcv
      assert.ok(seqDiff(adv, nxt) >= flight * MSS, `${seqDiff(adv, nxt)} octets promised for ${flight} segments`)
      for (let i = 0; i < flight; i++, at += MSS) peer.send(`. ${at}:${at + MSS}(${MSS}) ack 1 <TS val 2 ecr ${ecr}>`)
      ecr = peer.take().at(-1)?.options.ts?.val ?? 0
      peer.wait(100)
    }
  })
})
