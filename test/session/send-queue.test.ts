import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { SendQueue } from '../../src/session/streams/send-queue.ts'
import { check } from './property.ts'

type Span = { from: number; to: number; isEnd: boolean }

/** What the octet at an offset is. */
const octet = (offset: number): number => (offset * 7 + (offset >> 8)) & 0xff

function bytesAt(from: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => octet(from + i))
}

function octetsOf(queue: SendQueue, from: number, to: number): number[] {
  const octets: number[] = []
  queue.pieces(from, to, (bytes) => octets.push(...bytes))
  return octets
}

const step = fc.oneof(
  fc.record({ kind: fc.constant('write' as const), size: fc.integer({ min: 0, max: 40 }) }),
  fc.record({ kind: fc.constant('send' as const), size: fc.integer({ min: 1, max: 50 }) }),
  fc.record({ kind: fc.constantFrom('ack' as const, 'lose' as const, 'late ack' as const), size: fc.nat(1000) }),
  fc.record({ kind: fc.constant('end' as const), size: fc.constant(0) }),
)

/** A queue, and beside it what every octet has been through. */
class Model {
  readonly queue = new SendQueue()
  readonly flying: Span[] = []
  readonly lost: Span[] = []
  readonly acked = new Set<number>()
  written = 0

  write(size: number): void {
    if (this.queue.isEnded) return
    this.queue.write(bytesAt(this.written, size))
    this.written += size
  }

  send(most: number, credit: number): boolean {
    const { queue } = this
    const from = queue.nextFrom()
    const to = queue.nextTo(most, credit)
    const mayEnd = queue.isEnded && to === queue.written && queue.hasLost
    assert.ok(from <= to && to - from <= most)
    if (from === to && !mayEnd) return false
    const isEnd = queue.take(from, to)
    assert.equal(isEnd, queue.isEnded && to === queue.written)
    for (let at = from; at < to; at++) assert.ok(!this.acked.has(at), 'what arrived is not sent again')
    assert.deepEqual(octetsOf(queue, from, to), [...bytesAt(from, to - from)])
    this.flying.push({ from, to, isEnd })
    return true
  }

  ack(span: Span | undefined): void {
    if (span === undefined) return
    this.queue.onAcked(span.from, span.to, span.isEnd)
    for (let at = span.from; at < span.to; at++) this.acked.add(at)
  }

  check(): void {
    const { queue } = this
    let first = 0
    while (this.acked.has(first)) first++
    assert.equal(queue.acked, first, 'all before it is acknowledged')
    assert.equal(queue.written, this.written)
    assert.ok(queue.sent <= queue.written)
  }
}

function play(steps: readonly { kind: string; size: number }[]): Model {
  const model = new Model()
  const { queue, flying, lost } = model
  for (const { kind, size } of steps) {
    if (kind === 'write') model.write(size)
    else if (kind === 'end') queue.isEnded = true
    else if (kind === 'send') model.send(size, model.written)
    else if (kind === 'ack') model.ack(flying.splice(size % (flying.length || 1), 1)[0])
    else if (kind === 'late ack') model.ack(lost.splice(size % (lost.length || 1), 1)[0])
    else {
      const span = flying.splice(size % (flying.length || 1), 1)[0]
      if (span !== undefined) {
        queue.onLost(span.from, span.to, span.isEnd)
        lost.push(span)
      }
    }
    model.check()
  }
  return model
}

describe('SendQueue', () => {
  it('brings every octet and the end across, whatever is lost or acknowledged late', (t) => {
    check(
      t,
      fc.property(fc.array(step, { maxLength: 80 }), fc.integer({ min: 1, max: 30 }), (steps, most) => {
        const model = play(steps)
        const { queue, flying } = model
        queue.isEnded = true
        while (model.send(most, model.written)) model.check()
        while (flying.length > 0) model.ack(flying.pop())
        model.check()
        assert.ok(queue.isDone, `${queue.acked} of ${queue.written}`)
        assert.ok(!queue.hasLost)
      }),
      2000,
    )
  })

  it('sends no new octet beyond the credit', (t) => {
    check(
      t,
      fc.property(fc.nat(100), fc.nat(100), fc.integer({ min: 1, max: 20 }), (size, credit, most) => {
        const model = new Model()
        model.write(size)
        while (model.send(most, credit)) model.check()
        assert.equal(model.queue.sent, Math.min(size, credit))
      }),
    )
  })

  it('joins all that is acknowledged when a hole fills', () => {
    const queue = new SendQueue()
    queue.write(new Uint8Array(8))
    queue.isEnded = true
    queue.take(0, 8)
    queue.onAcked(5, 6, false)
    queue.onAcked(7, 8, true)
    queue.onAcked(0, 7, false)
    assert.equal(queue.acked, 8)
    assert.ok(queue.isDone)
  })

  it('keeps no more than twice what stands still', () => {
    const queue = new SendQueue()
    // A view of Node's, whose `slice` copies nothing.
    queue.write(Buffer.from(bytesAt(0, 100).slice().buffer))
    const held = (): number => {
      let octets = 0
      queue.pieces(queue.sent, queue.written, ({ buffer }) => (octets += buffer.byteLength))
      return octets
    }
    queue.take(0, 40)
    queue.onAcked(0, 40, false)
    assert.equal(held(), 100)
    queue.take(40, 60)
    queue.onAcked(40, 60, false)
    assert.equal(held(), 40)
    assert.deepEqual(octetsOf(queue, 60, 100), [...bytesAt(60, 40)])
  })

  it('ends where it is when its user is told to stop', () => {
    const queue = new SendQueue()
    queue.write(new Uint8Array(100))
    queue.take(0, 40)
    queue.onLost(10, 20, false)
    queue.clear()
    queue.isEnded = true
    assert.equal(queue.nextFrom(), 40)
    assert.equal(queue.nextTo(100, 100), 40)
    assert.ok(queue.take(40, 40))
    queue.onLost(40, 40, true)
    assert.ok(queue.hasLost)
    assert.ok(queue.take(40, 40))
    queue.onAcked(40, 40, true)
    assert.ok(queue.isDone)
  })

  it('lets go of what is acknowledged', () => {
    const queue = new SendQueue()
    for (let i = 0; i < 10_000; i++) {
      queue.write(bytesAt(16 * i, 16))
      queue.take(16 * i, 16 * i + 16)
      if (i >= 10) queue.onAcked(16 * (i - 10), 16 * (i - 9), false)
    }
    assert.deepEqual(octetsOf(queue, 16 * 9990, 160_000), [...bytesAt(16 * 9990, 160)])
  })
})
