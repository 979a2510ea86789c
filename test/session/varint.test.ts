import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { MAX_VARINT, readVarint, varintLength, varintSize, writeVarint } from '../../src/session/records/varint.ts'
import { check } from './property.ts'

const hex = (value: number): string => {
  const bytes = new Uint8Array(8)
  return Buffer.from(bytes.subarray(0, writeVarint(bytes, 0, value))).toString('hex')
}

describe('varint', () => {
  it('has the octets of the examples of RFC 9000 A.1', () => {
    assert.equal(hex(37), '25')
    assert.equal(hex(15_293), '7bbd')
    assert.equal(hex(494_878_333), '9d7f3e7d')
    const large = Uint8Array.from(Buffer.from('c2197c5eff14e88c', 'hex'))
    // 151,288,809,941,952,652 is above 2^53, and is only as near as a double is.
    assert.equal(readVarint(large, 0), Number(151_288_809_941_952_652n))
    assert.equal(readVarint(Uint8Array.from([0x40, 0x25]), 0), 37)
  })

  it('has the least length at every edge', () => {
    for (const [value, size] of [
      [0, 1],
      [63, 1],
      [64, 2],
      [16_383, 2],
      [16_384, 4],
      [0x3fffffff, 4],
      [0x40000000, 8],
      [0xffffffff, 8],
      [0x100000000, 8],
      [MAX_VARINT, 8],
    ] as const) {
      assert.equal(varintSize(value), size)
      assert.equal(hex(value).length, 2 * size)
    }
  })

  it('reads what it wrote, anywhere in a buffer', (t) => {
    const value = fc.oneof(fc.nat(20_000), fc.maxSafeNat())
    check(
      t,
      fc.property(value, fc.nat(5), (number, at) => {
        const bytes = new Uint8Array(16).fill(0xa5)
        const end = writeVarint(bytes, at, number)
        assert.equal(end - at, varintSize(number))
        assert.equal(varintLength(bytes[at]!), end - at)
        assert.equal(readVarint(bytes, at), number)
        assert.ok(bytes.subarray(0, at).every((octet) => octet === 0xa5) && bytes[end] === 0xa5)
      }),
      2000,
    )
  })
})
