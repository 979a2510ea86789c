import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { Reassembly } from '../../src/session/reassembly.ts'
import { check } from './property.ts'

const SPACE = 120
const octet = (offset: number): number => (offset * 13 + 5) & 0xff
const bytesAt = (from: number, to: number): Uint8Array =>
  Uint8Array.from({ length: to - from }, (_, i) => octet(from + i))

function readAll(reassembly: Reassembly): number[] {
  const octets: number[] = []
  for (let bytes = reassembly.take(); bytes !== undefined; bytes = reassembly.take()) octets.push(...bytes)
  return octets
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
          if (isStopped) reassembly.discard()
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

  it('keeps what its reader leaves in few pieces and no larger buffers', () => {
    const reassembly = new Reassembly()
    const buffer = new Uint8Array(65_536).fill(7)
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

  it('keeps few pieces beyond a gap', () => {
    const reassembly = new Reassembly()
    for (let i = 1; i <= 20_000; i++) reassembly.insert(i, new Uint8Array(1), false)
    assert.ok(reassembly.pieces <= 5, `${reassembly.pieces} pieces`)
    reassembly.insert(0, new Uint8Array(1), false)
    assert.equal(readAll(reassembly).length, 20_001)
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
