import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import { Stream, StreamChecker } from './stream.ts'

const LENGTH = 300_000

function bytes(seed: number, length = LENGTH): Uint8Array {
  const stream = new Stream(seed)
  const all = new Uint8Array(length)
  for (let at = 0; at < length; ) {
    const piece = stream.at(at, length - at)
    all.set(piece, at)
    at += piece.length
  }
  return all
}

function check(data: Uint8Array, step = data.length): StreamChecker {
  const checker = new StreamChecker(1)
  for (let at = 0; at < data.length; at += step) checker.take(data.subarray(at, at + step))
  return checker
}

const join = (...parts: Uint8Array[]): Uint8Array => Buffer.concat(parts)

describe('StreamChecker', () => {
  it('accepts the stream in pieces of any size', () => {
    for (const step of [1, 7, 1448, 65_536, 65_537, LENGTH]) {
      const { wrongAt, received } = check(bytes(1), step)
      assert.deepEqual({ wrongAt, received }, { wrongAt: -1, received: LENGTH })
    }
  })

  it('names the first byte of a swapped, shifted, lost or doubled block, of a flipped bit and of another stream', () => {
    const good = bytes(1)
    const block = (n: number) => good.subarray(n * 65_536, (n + 1) * 65_536)
    const flipped = good.slice()
    flipped[200_001]! ^= 1
    const cases: [Uint8Array, number][] = [
      [join(block(1), block(0), good.subarray(131_072)), 0],
      [join(block(0), block(2), block(1), good.subarray(196_608)), 65_536],
      [join(good.subarray(0, 70_000), Uint8Array.of(good[70_000]! ^ 0xff), good.subarray(70_000)), 70_000],
      [join(block(0), good.subarray(131_072)), 65_536],
      [join(block(0), block(0), good.subarray(65_536)), 65_536],
      [join(good.subarray(0, 1448), good.subarray(2896)), 1448],
      [flipped, 200_001],
      [bytes(2), 0],
    ]
    for (const [data, expected] of cases) {
      // A byte of the wrong place may be right by chance.
      const { wrongAt } = check(data, 1448)
      assert.ok(wrongAt >= expected && wrongAt < expected + 8, `${wrongAt} for ${expected}`)
    }
  })

  it('repeats no word', () => {
    const words = new Uint32Array(bytes(1, 4 << 20).buffer)
    assert.equal(new Set(words).size, words.length)
  })
})
