import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import fc from 'fast-check'

import { checksum } from '../../src/base/checksum.ts'
import { cutUdp } from '../../src/driver/udp-cut.ts'
import { InFrame } from '../../src/link/link.ts'

/** A UDP super-segment somewhere in a slab. */
function superSegment(payload: Uint8Array, options: { tag: boolean; bare: boolean; ipOptions: number }): InFrame {
  const ethernet = options.bare ? 0 : options.tag ? 18 : 14
  const ipHeader = 20 + options.ipOptions
  const frame = new InFrame(new Uint8Array(32 + ethernet + ipHeader + 8 + payload.length + 32))
  frame.start = 32
  const at = frame.start + ethernet
  if (!options.bare) frame.view.setUint16(frame.start + 12, options.tag ? 0x8100 : 0x0800)
  frame.view.setUint8(at, 0x40 | (ipHeader / 4))
  frame.view.setUint16(at + 2, ipHeader + 8 + payload.length)
  frame.view.setUint16(at + 4, 0xfffe)
  frame.view.setUint8(at + 9, 17)
  frame.view.setUint16(at + ipHeader, 1234)
  frame.view.setUint16(at + ipHeader + 4, 8 + payload.length)
  frame.end = at + ipHeader + 8 + payload.length
  frame.bytes.set(payload, at + ipHeader + 8)
  return frame
}

describe('cutUdp', () => {
  it('hands up the datagrams that were joined', () => {
    const shape = fc.record({ tag: fc.boolean(), bare: fc.boolean(), ipOptions: fc.constantFrom(0, 4, 40) })
    fc.assert(
      fc.property(
        fc.uint8Array({ minLength: 1, maxLength: 500 }),
        fc.integer({ min: 1, max: 200 }),
        shape,
        (payload, size, how) => {
          const frame = superSegment(payload, how)
          const ethernet = how.bare ? 0 : how.tag ? 18 : 14
          const header = 20 + how.ipOptions
          const pieces: number[] = []
          let count = 0
          cutUdp(frame, how.bare ? 'ip' : 'ethernet', size, (each) => {
            const at = each.start + ethernet
            const length = each.end - at
            assert.equal(each.segmentSize, 0)
            assert.equal(each.view.getUint16(at + 2), length)
            assert.equal(each.view.getUint16(at + 4), (0xfffe + count) & 0xffff)
            assert.equal(checksum(each.bytes, at, at + header), 0)
            assert.equal(each.view.getUint16(at + header), 1234)
            assert.equal(each.view.getUint16(at + header + 4), length - header)
            assert.ok(length - header - 8 === size || pieces.length + length - header - 8 === payload.length)
            pieces.push(...each.bytes.subarray(at + header + 8, each.end))
            count++
          })
          assert.deepEqual(pieces, [...payload])
          assert.equal(count, Math.ceil(payload.length / size))
        },
      ),
    )
  })

  it('passes on whole what it cannot read', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat(100), (bytes, size) => {
        const frame = new InFrame(bytes)
        frame.end = bytes.length
        let frames = 0
        cutUdp(frame, 'ethernet', size, () => frames++)
        assert.equal(frames, 1)
      }),
    )
  })
})
