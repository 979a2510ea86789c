import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { CELL } from '../../src/base/places.ts'
import { micros, NEVER } from '../../src/base/types.ts'
import { FrameQueue } from '../../src/link/frame-queue.ts'
import { Segmenter } from '../../src/link/segment.ts'
import { bytesOf, makeFrame, pattern } from './frames.ts'

describe('FrameQueue', () => {
  it('is a FIFO of whole frames through growth and wrap', () => {
    // A positive step pushes a frame with so much payload, a negative one takes that many.
    const steps = fc.array(fc.oneof(fc.integer({ min: 1, max: 30_000 }), fc.integer({ min: -6, max: -1 })), {
      maxLength: 80,
    })
    fc.assert(
      fc.property(steps, fc.constantFrom(0, 2), (plan, shift) => {
        const queue = new FrameQueue(200_000, shift)
        const model: { bytes: Uint8Array; at: number; segmentSize: number }[] = []
        let used = 0
        const take = (): void => {
          const expected = model.shift()
          assert.equal(queue.firstAt, expected === undefined ? NEVER : expected.at)
          if (expected === undefined) return
          const frame = queue.front()
          assert.deepEqual(frame.bytes.slice(frame.start, frame.end), expected.bytes)
          assert.equal(frame.start % (expected.bytes.length < CELL ? 4 : CELL), shift)
          assert.equal(frame.segmentSize, expected.segmentSize)
          used -= expected.bytes.length
          queue.shift()
        }
        plan.forEach((step, i) => {
          if (step < 0) for (let n = 0; n < -step; n++) take()
          else {
            const frame = makeFrame({ payload: pattern(step, i), splitAt: step >> 1, segmentSize: i, partial: false })
            const fits = used + frame.length <= 200_000
            assert.equal(queue.push(frame, 'complete', micros(i)), fits)
            if (!fits) return
            used += frame.length
            model.push({ bytes: bytesOf(frame), at: i, segmentSize: i })
          }
        })
        assert.equal(queue.length, model.length)
        while (model.length > 0) take()
        assert.equal(queue.length, 0)
      }),
      { numRuns: 60 },
    )
  })

  it('takes the pieces of one frame after another, whichever of them come, from memory that changes between them', () => {
    const wholes = fc.record({
      size: fc.integer({ min: 1, max: 20_000 }),
      segmentSize: fc.integer({ min: 300, max: 3000 }),
      // A few bits for each piece: 0 loses it, 1 sends it twice.
      fates: fc.array(fc.nat(4), { minLength: 1 }),
    })
    fc.assert(
      fc.property(fc.array(wholes, { maxLength: 20 }), (plan) => {
        const queue = new FrameQueue(1_000_000, 2)
        const segmenter = new Segmenter()
        const memory = new Uint8Array(20_000)
        const expected: Uint8Array[] = []
        plan.forEach(({ size, segmentSize, fates }, i) => {
          memory.set(pattern(size, i))
          const whole = makeFrame({ payload: memory.subarray(0, size), splitAt: (size * i) >> 4, segmentSize })
          whole.payload = memory
          const count = segmenter.begin(whole, 'ethernet')
          for (let n = 0; n < count; n++) {
            const piece = segmenter.piece(n)
            const fate = fates[n % fates.length]!
            for (let times = fate === 0 ? 0 : fate === 1 ? 2 : 1; times > 0; times--) {
              expected.push(bytesOf(piece))
              assert.ok(queue.push(piece, 'partial', micros(i)))
            }
          }
        })
        for (const bytes of expected) {
          const frame = queue.front()
          assert.deepEqual(frame.bytes.slice(frame.start, frame.end), bytes)
          queue.shift()
        }
        assert.equal(queue.length, 0)
      }),
      { numRuns: 60 },
    )
  })

  it('holds many small frames', () => {
    const queue = new FrameQueue(1_000_000, 2)
    const frame = makeFrame({ payload: new Uint8Array(1) })
    for (let i = 0; i < 1000; i++) {
      for (let n = 0; n < 7; n++) assert.ok(queue.push(frame, 'verified', micros(i * 7 + n)))
      for (let n = 0; n < 3; n++) {
        assert.equal(queue.firstAt, i * 3 + n)
        assert.equal(queue.front().checksum, 'verified')
        queue.shift()
      }
    }
    assert.equal(queue.length, 4000)
  })
})
