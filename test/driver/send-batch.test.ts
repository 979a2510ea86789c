import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import fc from 'fast-check'

import { TxFact } from '../../src/driver/native.ts'
import { BATCH_FRAMES, SendBatch } from '../../src/driver/send-batch.ts'
import { HEADROOM, OutFrame } from '../../src/link/link.ts'

/** What the addon would put on the wire for frame `index`. */
function gather(batch: SendBatch, index: number): number[] {
  const fact = (which: number) => batch.facts[index * TxFact.COUNT + which]!
  const piece = (which: number, list: Uint8Array) => list.subarray(fact(which), fact(which) + fact(which + 1))
  const parts = [piece(TxFact.HEADER, batch.slab)]
  if (fact(TxFact.PIECE_LENGTH) > 0) parts.push(piece(TxFact.PIECE, batch.payloads[index * 2]!))
  if (fact(TxFact.PIECE2_LENGTH) > 0) parts.push(piece(TxFact.PIECE2, batch.payloads[index * 2 + 1]!))
  return parts.flatMap((part) => [...part])
}

interface Shape {
  readonly headers: number
  readonly first: number
  readonly second: number
}

function frameOf(shape: Shape, seed: number): { frame: OutFrame; payload: Uint8Array; wire: number[] } {
  const frame = new OutFrame()
  frame.start = HEADROOM - 14
  frame.end = frame.start + shape.headers
  for (let i = frame.start; i < frame.end; i++) frame.bytes[i] = (i + seed) & 0xff
  const payload = Uint8Array.from({ length: shape.first + shape.second + 6 }, (_, i) => (i * 7 + seed) & 0xff)
  frame.payload = payload
  frame.payloadFrom = 3
  frame.payloadTo = 3 + shape.first
  frame.payload2 = payload
  frame.payload2From = 3 + shape.first
  frame.payload2To = 3 + shape.first + shape.second
  const wire = new Uint8Array(frame.length)
  frame.copyTo(wire, 0)
  return { frame, payload, wire: [...wire] }
}

const shapes = fc.array(
  fc.record({
    headers: fc.integer({ min: 14, max: 120 }),
    first: fc.oneof(fc.nat(100), fc.nat(4000)),
    second: fc.oneof(fc.constant(0), fc.nat(3000)),
  }),
  { minLength: 1, maxLength: 30 },
)

describe('SendBatch', () => {
  it('describes each frame byte for byte', () => {
    fc.assert(
      fc.property(shapes, (list) => {
        const batch = new SendBatch()
        const wires = list.map((shape, i) => {
          const { frame, wire } = frameOf(shape, i)
          batch.add(frame)
          frame.bytes.fill(0)
          return wire
        })
        for (const [i, wire] of wires.entries()) assert.deepEqual(gather(batch, i), wire)
      }),
      { numRuns: 50 },
    )
  })

  it('keeps what is left over, however often, while its owner overwrites it', () => {
    fc.assert(
      fc.property(shapes, fc.array(fc.nat(4), { maxLength: 5 }), (list, steps) => {
        const batch = new SendBatch()
        const made = list.map((shape, i) => frameOf(shape, i))
        for (const { frame } of made) batch.add(frame)
        let wires = made.map((each) => each.wire)
        for (const step of steps) {
          const sent = Math.min(step, wires.length)
          assert.equal(batch.keep(sent), 0)
          wires = wires.slice(sent)
          for (const { payload } of made) payload.fill(0xee)
          const { frame, wire } = frameOf({ headers: 54, first: 10, second: 0 }, 99)
          batch.add(frame)
          wires.push(wire)
          assert.equal(batch.count, wires.length)
          for (const [i, each] of wires.entries()) assert.deepEqual(gather(batch, i), each)
        }
      }),
      { numRuns: 50 },
    )
  })

  it('is full at its number of frames, and counts what finds no room', () => {
    const batch = new SendBatch()
    let added = 0
    while (!batch.full && added < 1000) {
      batch.add(frameOf({ headers: 54, first: 60_000, second: 0 }, added).frame)
      added++
    }
    assert.equal(added, BATCH_FRAMES)
    const lost = batch.keep(0)
    assert.equal(batch.count, Math.floor((1 << 20) / 60_056))
    assert.equal(lost, BATCH_FRAMES - batch.count)
    batch.clear()
    assert.equal(batch.count, 0)
    assert.ok(batch.payloads.every((each) => each.length === 0))
  })

  it('asks for segmentation only of what exceeds a segment', () => {
    const batch = new SendBatch()
    const add = (segmentSize: number, checksumOffset: number, flags = 0) => {
      const { frame } = frameOf({ headers: 54, first: 1000, second: 0 }, 1)
      frame.segmentSize = segmentSize
      frame.checksumStart = 34
      frame.checksumOffset = checksumOffset
      frame.bytes[frame.start + 34 + 13] = flags
      batch.add(frame)
      const at = (batch.count - 1) * TxFact.COUNT
      return [batch.facts[at + TxFact.GSO_TYPE], batch.facts[at + TxFact.SEGMENT_SIZE]]
    }
    assert.deepEqual(add(1000, 16), [0, 0])
    assert.deepEqual(add(999, 16), [1, 999])
    assert.deepEqual(add(999, 16, 0x80), [0x81, 999])
    assert.deepEqual(add(500, 6), [5, 500])
  })
})
