import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import fc from 'fast-check'

import { parseDump } from '../../src/driver/rtnetlink.ts'

const word = (n: number) => [...new Uint8Array(Uint32Array.of(n).buffer)]
const half = (n: number) => [...new Uint8Array(Uint16Array.of(n).buffer)]
const message = (type: number, body: number[]) => [
  ...word(16 + body.length),
  ...half(type),
  ...half(2),
  ...word(1),
  ...word(0),
  ...body,
]
const attribute = (type: number, value: number[]) => {
  const bytes = [...half(4 + value.length), ...half(type), ...value]
  return [...bytes, ...new Array((4 - (bytes.length % 4)) % 4).fill(0)]
}

describe('parseDump', () => {
  it('reads the fixed part and the attributes of each message, and leaves the end mark out', () => {
    const body = [2, 24, 0, 0, ...word(7), ...attribute(3, [...Buffer.from('eth0\0')]), ...attribute(2, [10, 0, 0, 1])]
    const bytes = Uint8Array.from([
      ...message(20, body),
      ...message(20, [2, 0, 0, 0, ...word(9)]),
      ...message(3, [0, 0, 0, 0]),
    ])
    const [one, two, ...more] = parseDump(bytes, 8)
    assert.equal(more.length, 0)
    assert.equal(one!.u8(1), 24)
    assert.equal(one!.u32(4), 7)
    assert.equal(one!.text(3), 'eth0')
    assert.equal(one!.address(2), 0x0a000001)
    assert.equal(one!.address(9), undefined)
    assert.equal(one!.number(9, 5), 5)
    assert.equal(two!.u32(4), 9)
    assert.equal(two!.has(3), false)
  })

  it('never reads beyond a truncated or hostile dump', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
        const framed = Uint8Array.from(message(16, [...noise]))
        for (const bytes of [noise, framed]) for (const each of parseDump(bytes, 16)) each.text(3)
      }),
    )
  })
})
