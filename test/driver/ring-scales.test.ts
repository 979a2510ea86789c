import assert from 'node:assert/strict'
import { describe, it } from 'node:test'

import type { Micros } from '../../src/base/types.ts'
import { RingScales } from '../../src/driver/ring-scales.ts'
import { InFrame } from '../../src/link/link.ts'

const MS = 1000
const WEIGHING = 100 * MS
const MIB = 1024 * 1024

/** A TCP segment from that port, as an IP packet. */
function frameOf(port: number, length: number): InFrame {
  const frame = new InFrame(new Uint8Array(length))
  frame.end = length
  frame.view.setUint8(0, 0x45)
  frame.view.setUint8(9, 6)
  frame.view.setUint16(20, port)
  return frame
}

/** Weighs what comes within a tenth of a second, in the order of the list: a port, octets, and whether they were joined. */
function verdict(parts: readonly (readonly [port: number, octets: number, isJoined: boolean])[], isBehind = true) {
  const scales = new RingScales('ip', () => 0)
  const [[first, , isFirstJoined] = [0, 0, false]] = parts
  scales.weigh(frameOf(first, 60_000), isFirstJoined, isBehind, 0 as Micros)
  for (const [port, octets, isJoined] of parts) {
    const length = Math.min(octets, 60_000)
    const frame = frameOf(port, length)
    for (let left = octets; left > 0; left -= length) scales.weigh(frame, isJoined, isBehind, 1 as Micros)
  }
  return scales.weigh(frameOf(first, 60_000), isFirstJoined, isBehind, WEIGHING as Micros)?.shape
}

describe('RingScales', () => {
  it('tells super-segments from segments that were joined', () => {
    assert.equal(verdict([[1, 9 * MIB, false]]), 'superSegments')
    assert.equal(verdict([[1, 9 * MIB, true]]), 'segments')
  })

  it('asks for 8 MiB', () => {
    assert.equal(verdict([[1, 7 * MIB, false]]), undefined)
    assert.equal(verdict([[1, 7 * MIB, true]]), undefined)
  })

  it('asks that messages are not read as fast as they come', () => {
    assert.equal(verdict([[1, 9 * MIB, false]], false), undefined)
    assert.equal(verdict([[1, 9 * MIB, true]], false), undefined)
  })

  it('asks that the event loop had hardly time to rest', () => {
    for (const [rest, isWorthy] of [
      [4, true],
      [6, false],
    ] as const) {
      let rested = 1000
      const scales = new RingScales('ip', () => rested)
      for (let i = 0; i < 200; i++) scales.weigh(frameOf(1, 60_000), false, true, i as Micros)
      rested += rest
      assert.equal(scales.weigh(frameOf(1, 60_000), false, true, WEIGHING as Micros) !== undefined, isWorthy)
    }
  })

  it('asks for three quarters of all that comes in large pieces', () => {
    for (const isJoined of [false, true]) {
      const most = [1, 12 * MIB, isJoined] as const
      assert.notEqual(verdict([most, [2, 3 * MIB, isJoined]]), undefined)
      assert.equal(verdict([most, [2, 5 * MIB, isJoined]]), undefined)
    }
  })

  it('gives no slots of segments to a connection that brings a super-segment, however small', () => {
    assert.equal(
      verdict([
        [1, 9 * MIB, true],
        [1, 3 * 1448, false],
      ]),
      undefined,
    )
    assert.equal(
      verdict([
        [1, 9 * MIB, true],
        [2, 3 * 1448, false],
      ]),
      'segments',
    )
  })

  it('gives slots of super-segments to one that brings segments besides', () => {
    const parts = [
      [1, 9 * MIB, false],
      [1, 9 * MIB, true],
    ] as const
    assert.equal(verdict(parts), 'superSegments')
  })

  it('begins with a large frame', () => {
    const scales = new RingScales('ip', () => 0)
    const large = frameOf(2, 60_000)
    scales.weigh(frameOf(1, 1500), false, true, 0 as Micros)
    for (let i = 0; i < 200; i++) assert.equal(scales.weigh(large, false, true, (i * 100) as Micros), undefined)
    assert.equal(scales.weigh(large, false, true, WEIGHING as Micros)?.flow.ports, 2 * 0x10000)
  })
})
