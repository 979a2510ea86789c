import assert from 'node:assert/strict'
import { constants } from 'node:os'
import { describe, it } from 'node:test'

import { type Micros, NEVER } from '../../src/base/types.ts'
import { filterOfFlow, type InFlow, TAKE_NONE } from '../../src/driver/bpf.ts'
import { type NativePort, PortState } from '../../src/driver/native.ts'
import { ReceiveRing } from '../../src/driver/receive-ring.ts'
import { InFrame } from '../../src/link/link.ts'

const FILTER = Uint8Array.of(6, 0, 0, 0, 0xff, 0xff, 0, 0)
const OTHER_FILTER = Uint8Array.of(6, 0, 0, 0, 0xff, 0, 0, 0)
const LENGTH = 60_000
/** So many of these frames are worth a ring. */
const WORTH = Math.ceil((8 * 1024 * 1024) / LENGTH) + 1
const MS = 1000
/** Milliseconds for which a connection is weighed. */
const WEIGHING = 100
/** A moment, by milliseconds from one that has a past. */
const time = (at: number) => ((at + WEIGHING) * MS) as Micros
const A: InFlow = { source: 1, destination: 2, ports: 3 }
const B: InFlow = { source: 1, destination: 2, ports: 4 }

const SHAPES = {
  superSegments: { slots: 128, slotSize: 68 * 1024 },
  segments: { slots: 4096, slotSize: 2048 },
}

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
    drops: () => 1,
    openRing(count: number, slotSize: number): ArrayBuffer | number {
      if (slots.unread) return -constants.errno.EBUSY
      openings.push(count * slotSize)
      return opens ? new ArrayBuffer(openings.length * 10) : -constants.errno.ENOMEM
    },
  } as Partial<NativePort> as NativePort
  /** The sizes of the rings that were asked for. */
  const openings: number[] = []
  const slots = { unread: false }
  /** Milliseconds for which the event loop has waited. */
  const loop = { rested: 0 }
  const state = new Int32Array(PortState.COUNT)
  state[PortState.RX_MORE] = 1
  const ring = new ReceiveRing(port, state, { shapes: SHAPES, forAll }, 'ip', FILTER, () => loop.rested)
  /** Brings what is worth a ring, up to then. */
  const bring = (flow: InFlow, at: number, how: 'whole' | 'joined' = 'whole') => {
    saw(flow, WORTH, at - WEIGHING, how)
    saw(flow, 1, at, how)
  }
  const drop = (at: number) => {
    state[PortState.RX_LOSING] = 1
    ring.poll(time(at))
    assert.equal(state[PortState.RX_LOSING], 0)
  }
  /** A batch of large frames has come, each one that the kernel has joined, or the addon, or one in the ring. */
  const saw = (flow: InFlow, count: number, at: number, how: 'whole' | 'joined' | 'in ring' = 'whole') => {
    const frame = frameOf(flow)
    for (let i = 0; i < count; i++) {
      if (how === 'in ring') ring.sawOwn(time(at))
      else ring.saw(frame, how === 'joined', time(at))
    }
    ring.poll(time(at))
  }
  return {
    ring,
    state,
    filters,
    steps,
    longest,
    saw,
    bring,
    drop,
    openings: () => openings.length,
    sizes: openings,
    slots,
    loop,
  }
}

