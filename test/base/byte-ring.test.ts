import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { ByteRing } from '../../src/base/byte-ring.ts'

const fill = (length: number, from: number): Uint8Array => Uint8Array.from({ length }, (_, i) => from + i)

describe('ByteRing', () => {
  it('is a queue, whatever is put in and taken out of several that share their spare memory', () => {
    const step = fc.record({ ring: fc.nat(2), put: fc.nat(6000), take: fc.nat(6000) })
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const rings = [new ByteRing(), new ByteRing(), new ByteRing()]
        const models: number[][] = [[], [], []]
        for (const [at, { ring: index, put, take }] of steps.entries()) {
          const ring = rings[index]!
          const model = models[index]!
          const bytes = fill(put, at * 7)
          ring.store(0, bytes, 0, put)
          ring.extend(put)
          for (const byte of bytes) model.push(byte)
          let left = Math.min(take, model.length)
          while (left > 0) {
            const view = ring.peek().subarray(0, left)
            assert.deepEqual([...view], model.splice(0, view.length))
            ring.consume(view.length)
            left -= view.length
          }
          if (ring.length === 0) ring.rest()
          assert.equal(ring.length, model.length)
        }
      }),
      { numRuns: 60 },
    )
  })

  it('keeps what is stored beyond its end until the gap is filled', () => {
    const ring = new ByteRing()
    ring.store(5000, fill(10, 50), 0, 10)
    ring.store(0, fill(5000, 0), 0, 5000)
    ring.extend(5010)
    ring.consume(5000)
    assert.deepEqual([...ring.peek()], [...fill(10, 50)])
  })

  it('holds no memory at rest, and takes that of another, but not before the frames that name it are sent', () => {
    const [one, early, other] = [new ByteRing(), new ByteRing(), new ByteRing()]
    const memory = (ring: ByteRing): Uint8Array => {
      ring.store(0, fill(3, 0), 0, 3)
      ring.extend(3)
      return ring.bytes
    }
    const used = memory(one)
    one.consume(3)
    one.rest()
    assert.equal(one.bytes.length, 0)
    assert.notEqual(memory(early), used)
    ByteRing.recycle()
    assert.equal(memory(other), used)
    other.clear()
    assert.notEqual(memory(early), used)
  })
})
