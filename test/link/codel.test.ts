import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { finishSum, foldSum } from '../../src/base/checksum.ts'
import { micros, NEVER } from '../../src/base/types.ts'
import { Cable } from '../../src/link/cable.ts'
import { CoDel } from '../../src/link/codel.ts'
import { FaultLink, type FaultOptions } from '../../src/link/fault.ts'
import { makeFrame, pattern } from './frames.ts'

const TARGET = 5000
const INTERVAL = 100_000

describe('CoDel', () => {
  /** The times at which packets that leave every millisecond, each having waited for `sojourn`, are to go. */
  function signals(until: number, sojourn: (now: number) => number): number[] {
    const codel = new CoDel()
    const times: number[] = []
    for (let now = 1000; now <= until; now += 1000) {
      if (codel.signals(now, sojourn(now), true, TARGET, INTERVAL)) times.push(now)
    }
    return times
  }

  it('leaves a burst alone that is gone within an interval (RFC 8289 §4.2)', () => {
    assert.deepEqual(
      signals(1_000_000, (now) => (now % 100_000 === 0 ? 0 : 50_000)),
      [],
    )
  })

  it('leaves a queue alone that holds no more than one packet (RFC 8289 §5.4)', () => {
    const codel = new CoDel()
    for (let now = 1000; now < 1_000_000; now += 1000) {
      assert.equal(codel.signals(now, 50_000, false, TARGET, INTERVAL), false)
    }
  })

  it('drops after one interval, then at intervals that shrink with the root of the count (RFC 8289 §5.5)', () => {
    const times = signals(500_000, () => 20_000)
    assert.equal(times[0], 1000 + INTERVAL)
    // 100 ms, 100/sqrt(2), 100/sqrt(3), …, at the next packet.
    const gaps = times.slice(1).map((time, i) => time - times[i]!)
    assert.deepEqual(gaps.slice(0, 4), [100_000, 71_000, 58_000, 50_000])
  })

  it('goes on where it was when the queue comes back soon (RFC 8289 §5.5)', () => {
    const times = signals(1_200_000, (now) => (now > 500_000 && now < 510_000 ? 0 : 20_000))
    const again = times.filter((time) => time > 510_000)
    assert.ok(again[1]! - again[0]! < 60_000, `${again[1]! - again[0]!}`)
  })
})

/** Six seconds of packets, 5 % more than the line carries; what waits at their end, and what became of all. */
function overload(options: FaultOptions, tos: number) {
  const cable = new Cable()
  // 1000 bytes at 8 Mbit/s take a millisecond.
  const link = new FaultLink(cable.a, { rate: 8_000_000, queueBytes: 1_000_000, seed: 1, ...options })
  let marked = 0
  for (let i = 0; i < 6300; i++) {
    const frame = makeFrame({ id: i, payload: pattern(946) })
    setTos(frame.view, frame.start + 14, tos)
    link.send(frame, micros(i * 950))
  }
  const waiting = link.queues(micros(6_000_000)).send
  for (let at = link.pollAt(); at !== NEVER; at = Math.min(link.pollAt(), cable.b.pollAt()) as typeof at) {
    link.flush(at)
    cable.b.receive(at, ({ bytes, view, start }) => {
      let sum = 0
      for (let i = 0; i < 20; i += 2) sum += view.getUint16(start + 14 + i)
      assert.equal(foldSum(sum), 0xffff, 'the checksum of the IP header holds')
      if ((bytes[start + 15]! & 3) === 3) marked++
    })
  }
  return { waiting, counters: link.counters.send, marked }
}

function setTos(view: DataView, ip: number, tos: number): void {
  view.setUint8(ip + 1, tos)
  view.setUint16(ip + 10, 0)
  let sum = 0
  for (let i = 0; i < 20; i += 2) sum += view.getUint16(ip + i)
  view.setUint16(ip + 10, finishSum(sum))
}

describe('FaultLink with CoDel', () => {
  it('drops nothing while a packet leaves no more than one behind, however slow the line (RFC 8289 §5.4)', () => {
    // A packet takes 100 ms, and another comes just before each leaves.
    const link = new FaultLink(new Cable().a, { rate: 80_000, codel: micros(TARGET), seed: 1 })
    const send = (id: number, now: number): boolean => link.send(makeFrame({ id, payload: pattern(946) }), micros(now))
    send(0, 0)
    send(1, 0)
    for (let id = 2; id < 50; id++) send(id, (id - 1) * 100_000 - 1)
    link.flush(micros(10_000_000))
    assert.equal(link.counters.send.dropped, 0)
  })

  it('keeps a queue short that would fill', () => {
    const plain = overload({}, 0)
    const kept = overload({ codel: micros(TARGET) }, 0)
    assert.ok(plain.waiting.bytes > 250_000 && plain.counters.dropped === 0)
    assert.ok(kept.waiting.bytes < plain.waiting.bytes / 10, `${kept.waiting.bytes}`)
    assert.ok(kept.counters.dropped > 50)
    assert.equal(kept.counters.marked, 0)
  })

  it('marks instead of dropping where packets may be marked, checksum and all (RFC 3168 §5)', () => {
    for (const tos of [1, 2, 0xb9]) {
      const { counters, marked } = overload({ codel: micros(TARGET) }, tos)
      assert.equal(counters.dropped, 0)
      assert.ok(counters.marked > 50)
      assert.equal(marked, counters.marked)
    }
    assert.ok(overload({ codel: micros(TARGET), ecn: false }, 2).counters.dropped > 50)
  })
})
