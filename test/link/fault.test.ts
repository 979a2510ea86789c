import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { type Micros, micros, NEVER } from '../../src/base/types.ts'
import { Cable } from '../../src/link/cable.ts'
import { FaultLink } from '../../src/link/fault.ts'
import type { FaultOptions } from '../../src/link/fault-options.ts'
import type { ChecksumState, Link } from '../../src/link/link.ts'
import { linkCompliance } from '../compliance/link.ts'
import { type FrameShape, makeFrame, parseFrame, pattern } from './frames.ts'

for (const offload of [false, true]) {
  linkCompliance(`fault link without faults, ${offload ? 'with' : 'no'} offload below`, () => {
    const { a, b } = new Cable({ offload, queueBytes: 100_000 })
    return { a: new FaultLink(a), b: new FaultLink(b), fullAfter: 80 }
  })
}
linkCompliance('fault link with delay, jitter and rate', () => {
  const cable = new Cable({ medium: 'ip', offload: true })
  const faults = { delay: micros(2000), jitter: micros(500), rate: 1e9 }
  let now = micros(0)
  return {
    a: new FaultLink(cable.a, faults),
    b: new FaultLink(cable.b, faults),
    now: () => now,
    wait: async () => {
      now = micros(now + 1000)
    },
  }
})

interface Arrival {
  readonly at: number
  readonly id: number
  readonly valid: boolean
  readonly checksum: ChecksumState
  readonly bytes: Uint8Array
}

/** Polls both ends from deadline to deadline until nothing is on the way; what `to` received. */
function run(from: Link, to: Link, until = 1e9): Arrival[] {
  const arrivals: Arrival[] = []
  let now = micros(0)
  for (let step = 0; step < 100_000; step++) {
    const at = Math.min(from.pollAt(), to.pollAt())
    if (at === NEVER || at > until) return arrivals
    now = micros(Math.max(now, at))
    from.receive(now, () => {})
    from.flush(now)
    to.receive(now, (frame) => {
      const bytes = frame.bytes.slice(frame.start, frame.end)
      const { id, valid } = safely(bytes)
      assert.equal(frame.segmentSize, 0)
      arrivals.push({ at: now, id, valid, checksum: frame.checksum, bytes })
    })
  }
  return assert.fail('the link never came to rest')
}

function safely(bytes: Uint8Array): { id: number; valid: boolean } {
  try {
    return parseFrame(bytes)
  } catch {
    return { id: -1, valid: false }
  }
}

/** Sends `count` frames, one every `every` µs, through a faulty end; what arrives. */
function sendThrough(options: FaultOptions, count: number, shape: FrameShape = {}, every = 0) {
  const cable = new Cable({ offload: true })
  const link = new FaultLink(cable.a, options)
  for (let i = 0; i < count; i++) {
    const now = micros(i * every)
    link.send(makeFrame({ id: i & 0xffff, payload: pattern(64, i), ...shape }), now)
    link.flush(now)
  }
  return { link, arrivals: run(link, cable.b) }
}

/** The same, with the faults at the receiving end. */
function receiveThrough(options: FaultOptions, count: number, shape: FrameShape = {}) {
  const cable = new Cable({ offload: true })
  const link = new FaultLink(cable.b, options)
  for (let i = 0; i < count; i++) cable.a.send(makeFrame({ id: i, payload: pattern(64, i), ...shape }), micros(0))
  return { link, arrivals: run(cable.a, link) }
}

const ids = (arrivals: readonly Arrival[]): number[] => arrivals.map((arrival) => arrival.id)
const upTo = (count: number): number[] => Array.from({ length: count }, (_, i) => i)

