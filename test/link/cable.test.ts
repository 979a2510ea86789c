import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Micros, micros, NEVER } from '../../src/base/types.ts'
import { Cable } from '../../src/link/cable.ts'
import type { Link } from '../../src/link/link.ts'
import { linkCompliance } from '../compliance/link.ts'
import { bytesOf, makeFrame, parseFrame, pattern } from './frames.ts'

const pair = (cable: Cable, fullAfter: number) => ({ a: cable.a, b: cable.b, fullAfter })
linkCompliance('cable', () => pair(new Cable({ queueBytes: 100_000 }), 80))
linkCompliance('cable with offload', () => pair(new Cable({ offload: true, queueBytes: 100_000 }), 80))
linkCompliance('cable of IP packets, jumbo', () =>
  pair(new Cable({ medium: 'ip', mtu: 9000, queueBytes: 100_000 }), 12),
)

function idsAt(link: Link, now: Micros): number[] {
  const ids: number[] = []
  link.receive(now, (frame) => ids.push(parseFrame(frame.bytes.slice(frame.start, frame.end)).id))
  return ids
}

describe('Cable', () => {
  it('delivers after its delay, and says when', () => {
    const { a, b } = new Cable({ delay: micros(500) })
    assert.equal(b.pollAt(), NEVER)
    a.send(makeFrame({ id: 1 }), micros(10))
    a.send(makeFrame({ id: 2 }), micros(20))
    assert.equal(b.pollAt(), 510)
    assert.deepEqual(idsAt(b, micros(509)), [])
    assert.deepEqual(idsAt(b, micros(510)), [1])
    assert.equal(b.pollAt(), 520)
    assert.deepEqual(idsAt(b, micros(600)), [2])
    assert.equal(b.pollAt(), NEVER)
  })

  it('puts frames on the line one after another at its rate', () => {
    const { a, b } = new Cable({ rate: 8_000_000, delay: micros(100) })
    const frame = makeFrame({ payload: pattern(946) })
    assert.equal(frame.length, 1000)
    // 1000 bytes at 8 Mbit/s take 1000 µs.
    for (let i = 0; i < 3; i++) a.send(frame, micros(0))
    const times: number[] = []
    for (let i = 0; i < 3; i++) {
      times.push(b.pollAt())
      b.receive(b.pollAt(), () => {})
    }
    assert.deepEqual(times, [1100, 2100, 3100])
  })

  it('refuses what its queue at the rate cannot hold, and takes more as the line empties', () => {
    const { a } = new Cable({ rate: 8_000_000, queueBytes: 3000 })
    const frame = makeFrame({ payload: pattern(946) })
    const accepted = Array.from({ length: 5 }, () => a.send(frame, micros(0)))
    assert.deepEqual(accepted, [true, true, true, false, false])
    assert.equal(a.send(frame, micros(1000)), true)
    assert.equal(a.send(frame, micros(1000)), false)
  })

  it('carries super-segments with their facts when it has offload', () => {
    const { a, b } = new Cable({ offload: true })
    const frame = makeFrame({ payload: pattern(20_000), segmentSize: 1448, splitAt: 7777 })
    a.send(frame, micros(0))
    let seen = 0
    b.receive(micros(0), (arrived) => {
      seen++
      assert.equal(arrived.checksum, 'partial')
      assert.equal(arrived.segmentSize, 1448)
      assert.deepEqual(arrived.bytes.slice(arrived.start, arrived.end), bytesOf(frame))
      // The IP header lies on a word, for the sake of its checksum.
      assert.equal((arrived.start + 14) % 4, 0)
    })
    assert.equal(seen, 1)
    assert.equal(a.send(makeFrame({ payload: pattern(20_000), segmentSize: 1461 }), micros(0)), false)
    assert.equal(new Cable().a.send(frame, micros(0)), false)
  })

  it('wakes the other end once for each frame', () => {
    const { a, b } = new Cable()
    let wakes = 0
    b.onWake = () => wakes++
    a.send(makeFrame(), micros(0))
    a.send(makeFrame({ payload: pattern(2000) }), micros(0))
    assert.equal(wakes, 1)
  })

  it('takes both ends down when one is closed, and delivers what it had sent', () => {
    const { a, b } = new Cable()
    a.send(makeFrame(), micros(0))
    b.send(makeFrame(), micros(0))
    a.close()
    assert.equal(b.send(makeFrame(), micros(0)), false)
    assert.equal(idsAt(b, micros(1)).length, 1)
    assert.equal(b.pollAt(), NEVER)
    assert.deepEqual(idsAt(a, micros(1)), [])
  })

  it('may be closed by what it delivers', () => {
    const { a, b } = new Cable()
    a.send(makeFrame(), micros(0))
    a.send(makeFrame(), micros(0))
    let seen = 0
    b.receive(micros(0), () => {
      seen++
      b.close()
    })
    assert.equal(seen, 1)
  })

  it('refuses options out of range', () => {
    assert.throws(() => new Cable({ mtu: 20 }), /mtu must be 68 to 65535, got 20/)
    assert.throws(() => new Cable({ rate: 0 }), RangeError)
    assert.throws(() => new Cable({ delay: micros(-1) }), RangeError)
    assert.throws(() => new Cable({ queueBytes: Number.NaN }), RangeError)
  })
})
