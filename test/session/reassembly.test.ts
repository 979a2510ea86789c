import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { below, seededRng } from '../../src/base/rng.ts'
import { Reassembly } from '../../src/session/streams/reassembly.ts'
import { check, SEED } from './property.ts'

const SPACE = 120
const octet = (offset: number): number => (offset * 13 + 5) & 0xff
const bytesAt = (from: number, to: number): Uint8Array =>
  Uint8Array.from({ length: to - from }, (_, i) => octet(from + i))

function readAll(reassembly: Reassembly): number[] {
  const octets: number[] = []
  for (let bytes = reassembly.take(); bytes !== undefined; bytes = reassembly.take()) octets.push(...bytes)
  return octets
}

/** A number that counts how often somebody looks at it, to compare it or to reckon with it. */
function counted(value: number, work: { looks: number }): number {
  const look = (): number => {
    work.looks++
    return value
  }
  return { valueOf: look } as unknown as number
}

/** Elements that arrays move to let others in or out. */
function countMoves(act: () => void): number {
  const { splice } = Array.prototype
  let moves = 0
  Array.prototype.splice = function (this: unknown[], at: number, ...rest: [number, ...unknown[]]) {
    moves += this.length - at
    return splice.call(this, at, ...rest)
  }
  try {
    act()
  } finally {
    Array.prototype.splice = splice
  }
  return moves
}

const piece = fc.record({
  from: fc.nat(SPACE),
  length: fc.nat(30),
  isEnd: fc.constantFrom(false, false, false, true),
  isRead: fc.boolean(),
})

