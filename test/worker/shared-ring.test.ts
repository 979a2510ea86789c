import assert from 'node:assert/strict'
import { once } from 'node:events'
import { describe, it } from 'node:test'
import { Worker } from 'node:worker_threads'
import fc from 'fast-check'
import { ownRingMemory, RING_HEAD_WORDS, RingReader, RingWriter } from '../../src/worker/shared-ring.ts'
import { StreamChecker } from '../real/stream.ts'

const CAPACITY = 64

function ring(): { writer: RingWriter; reader: RingReader } {
  const memory = ownRingMemory(CAPACITY)
  return { writer: new RingWriter(memory), reader: new RingReader(memory) }
}

/** A ring, and the plain queue that it must behave as. */
class Model {
  readonly writer: RingWriter
  readonly reader: RingReader
  readonly queue: number[] = []
  #next = 0

  constructor(start: number) {
    const memory = ownRingMemory(CAPACITY)
    this.writer = new RingWriter(memory)
    this.reader = new RingReader(memory)
    // As after so many bytes: the counts are near the end of their range.
    this.writer.commit(start)
    this.reader.consume(start)
  }

  fresh(count: number): Uint8Array {
    return Uint8Array.from({ length: count }, () => this.#next++ & 0xff)
  }

  check(): void {
    assert.equal(this.reader.length, this.queue.length)
    assert.equal(this.writer.length, this.queue.length)
    assert.equal(this.writer.reserve(), CAPACITY - this.queue.length)
  }
}

type Step = (model: Model) => void
const size = fc.integer({ min: 0, max: CAPACITY + 10 })

const steps: fc.Arbitrary<Step> = fc.oneof(
  size.map((count) => (model: Model) => {
    const bytes = model.fresh(count)
    const taken = model.writer.write(bytes, 0)
    assert.equal(taken, Math.min(count, CAPACITY - model.queue.length))
    model.queue.push(...bytes.subarray(0, taken))
  }),
  size.map((count) => (model: Model) => {
    const region = model.writer.region()
    const part = model.fresh(Math.min(count, region.length))
    region.set(part)
    model.writer.commit(part.length)
    model.queue.push(...part)
  }),
  size.map((count) => (model: Model) => {
    const target = new Uint8Array(count)
    const got = model.reader.read(target)
    assert.deepEqual([...target.subarray(0, got)], model.queue.splice(0, count))
  }),
  size.map((count) => (model: Model) => {
    const run = model.reader.peek()
    const taken = Math.min(count, run.length)
    assert.ok(run.length > 0 || model.queue.length === 0)
    assert.deepEqual([...run.subarray(0, taken)], model.queue.splice(0, taken))
    model.reader.consume(taken)
  }),
  fc.constant((model: Model) => {
    const left = [...model.queue]
    const apart = model.reader.detached()
    const target = new Uint8Array(CAPACITY)
    assert.deepEqual([...target.subarray(0, apart.read(target))], left)
  }),
)

describe('a shared ring', () => {
  it('is a queue of bytes, whatever is done to it and however many have passed', () => {
    const start = fc.constantFrom(0, 1, CAPACITY - 1, 2 ** 31 - 10, -10)
    fc.assert(
      fc.property(start, fc.array(steps, { maxLength: 60 }), (from, todo) => {
        const model = new Model(from)
        for (const step of todo) {
          step(model)
          model.check()
        }
      }),
      { numRuns: 500 },
    )
  })

  it('begins again at its first byte when it is empty', () => {
    const { writer, reader } = ring()
    for (let i = 0; i < 100; i++) {
      const region = writer.region()
      assert.deepEqual([region.byteOffset, region.length], [0, CAPACITY])
      writer.commit(7)
      assert.equal(reader.peek().byteOffset, 0)
      reader.consume(7)
    }
  })

  it('tells a reader that waits, once, and none that does not', () => {
    const { writer, reader } = ring()
    writer.commit(1)
    assert.equal(writer.takeReader(), false)
    assert.equal(reader.waitForBytes(), false)
    reader.consume(1)
    assert.equal(reader.waitForBytes(), true)
    writer.commit(1)
    assert.equal(writer.takeReader(), true)
    assert.equal(writer.takeReader(), false)
  })

  it('tells a writer that waits once half of it is free', () => {
    const { writer, reader } = ring()
    assert.equal(writer.waitForRoom(), false)
    writer.commit(CAPACITY)
    assert.equal(writer.waitForRoom(), true)
    reader.consume(CAPACITY / 2 - 1)
    assert.equal(reader.takeWriter(), false)
    reader.consume(1)
    assert.equal(reader.takeWriter(), true)
    assert.equal(reader.takeWriter(), false)
    assert.equal(writer.waitForRoom(), false)
  })

  it('ends behind its last byte, and wakes a reader by that', () => {
    const { writer, reader } = ring()
    writer.commit(3)
    writer.end()
    assert.equal(reader.isEnded, false)
    reader.consume(3)
    assert.equal(reader.isEnded, true)
    assert.equal(reader.waitForBytes(), false)
    assert.equal(reader.detached().isEnded, true)
  })

  it('carries a stream between two threads that run at once', { timeout: 60_000 }, async () => {
    const length = 16 << 20
    const memory = {
      words: new Int32Array(new SharedArrayBuffer(4 * RING_HEAD_WORDS)),
      bytes: new Uint8Array(new SharedArrayBuffer(4096)),
    }
    const worker = new Worker(new URL('./ring-writer-main.js', import.meta.url), { workerData: { memory, length } })
    await once(worker, 'online')
    const reader = new RingReader(memory)
    const checker = new StreamChecker(1)
    const target = new Uint8Array(3000)
    while (!reader.isEnded) checker.take(target.subarray(0, reader.read(target)))
    assert.deepEqual([checker.received, checker.wrongAt], [length, -1])
    await once(worker, 'exit')
  })
})
