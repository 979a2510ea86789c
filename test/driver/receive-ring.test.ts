import assert from 'node:assert/strict'
import { constants } from 'node:os'
import { describe, it } from 'node:test'

import { type Micros, NEVER } from '../../src/base/types.ts'
import { filterOfFlow, type InFlow, TAKE_NONE } from '../../src/driver/bpf.ts'
import type { NativePort } from '../../src/driver/native.ts'
import { ReceiveRing } from '../../src/driver/receive-ring.ts'
import { InFrame } from '../../src/link/link.ts'

const FILTER = Uint8Array.of(6, 0, 0, 0, 0xff, 0xff, 0, 0)
const OTHER_FILTER = Uint8Array.of(6, 0, 0, 0, 0xff, 0, 0, 0)
const LENGTH = 60_000
/** So many of these frames are worth a ring. */
const WORTH = Math.ceil((8 * 1024 * 1024) / LENGTH) + 1
const MS = 1000
const A: InFlow = { source: 1, destination: 2, ports: 3 }
const B: InFlow = { source: 1, destination: 2, ports: 4 }

const ways = {
  messages: { ring: TAKE_NONE, messages: FILTER },
  ring: (flow: InFlow) => ({
    ring: filterOfFlow(FILTER, 'only', flow, 'ip'),
    messages: filterOfFlow(FILTER, 'without', flow, 'ip'),
  }),
}

function frameOf({ source, destination, ports }: InFlow): InFrame {
  const frame = new InFrame(new Uint8Array(LENGTH))
  frame.end = LENGTH
  frame.view.setUint8(0, 0x45)
  frame.view.setUint8(9, 6)
  frame.view.setUint32(12, source)
  frame.view.setUint32(16, destination)
  frame.view.setUint32(20, ports)
  return frame
}

/** A ring in the hands of a test, and the filters of its two sockets. */
function world({ forAll = false, opens = true } = {}) {
  const filters: { ring: Uint8Array; messages: Uint8Array } = { ring: TAKE_NONE, messages: FILTER }
  const steps: string[] = []
  /** The kernel takes no filter of more bytes. */
  const longest = { ring: 1000, messages: 1000 }
  const port = {
    setFilter(filter: Uint8Array, ofRing: boolean): number {
      const which = ofRing ? 'ring' : 'messages'
      if (filter.length > longest[which]) return -constants.errno.EINVAL
      steps.push(which)
      filters[which] = filter
      return 0
    },
    openRing(): ArrayBuffer | number {
      openings++
      return opens ? new ArrayBuffer(10) : -constants.errno.ENOMEM
    },
  } as Partial<NativePort> as NativePort
  let openings = 0
  const ring = new ReceiveRing(port, { slots: 128, forAll }, 'ip', FILTER)
  const saw = (flow: InFlow, count: number, at: number, isInRing = false) => {
    const frame = frameOf(flow)
    for (let i = 0; i < count; i++) ring.saw(frame, isInRing, (at * MS) as Micros)
  }
  return { ring, filters, steps, longest, saw, openings: () => openings }
}