describe('Reassembly', () => {
  it('gives each octet once and in order, however pieces overlap, and refuses what contradicts the end', (t) => {
    check(
      t,
      fc.property(fc.array(piece, { maxLength: 40 }), (pieces) => {
        const reassembly = new Reassembly()
        const held = new Set<number>()
        const got: number[] = []
        let end: number | undefined
        let [highest, repeated] = [0, 0]
        for (const { from, length, isEnd, isRead } of pieces) {
          const to = from + length
          const isWrong: boolean = isEnd
            ? (end !== undefined && end !== to) || highest > to
            : end !== undefined && to > end
          assert.equal(reassembly.insert(from, bytesAt(from, to), isEnd), !isWrong)
          if (isWrong) continue
          if (isEnd) end = to
          highest = Math.max(highest, to)
          for (let at = from; at < to; at++) {
            if (held.has(at)) repeated++
            held.add(at)
          }
          let next = 0
          while (held.has(next)) next++
          assert.deepEqual([reassembly.next, reassembly.highest, reassembly.end], [next, highest, end])
          assert.equal(reassembly.repeated, repeated, 'octets that came again')
          let gaps = 0
          for (let at = next + 1; at < highest; at++) if (held.has(at) && !held.has(at - 1)) gaps++
          assert.equal(reassembly.pieces, gaps, 'what follows each other is one piece')
          if (isRead) got.push(...readAll(reassembly))
          else reassembly.settle()
        }
        got.push(...readAll(reassembly))
        assert.deepEqual(got, [...bytesAt(0, reassembly.next)])
        assert.equal(reassembly.read, reassembly.next)
        assert.equal(reassembly.isEnded, end === reassembly.next)
      }),
      3000,
    )
  })

  it('forgets nothing of its accounts when it is cut', (t) => {
    check(
      t,
      fc.property(fc.array(piece, { maxLength: 20 }), fc.nat(10), fc.boolean(), (pieces, beyond, isStopped) => {
        const reassembly = new Reassembly()
        for (const { from, length } of pieces) {
          reassembly.insert(from, bytesAt(from, from + length), false)
          if (!isStopped) continue
          reassembly.discard()
          assert.deepEqual([reassembly.next, reassembly.read], [reassembly.highest, reassembly.highest])
          assert.ok(reassembly.pieces === 0 && !reassembly.hasReady, 'nothing is kept that nobody reads')
        }
        const end = reassembly.highest + beyond
        if (isStopped) assert.ok(reassembly.insert(end, new Uint8Array(0), true))
        if (isStopped) reassembly.discard()
        else reassembly.finish(end)
        const { next, highest, read, pieces: left } = reassembly
        assert.deepEqual([next, highest, read, reassembly.end, left], [end, end, end, end, 0])
        assert.ok(reassembly.isDone && !reassembly.hasReady)
        assert.equal(reassembly.isEnded, isStopped && end === 0, 'what was cut off has not been read')
      }),
      500,
    )
  })

  for (const buffer of [new Uint8Array(65_536), Buffer.alloc(65_536)]) {
    it(`keeps what its reader leaves in few pieces and no larger buffers, of a ${buffer.constructor.name}`, () => {
      const reassembly = new Reassembly()
      for (let i = 0; i < 20_000; i++) {
        reassembly.insert(i, buffer.subarray(i, i + 1), false)
        reassembly.settle()
      }
      let [pieces, octets, memory] = [0, 0, 0]
      for (let bytes = reassembly.take(); bytes !== undefined; bytes = reassembly.take()) {
        pieces++
        octets += bytes.length
        memory += bytes.buffer.byteLength
      }
      assert.equal(octets, 20_000)
      assert.equal(memory, 20_000)
      assert.ok(pieces <= 20, `${pieces} pieces`)
    })

    it(`keeps no larger buffers beyond a gap, of a ${buffer.constructor.name}`, () => {
      const reassembly = new Reassembly()
      for (let i = 1; i < 2000; i += 2) reassembly.insert(i, buffer.subarray(i, i + 1), false)
      for (let i = 0; i < 2000; i += 2) reassembly.insert(i, new Uint8Array(1), false)
      for (let bytes = reassembly.take(); bytes !== undefined; bytes = reassembly.take()) {
        assert.ok(bytes.buffer.byteLength < 4096)
      }
    })
  }

  it('keeps few pieces beyond a gap', () => {
    const reassembly = new Reassembly()
    for (let i = 1; i <= 20_000; i++) reassembly.insert(i, new Uint8Array(1), false)
    assert.ok(reassembly.pieces <= 5, `${reassembly.pieces} pieces`)
    reassembly.insert(0, new Uint8Array(1), false)
    assert.equal(readAll(reassembly).length, 20_001)
  })

  it('keeps few pieces beyond a gap in whatever order they come', () => {
    const falling = Array.from({ length: 20_000 }, (_, i) => 20_000 - i)
    // Every other one first, so that each of the others fills a hole.
    const holes = [...falling.filter((at) => at % 2 === 0), ...falling.filter((at) => at % 2 === 1)]
    for (const offsets of [falling, holes]) {
      const reassembly = new Reassembly()
      for (const at of offsets) reassembly.insert(at, bytesAt(at, at + 1), false)
      assert.ok(reassembly.pieces <= 100, `${reassembly.pieces} pieces`)
      reassembly.insert(0, bytesAt(0, 1), false)
      assert.deepEqual(readAll(reassembly), [...bytesAt(0, 20_001)])
    }
  })

  it('gives each octet once also when very many pieces wait', (t) => {
    t.diagnostic(`GOTCP_SEED=${SEED}`)
    const rng = seededRng(SEED)
    const space = 20_000
    const reassembly = new Reassembly()
    const held = new Set<number>()
    let repeated = 0
    const insert = (from: number, to: number): void => {
      reassembly.insert(from, bytesAt(from, to), false)
      for (let at = from; at < to; at++) {
        if (held.has(at)) repeated++
        held.add(at)
      }
    }
    for (let i = 0; i < 4000; i++) {
      const from = 1 + below(rng, space)
      insert(from, from + 1 + below(rng, 4))
    }
    assert.ok(reassembly.pieces > 2000, `${reassembly.pieces} pieces`)
    insert(space / 4, space / 2)
    insert(0, space + 5)
    assert.equal(reassembly.repeated, repeated)
    assert.equal(reassembly.pieces, 0)
    assert.deepEqual(readAll(reassembly), [...bytesAt(0, space + 5)])
  })

  it('takes few steps for a piece, whatever order a peer chooses', () => {
    const count = 16_384
    const last = 2 * count
    const orders: readonly [name: string, offset: (i: number) => number][] = [
      ['rising', (i) => 2 * i + 1],
      ['falling', (i) => last - 2 * i - 1],
      ['from both ends', (i) => (i % 2 === 0 ? i + 1 : last - i)],
      ['from the middle', (i) => (i % 2 === 0 ? count + i + 1 : count - i)],
    ]
    for (const [name, offset] of orders) {
      const reassembly = new Reassembly()
      const work = { looks: 0 }
      const moves = countMoves(() => {
        for (let i = 0; i < count; i++) reassembly.insert(counted(offset(i), work), new Uint8Array(1), false)
      })
      assert.equal(reassembly.pieces, count, name)
      assert.ok(work.looks <= 50 * count, `${name}: ${work.looks} looks at offsets`)
      assert.ok(moves <= 500 * count, `${name}: ${moves} pieces moved`)
    }
  })

  it('keeps copies of small pieces beyond a gap, and not the buffers that they came in', () => {
    const reassembly = new Reassembly()
    const buffer = new Uint8Array(65_536).fill(1)
    reassembly.insert(10, buffer.subarray(100, 110), false)
    buffer.fill(2)
    reassembly.insert(0, new Uint8Array(10).fill(1), false)
    assert.deepEqual(readAll(reassembly), new Array(20).fill(1))
  })
})