describe('FaultLink', () => {
  it('loses about what it was told to, the same by the same seed', () => {
    const first = sendThrough({ loss: 0.3, seed: 7 }, 2000)
    assert.ok(first.arrivals.length > 1300 && first.arrivals.length < 1500)
    assert.deepEqual(ids(sendThrough({ loss: 0.3, seed: 7 }, 2000).arrivals), ids(first.arrivals))
    assert.notDeepEqual(ids(sendThrough({ loss: 0.3, seed: 8 }, 2000).arrivals), ids(first.arrivals))
    const { packets, lost } = first.link.counters.send
    assert.deepEqual([packets, packets - lost], [2000, first.arrivals.length])
  })

  it('loses all, or nothing, at the ends of the scale', () => {
    assert.deepEqual(sendThrough({ loss: 1 }, 50).arrivals, [])
    assert.deepEqual(ids(receiveThrough({}, 50).arrivals), upTo(50))
    assert.deepEqual(ids(sendThrough({ receive: { loss: 1 } }, 50).arrivals), upTo(50))
    assert.deepEqual(receiveThrough({ receive: { loss: 1 } }, 50).arrivals, [])
  })

  it('delivers twice what it duplicates', () => {
    assert.deepEqual(ids(sendThrough({ duplicate: 1 }, 3).arrivals), [0, 0, 1, 1, 2, 2])
    const late = receiveThrough({ duplicate: 1, delay: micros(10) }, 3)
    assert.deepEqual(ids(late.arrivals), [0, 0, 1, 1, 2, 2])
    for (const arrival of late.arrivals) assert.ok(arrival.valid && arrival.checksum === 'complete')
  })

  it('lets a reordered packet be overtaken by as many as its depth says', () => {
    for (const through of [sendThrough, receiveThrough]) {
      for (const delay of [micros(0), micros(700)]) {
        const { link, arrivals } = through({ reorder: 0.1, reorderDepth: 2, delay, seed: 3 }, 400)
        assert.deepEqual(
          [...ids(arrivals)].sort((a, b) => a - b),
          upTo(400),
        )
        const moved = arrivals.filter((arrival, place) => arrival.id < place).length
        assert.ok(moved > 20)
        const { send, receive } = link.counters
        assert.ok(send.reordered + receive.reordered >= moved)
        arrivals.forEach((arrival, place) => {
          const before = arrivals.slice(0, place).filter((other) => other.id > arrival.id).length
          assert.ok(before <= 4, `${arrival.id} was overtaken by ${before}`)
        })
      }
    }
  })

  it('releases a reordered packet after its delay when none comes to overtake it', () => {
    const { arrivals } = sendThrough({ reorder: 1, reorderDelay: micros(300), delay: micros(50) }, 1)
    assert.deepEqual(
      arrivals.map(({ id, at }) => [id, at]),
      [[0, 350]],
    )
  })

  it('delays, and keeps order under jitter', () => {
    const { arrivals } = sendThrough({ delay: micros(1000), jitter: micros(400) }, 100, {}, 10)
    assert.deepEqual(ids(arrivals), upTo(100))
    arrivals.forEach(({ id, at }) => {
      assert.ok(at >= id * 10 + 1000 && at <= 99 * 10 + 1400)
    })
    assert.ok(new Set(arrivals.map(({ id, at }) => at - id * 10)).size > 10)
  })

  it('puts packets on the line one after another, and loses what its queue cannot hold', () => {
    // 1000 bytes at 8 Mbit/s take 1000 µs.
    const faults = { rate: 8_000_000, queueBytes: 3000, delay: micros(5) }
    const { link, arrivals } = sendThrough(faults, 5, { payload: pattern(946) })
    assert.deepEqual(
      arrivals.map(({ id, at }) => [id, at]),
      [
        [0, 1005],
        [1, 2005],
        [2, 3005],
      ],
    )
    assert.equal(link.counters.send.overflowed, 2)
    assert.equal(sendThrough({ delay: micros(9), queueBytes: 3000 }, 5, { payload: pattern(946) }).arrivals.length, 3)
  })

  it('cuts super-segments of either direction, so that one loss is one packet', () => {
    const shape = { payload: pattern(50_000), segmentSize: 1000, splitAt: 12_345 }
    for (const through of [sendThrough, receiveThrough]) {
      for (const delay of [micros(0), micros(80)]) {
        const { link, arrivals } = through({ loss: 0.2, delay, seed: 5 }, 4, shape)
        const { send, receive } = link.counters
        assert.equal(send.packets + receive.packets, 200)
        assert.ok(arrivals.length > 130 && arrivals.length < 190)
        for (const { bytes, valid, checksum } of arrivals) {
          assert.equal(bytes.length, 1054)
          // At no delay an unharmed packet may keep what the cable takes unfinished.
          assert.ok(checksum === 'complete' ? valid : checksum === 'partial' && through === sendThrough && delay === 0)
          const parsed = parseFrame(bytes)
          assert.deepEqual(parsed.payload, shape.payload.subarray(parsed.seq - 1000, parsed.seq))
        }
      }
    }
  })

  it('damages one bit of every packet so that a checksum always tells', () => {
    const shapes = fc.record({
      protocol: fc.constantFrom('tcp' as const, 'udp' as const),
      ipOptions: fc.constantFrom(0, 4, 40),
      tcpOptions: fc.constantFrom(0, 12, 40),
      payload: fc.integer({ min: 0, max: 300 }).map((n) => pattern(n)),
      seed: fc.integer(),
      below: fc.boolean(),
      partial: fc.boolean(),
    })
    fc.assert(
      fc.property(shapes, ({ seed, below, ...shape }) => {
        const through = below ? sendThrough : receiveThrough
        const { link, arrivals } = through({ corrupt: 1, seed }, 8, shape)
        assert.equal(arrivals.length, 8)
        assert.equal(link.counters.send.corrupted + link.counters.receive.corrupted, 8)
        for (const { bytes, valid, checksum } of arrivals) {
          assert.equal(valid, false)
          assert.equal(checksum, 'complete')
          const id = (bytes[18]! << 8) | bytes[19]!
          const intact = [...Array(8).keys()].map((i) => whole({ ...shape, id: i }))
          const distances = intact.map((original) => bitDistance(original, bytes))
          assert.ok(distances.includes(1), `${distances} at ${id}`)
        }
      }),
      { numRuns: 200 },
    )
  })

  it('damages headers and payloads alike, and never its source', () => {
    const frame = makeFrame({ payload: pattern(100) })
    const before = [...frame.payload]
    const cable = new Cable()
    const link = new FaultLink(cable.a, { corrupt: 1 })
    const places = new Set<string>()
    for (let i = 0; i < 400; i++) {
      link.send(makeFrame({ payload: pattern(100) }), micros(0))
      link.send(frame, micros(0))
      link.flush(micros(0))
      cable.b.receive(micros(0), (arrived) => {
        const original = whole({ payload: pattern(100) })
        const at = original.findIndex((byte, n) => byte !== arrived.bytes[arrived.start + n])
        places.add(at < 14 ? 'ethernet' : at < 34 ? 'ip' : at < 54 ? 'tcp' : 'payload')
      })
    }
    assert.deepEqual([...places].sort(), ['ip', 'payload', 'tcp'])
    assert.deepEqual([...frame.payload], before)
  })

  it('drops, as Ethernet would, a damaged frame that has no checksum of its own', () => {
    const cable = new Cable()
    const link = new FaultLink(cable.a, { corrupt: 1 })
    const arp = makeFrame({ partial: false })
    arp.view.setUint16(12, 0x0806)
    assert.equal(link.send(arp, micros(0)), true)
    assert.equal(cable.b.pollAt(), NEVER)
    assert.equal(link.counters.send.corrupted, 1)
  })

  it('is a pure function of its seed with every fault at once', () => {
    const faults: FaultOptions = {
      loss: 0.05,
      duplicate: 0.02,
      reorder: 0.05,
      corrupt: 0.02,
      delay: micros(3000),
      jitter: micros(2000),
      rate: 50e6,
      seed: 99,
    }
    const shape = { payload: pattern(20_000), segmentSize: 1400 }
    const trace = (seed: number) =>
      sendThrough({ ...faults, seed }, 60, shape, 900).arrivals.map(
        ({ at, bytes }) => `${at} ${Buffer.from(bytes).toString('hex')}`,
      )
    assert.deepEqual(trace(99), trace(99))
    assert.notDeepEqual(trace(99), trace(100))
  })

  it('loses in bursts, and no more than it was told to in the long run', () => {
    for (const [loss, burst, burstLoss] of [
      [0.05, 5, 1],
      [0.05, 10, 0.5],
      [0.6, 1.2, 1],
      [0.5, 4, 0.2],
    ] as const) {
      const { link, arrivals } = sendThrough({ loss, burst, burstLoss, seed: 3 }, 20_000, { payload: pattern(1) })
      const { lost } = link.counters.send
      assert.ok(Math.abs(lost / 20_000 - loss) < 0.02, `${lost} of 20,000 at ${loss}`)
      const bursts = arrivals.filter(({ id }, place) => id !== (place === 0 ? 0 : arrivals[place - 1]!.id + 1)).length
      if (burstLoss === 1 && loss < 0.5) assert.ok(Math.abs(lost / bursts - burst) < 1, `${lost} in ${bursts} bursts`)
    }
  })

  it('lets nothing pass while it is down, and nothing larger than its MTU', () => {
    const { link, arrivals } = sendThrough({ down: true }, 5)
    assert.deepEqual([arrivals.length, link.counters.send.lost], [0, 5])
    // 20 bytes of IPv4 header, 20 of TCP's, and the payload.
    for (const [size, passes] of [
      [1360, 1],
      [1361, 0],
    ] as const) {
      const through = receiveThrough({ mtu: 1400 }, 1, { payload: pattern(size) })
      assert.deepEqual([through.arrivals.length, through.link.counters.receive.oversized], [passes, 1 - passes])
    }
  })

  it('counts what waits, in bytes and in packets, and for how long', () => {
    const cable = new Cable()
    // 1000 bytes at 8 Mbit/s take 1000 µs.
    const link = new FaultLink(cable.a, { rate: 8_000_000, queuePackets: 3 })
    for (let id = 0; id < 5; id++) link.send(makeFrame({ id, payload: pattern(946) }), micros(0))
    assert.equal(link.counters.send.overflowed, 2)
    const waited = { mostBytes: 3000, meanDelay: 1000, longestDelay: 2000 }
    assert.deepEqual(link.queues(micros(0)).send, { bytes: 3000, packets: 3, ...waited })
    assert.deepEqual(link.queues(micros(1000)).send, { bytes: 2000, packets: 2, ...waited })
    assert.deepEqual(ids(run(link, cable.b)), [0, 1, 2])
    assert.deepEqual(link.queues(micros(9000)).send, { bytes: 0, packets: 0, ...waited })
  })

  it('takes other faults while it runs', () => {
    const cable = new Cable()
    const link = new FaultLink(cable.a, { loss: 1 })
    link.send(makeFrame({ id: 1 }), micros(0))
    link.configure({ delay: micros(7) })
    link.send(makeFrame({ id: 2 }), micros(0))
    assert.deepEqual(ids(run(link, cable.b)), [2])
    assert.throws(() => link.configure({ loss: 2 }), /loss must be from 0 to 1, got 2/)
    assert.throws(() => new FaultLink(cable.a, { receive: { rate: 0 } }), /rate must be more than 0, got 0/)
    assert.throws(() => new FaultLink(cable.a, { delay: Number.NaN as Micros }), /delay must be 0 or more, got NaN/)
    assert.throws(() => new FaultLink(cable.a, { reorderDepth: 0 }), RangeError)
  })
})

/** What arrives of a frame that nothing happened to. */
function whole(shape: FrameShape): Uint8Array {
  const frame = makeFrame({ ...shape, partial: false })
  const bytes = new Uint8Array(frame.length)
  frame.copyTo(bytes, 0)
  return bytes
}

function bitDistance(a: Uint8Array, b: Uint8Array): number {
  if (a.length !== b.length) return Number.POSITIVE_INFINITY
  let bits = 0
  a.forEach((byte, i) => {
    for (let rest = byte ^ b[i]!; rest > 0; rest >>= 1) bits += rest & 1
  })
  return bits
}
