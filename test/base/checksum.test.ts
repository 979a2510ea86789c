import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import type { Ipv4Addr } from '../../src/base/address.ts'
import { addSum, checksum, finishSum, foldSum, pseudoSum } from '../../src/base/checksum.ts'
import { seededRng } from '../../src/base/rng.ts'
import { transportChecksumOk } from '../../src/wire/transport-checksum.ts'

/** RFC 1071 §4.1, word by word. */
function naive(bytes: Uint8Array, from: number, to: number): number {
  let sum = 0
  for (let i = from; i < to; i += 2) {
    sum += bytes[i]! * 256 + (i + 1 < to ? bytes[i + 1]! : 0)
    if (sum > 0xffff) sum -= 0xffff
  }
  return ~sum & 0xffff
}

function noise(length: number, seed: number): Uint8Array {
  const rng = seededRng(seed)
  return Uint8Array.from({ length }, () => rng() & 255)
}

describe('checksum', () => {
  it('agrees with the worked example of RFC 1071 §3', () => {
    const bytes = Uint8Array.of(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7)
    assert.equal(checksum(bytes, 0, 8), ~0xddf2 & 0xffff)
  })

  it('agrees with the naive sum for every start, length and place of the array in its buffer', () => {
    const backing = noise(1024, 1)
    for (let offset = 0; offset < 5; offset++) {
      const bytes = backing.subarray(offset, offset + 700)
      for (let from = 0; from < 9; from++) {
        for (let to = from; to <= 700; to += to < 300 ? 1 : 37) {
          assert.equal(checksum(bytes, from, to), naive(bytes, from, to), `offset ${offset} [${from}, ${to})`)
        }
      }
    }
  })

  it('agrees with the naive sum on random pieces', () => {
    const piece = fc.tuple(fc.uint8Array({ maxLength: 3000 }), fc.nat({ max: 8 }), fc.nat({ max: 8 }))
    fc.assert(
      fc.property(piece, ([bytes, from, short]) => {
        const to = Math.max(from, bytes.length - short)
        assert.equal(checksum(bytes, from, to), naive(bytes, from, to))
      }),
      { numRuns: 500 },
    )
  })

  it('carries no overflow in a frame of 64 KiB full of ones', () => {
    const bytes = new Uint8Array(65553).fill(0xff)
    for (const [from, to] of [
      [0, 65553],
      [1, 65552],
      [18, 65535],
    ] as const) {
      assert.equal(checksum(bytes, from, to), naive(bytes, from, to))
    }
  })

  it('agrees with the naive sum across several buffers used in turn', () => {
    const first = noise(4096, 2)
    const second = noise(4096, 3)
    for (let i = 0; i < 8; i++) {
      assert.equal(checksum(first, i, 4000), naive(first, i, 4000))
      assert.equal(checksum(second, i, 4000), naive(second, i, 4000))
    }
  })

  it('may be taken in pieces, only the last of them odd', () => {
    const bytes = noise(2000, 4)
    fc.assert(
      fc.property(fc.nat({ max: 1000 }), fc.nat({ max: 999 }), (half, rest) => {
        const cut = half & ~1
        const to = cut + rest
        const sum = addSum(addSum(0, bytes, 0, cut), bytes, cut, to)
        assert.equal(finishSum(sum), naive(bytes, 0, to))
      }),
    )
  })

  it('is zero over a range that holds a correct one', () => {
    const bytes = noise(1500, 5)
    bytes[10] = 0
    bytes[11] = 0
    const sum = checksum(bytes, 0, 1500)
    bytes[10] = sum >>> 8
    bytes[11] = sum & 255
    assert.equal(checksum(bytes, 0, 1500), 0)
  })
})

describe('foldSum', () => {
  it('brings the carries round', () => {
    assert.equal(foldSum(0), 0)
    assert.equal(foldSum(0xffff), 0xffff)
    assert.equal(foldSum(0x1ffff), 1)
    assert.equal(foldSum(0xffffffff), 0xffff)
    assert.equal(foldSum(0x1fffffffe), 0xffff)
  })
})

describe('transportChecksumOk', () => {
  it('covers the pseudo-header and every byte (RFC 9293 §3.1)', () => {
    const src = 0xac140002 as Ipv4Addr
    const dst = 0xac140003 as Ipv4Addr
    const bytes = noise(1481, 6)
    bytes[16] = 0
    bytes[17] = 0
    const sum = finishSum(addSum(pseudoSum(src, dst, 6, 1481), bytes, 0, 1481))
    bytes[16] = sum >>> 8
    bytes[17] = sum & 255
    assert.ok(transportChecksumOk(bytes, src, dst, 6, 0, 1481))
    assert.ok(!transportChecksumOk(bytes, src, dst, 17, 0, 1481))
    assert.ok(!transportChecksumOk(bytes, src, (dst + 1) as Ipv4Addr, 6, 0, 1481))
    for (const at of [0, 700, 1480]) {
      bytes[at] = bytes[at]! ^ 0x40
      assert.ok(!transportChecksumOk(bytes, src, dst, 6, 0, 1481), `byte ${at}`)
      bytes[at] = bytes[at]! ^ 0x40
    }
  })
})