describe('a receive ring', () => {
  it('is opened for a connection that brings much, and takes its frames', () => {
    const { ring, filters, saw, openings } = world()
    saw(A, WORTH - 1, 0)
    assert.equal(openings(), 0)
    saw(A, 1, 500)
    assert.deepEqual([openings(), ring.memory.length], [1, 10])
    assert.deepEqual(filters, ways.ring(A))
  })

  it('is not opened for what takes longer', () => {
    const { saw, openings } = world()
    for (let second = 0; second < 10; second++) saw(A, WORTH - 2, 1001 * second)
    assert.equal(openings(), 0)
  })

  it('is not opened for several that bring as much as each other', () => {
    const { saw, openings } = world()
    for (let i = 0; i < 10 * WORTH; i++) {
      saw(A, 1, i / 10)
      saw(B, 1, i / 10)
    }
    assert.equal(openings(), 0)
  })

  it('has no room for a second connection while the first has large frames, and then it has', () => {
    const { ring, filters, saw } = world()
    saw(A, WORTH, 0)
    saw(B, WORTH, 500)
    saw(A, 1, 600, true)
    assert.equal(ring.pollAt(), 1000 * MS)
    ring.poll((1000 * MS) as Micros)
    assert.deepEqual(filters, ways.ring(A))
    assert.equal(ring.pollAt(), 1600 * MS)
    ring.poll((1600 * MS) as Micros)
    assert.deepEqual(filters, ways.messages)
    assert.equal(ring.pollAt(), NEVER)
    saw(B, WORTH, 1700)
    assert.deepEqual(filters, ways.ring(B))
  })

  it('tells hosts apart whose ports are equal', () => {
    const { saw, openings } = world()
    for (let i = 0; i < 10 * WORTH; i++) {
      saw(A, 1, i / 10)
      saw({ ...A, source: 9 }, 1, i / 10)
    }
    assert.equal(openings(), 0)
  })

  it('rests when it has dropped, twice as long each time that did not help', () => {
    const { ring, filters, saw, openings } = world()
    let at = 0
    for (const pause of [1000, 2000, 4000, 8000, 16_000, 32_000, 64_000, 64_000]) {
      saw(A, WORTH, at)
      assert.deepEqual(filters, ways.ring(A))
      ring.hasDropped((at * MS) as Micros)
      assert.deepEqual(filters, ways.messages)
      saw(A, 2 * WORTH, at + pause - 1)
      assert.deepEqual(filters, ways.messages)
      at += pause
    }
    saw(A, WORTH, at)
    at += 8 * 64_000
    ring.hasDropped((at * MS) as Micros)
    saw(A, WORTH, at + 1000)
    assert.deepEqual(filters, ways.ring(A))
    assert.equal(openings(), 1)
  })

  it('is tried again after a while where there was no memory for it', () => {
    const { ring, filters, saw, openings } = world({ opens: false })
    for (const at of [0, 1000, 63_000]) saw(A, 3 * WORTH, at)
    assert.equal(openings(), 1)
    saw(A, WORTH, 64_000)
    assert.equal(openings(), 2)
    assert.equal(ring.setFilter(OTHER_FILTER), 0)
    assert.deepEqual(filters, { ring: TAKE_NONE, messages: OTHER_FILTER })
  })

  for (const which of ['ring', 'messages'] as const) {
    it(`gives way where the filter is too long with a connection, ${which}`, () => {
      const { ring, filters, longest, saw } = world()
      saw(A, WORTH, 0)
      longest[which] = FILTER.length
      assert.equal(ring.setFilter(OTHER_FILTER), 0)
      assert.deepEqual(filters, { ring: TAKE_NONE, messages: OTHER_FILTER })
      assert.equal(ring.pollAt(), NEVER)
    })
  }

  it('goes on as before when the kernel refuses a filter', () => {
    const { ring, filters, longest, saw } = world()
    longest.messages = 500
    assert.equal(ring.setFilter(new Uint8Array(600)), -constants.errno.EINVAL)
    saw(A, WORTH, 0)
    assert.deepEqual(filters, ways.ring(A))
    assert.equal(ring.setFilter(new Uint8Array(600)), -constants.errno.EINVAL)
    assert.deepEqual(filters, ways.messages)
  })

  it('keeps a connection when the stack hears other addresses', () => {
    const { ring, filters, saw } = world()
    saw(A, WORTH, 0)
    ring.setFilter(OTHER_FILTER)
    assert.deepEqual(filters, {
      ring: filterOfFlow(OTHER_FILTER, 'only', A, 'ip'),
      messages: filterOfFlow(OTHER_FILTER, 'without', A, 'ip'),
    })
  })

  it('never leaves a frame without a way', () => {
    const { ring, steps, saw } = world()
    saw(A, WORTH, 0)
    ring.hasDropped(0 as Micros)
    assert.deepEqual(steps, ['messages', 'ring', 'ring', 'messages', 'messages', 'ring'])
  })

  it('takes everything from the beginning where it was asked for', () => {
    const { ring, filters, saw, openings } = world({ forAll: true })
    assert.equal(ring.open(), 0)
    assert.deepEqual(filters, { ring: FILTER, messages: TAKE_NONE })
    saw(A, 3 * WORTH, 0)
    ring.hasDropped(0 as Micros)
    assert.deepEqual(filters, { ring: FILTER, messages: TAKE_NONE })
    assert.equal(openings(), 1)
  })

  it('leaves what is no TCP connection alone', () => {
    const { ring, openings } = world()
    for (const [at, octet] of [
      [0, 0x46],
      [9, 17],
    ] as const) {
      const frame = frameOf(A)
      frame.bytes[at] = octet
      for (let i = 0; i < 3 * WORTH; i++) ring.saw(frame, false, 0 as Micros)
    }
    assert.equal(openings(), 0)
  })
})