describe('a receive ring', () => {
  it('is opened for a connection that brings much, and takes its frames', () => {
    const { ring, filters, saw, openings } = world()
    saw(A, 2 * WORTH, 0)
    saw(A, 1, WEIGHING - 1)
    assert.equal(openings(), 0)
    saw(A, 1, WEIGHING)
    assert.deepEqual([openings(), ring.memory.length], [1, 10])
    assert.deepEqual(filters, ways.ring(A))
  })

  it('is not opened while messages are read as fast as they come', () => {
    const { state, bring, openings } = world()
    state[PortState.RX_MORE] = 0
    bring(A, 500)
    assert.equal(openings(), 0)
  })

  it('is not opened for what brings less, or takes longer', () => {
    const { saw, openings } = world()
    for (let second = 0; second < 10; second++) {
      saw(A, WORTH - 2, 2000 * second)
      saw(A, 1, 2000 * second + WEIGHING)
      saw(A, 3 * WORTH, 2000 * second + 700)
    }
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
    const { ring, filters, saw, bring } = world()
    bring(A, 0)
    saw(A, 1, 500, 'in ring')
    bring(B, 500)
    saw(A, 1, 600, 'in ring')
    assert.equal(ring.pollAt(), time(1000))
    ring.poll(time(1000))
    assert.deepEqual(filters, ways.ring(A))
    assert.equal(ring.pollAt(), time(1600))
    ring.poll(time(1600))
    assert.deepEqual(filters, ways.messages)
    assert.equal(ring.pollAt(), NEVER)
    bring(B, 1800)
    assert.deepEqual(filters, ways.ring(B))
  })

  it('goes to the next connection as soon as the first has ended', () => {
    const { filters, saw, bring } = world()
    bring(A, 0)
    saw(A, 1, 500, 'in ring')
    bring(B, 599)
    assert.deepEqual(filters, ways.ring(A))
    bring(B, 600 + WEIGHING)
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
    const { filters, saw, bring, drop, openings } = world()
    let at = 0
    for (const pause of [1000, 2000, 4000, 8000, 16_000, 32_000, 64_000, 64_000]) {
      bring(A, at)
      assert.deepEqual(filters, ways.ring(A))
      drop(at)
      assert.deepEqual(filters, ways.messages)
      bring(A, at + pause - 1)
      assert.deepEqual(filters, ways.messages)
      at += pause + WEIGHING
    }
    bring(A, at)
    at += 8 * 64_000
    saw(A, 1, at, 'in ring')
    drop(at)
    bring(A, at + 1000 + WEIGHING)
    assert.deepEqual(filters, ways.ring(A))
    assert.equal(openings(), 1)
  })

  it('is tried again after a while where there was no memory for it', () => {
    const { ring, filters, bring, openings } = world({ opens: false })
    for (const at of [0, 1000, 63_000]) bring(A, at)
    assert.equal(openings(), 1)
    bring(A, 64_000 + WEIGHING)
    assert.equal(openings(), 2)
    assert.equal(ring.setFilter(OTHER_FILTER), 0)
    assert.deepEqual(filters, { ring: TAKE_NONE, messages: OTHER_FILTER })
  })

  for (const which of ['ring', 'messages'] as const) {
    it(`gives way where the filter is too long with a connection, ${which}`, () => {
      const { ring, filters, longest, bring } = world()
      bring(A, 0)
      longest[which] = FILTER.length
      assert.equal(ring.setFilter(OTHER_FILTER), 0)
      assert.deepEqual(filters, { ring: TAKE_NONE, messages: OTHER_FILTER })
      assert.equal(ring.pollAt(), NEVER)
    })
  }

  it('goes on as before when the kernel refuses a filter', () => {
    const { ring, filters, longest, bring } = world()
    longest.messages = 500
    assert.equal(ring.setFilter(new Uint8Array(600)), -constants.errno.EINVAL)
    bring(A, 0)
    assert.deepEqual(filters, ways.ring(A))
    assert.equal(ring.setFilter(new Uint8Array(600)), -constants.errno.EINVAL)
    assert.deepEqual(filters, ways.messages)
  })

  it('keeps a connection when the stack hears other addresses', () => {
    const { ring, filters, bring } = world()
    bring(A, 0)
    ring.setFilter(OTHER_FILTER)
    assert.deepEqual(filters, {
      ring: filterOfFlow(OTHER_FILTER, 'only', A, 'ip'),
      messages: filterOfFlow(OTHER_FILTER, 'without', A, 'ip'),
    })
  })

  it('never leaves a frame without a way', () => {
    const { steps, drop, bring } = world()
    bring(A, 0)
    drop(0)
    assert.deepEqual(steps, ['messages', 'ring', 'ring', 'messages', 'messages', 'ring'])
  })

  it('takes everything from the beginning where it was asked for', () => {
    const { ring, filters, drop, openings, bring } = world({ forAll: true })
    assert.equal(ring.open('superSegments'), 0)
    assert.deepEqual(filters, { ring: FILTER, messages: TAKE_NONE })
    bring(A, 0)
    drop(0)
    assert.deepEqual(filters, { ring: FILTER, messages: TAKE_NONE })
    assert.equal(openings(), 1)
  })

  it('is taken from a connection whose reader rests with it, and later each time that he turns out to need it', () => {
    const { filters, saw, bring, loop } = world()
    let at = 0
    const giveAndTake = (trial: number) => {
      bring(A, at)
      assert.deepEqual(filters, ways.ring(A))
      loop.rested += trial / 3
      saw(A, 1, at + trial - 1, 'in ring')
      assert.deepEqual(filters, ways.ring(A))
      saw(A, 1, at + trial, 'in ring')
      assert.deepEqual(filters, ways.messages)
      at += trial
    }
    for (const trial of [250, 2000, 16_000, 64_000, 64_000]) {
      giveAndTake(trial)
      at += 2 * WEIGHING
    }
    // Having done without for a second, he may have come to need it.
    at += 1000
    giveAndTake(250)
  })

  it('stays with a connection whose reader has no time to rest', () => {
    const { filters, saw, bring, loop } = world()
    bring(A, 0)
    for (let at = 500; at < 20_000; at += 500) {
      loop.rested += 100
      saw(A, 1, at, 'in ring')
      assert.deepEqual(filters, ways.ring(A))
    }
  })

  it('has slots of the size of a segment for a connection whose segments come one by one', () => {
    const { ring, filters, bring, sizes } = world()
    bring(A, 0, 'joined')
    assert.deepEqual(sizes, [4096 * 2048])
    assert.deepEqual(filters, ways.ring(A))
    assert.equal(ring.leastLarge, 512)
  })

  it('is opened anew for a connection of the other kind', () => {
    const { ring, filters, steps, bring, sizes } = world()
    bring(A, 0)
    const first = ring.memory
    steps.length = 0
    bring(B, 500, 'joined')
    assert.deepEqual(sizes, [128 * 68 * 1024, 4096 * 2048])
    assert.notEqual(ring.memory, first)
    assert.deepEqual(filters, ways.ring(B))
    // What the first one may still bring has a way while there is no ring.
    assert.deepEqual(steps, ['messages', 'ring', 'messages', 'ring', 'ring', 'messages'])
    bring(B, 500 + 2 * WEIGHING, 'joined')
    assert.equal(sizes.length, 2)
  })

  it('is opened anew only when what lies in the last one has been read', () => {
    const { ring, filters, bring, sizes, slots } = world()
    bring(A, 0)
    slots.unread = true
    bring(B, 500, 'joined')
    assert.deepEqual(filters, ways.messages)
    ring.poll(time(501))
    assert.equal(sizes.length, 1)
    slots.unread = false
    ring.poll(time(502))
    assert.equal(sizes.length, 2)
    assert.deepEqual(filters, ways.ring(B))
  })

  it('is not opened for super-segments and segments in turn', () => {
    const { saw, openings } = world()
    for (let at = 0; at < 10; at++) {
      saw(A, WORTH / 2, at * 2 * WEIGHING)
      saw(A, WORTH, at * 2 * WEIGHING, 'joined')
      saw(A, 1, (at * 2 + 1) * WEIGHING)
    }
    assert.equal(openings(), 0)
  })

  it('gives everything back when a frame was larger than its slot, and rests for long', () => {
    const { ring, filters, bring } = world()
    bring(A, 0, 'joined')
    ring.sawCut()
    ring.poll(time(1))
    assert.deepEqual(filters, ways.messages)
    bring(A, 63_000, 'joined')
    assert.deepEqual(filters, ways.messages)
    bring(A, 65_000, 'joined')
    assert.deepEqual(filters, ways.ring(A))
    // The second time for twice as long.
    ring.sawCut()
    ring.poll(time(65_001))
    bring(A, 65_000 + 127_000, 'joined')
    assert.deepEqual(filters, ways.messages)
    bring(A, 65_000 + 130_000, 'joined')
    assert.deepEqual(filters, ways.ring(A))
  })

  it('leaves what is no TCP connection alone', () => {
    const { ring, openings } = world()
    for (const [at, octet] of [
      [0, 0x46],
      [9, 17],
    ] as const) {
      const frame = frameOf(A)
      frame.bytes[at] = octet
      for (let i = 0; i < 3 * WORTH; i++) ring.saw(frame, false, time(i))
      ring.poll(time(3 * WORTH))
    }
    assert.equal(openings(), 0)
  })
})
