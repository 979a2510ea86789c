import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Digest, payloadAt } from '../../src/lab/payload.ts'
import type { Pipe } from '../../src/lab/pipe.ts'
import { isIdentical, receive, send, serveSink, serveSource } from '../../src/lab/transfer.ts'

/** What a pipe does to the bytes on their way to the reader. */
type Wire = (chunk: Uint8Array) => Uint8Array | undefined

/** Two ends of a pipe in memory. */
function pipes(wire: Wire = (chunk) => chunk): readonly [Pipe, Pipe] {
  const make = (): { push: (chunk: Uint8Array | undefined) => void; read: () => Promise<Uint8Array | undefined> } => {
    const queue: (Uint8Array | undefined)[] = []
    let wake: (() => void) | undefined
    return {
      push: (chunk) => {
        queue.push(chunk)
        wake?.()
      },
      read: async () => {
        while (queue.length === 0) await new Promise<void>((resolve) => (wake = resolve))
        return queue.shift()
      },
    }
  }
  const [toA, toB] = [make(), make()]
  const end = (from: typeof toA, to: typeof toA): Pipe => ({
    write: async (chunk) => {
      const out = wire(chunk.slice())
      if (out !== undefined) to.push(out)
    },
    end: async () => to.push(undefined),
    read: () => from.read(),
    retransmits: () => 3,
    destroy: () => to.push(undefined),
  })
  return [end(toA, toB), end(toB, toA)]
}

const SIZE = 3_000_000
const ignore = (): void => {}

describe('payloadAt', () => {
  it('is the same bytes however it is cut', () => {
    const digests = [1000, 999_999, SIZE].map((most) => {
      const digest = new Digest()
      while (digest.bytes < SIZE) digest.update(payloadAt(digest.bytes, Math.min(most, SIZE - digest.bytes)))
      return digest
    })
    assert.equal(digests[0]!.bytes, SIZE)
    assert.deepEqual(digests[0], digests[1])
    assert.deepEqual(digests[0], digests[2])
  })
})

describe('a transfer', () => {
  it('is identical over a good pipe, both ways', async () => {
    const seen: number[] = []
    const [a, b] = pipes()
    const [sent] = await Promise.all([send(a, SIZE, (n) => seen.push(n)), serveSink(b)])
    assert.ok(isIdentical(sent))
    assert.equal(sent.retransmits, 3)
    assert.equal(seen.at(-1), SIZE)
    const [c, d] = pipes()
    const [received] = await Promise.all([receive(c, SIZE, ignore), serveSource(d)])
    assert.ok(isIdentical(received))
    assert.equal(received.sentCrc, sent.sentCrc)
  })

  it('tells a flipped bit and a missing piece', async () => {
    let chunks = 0
    const flip: Wire = (chunk) => {
      if (++chunks === 2) chunk[7]! ^= 1
      return chunk
    }
    const [a, b] = pipes(flip)
    const [flipped] = await Promise.all([send(a, SIZE, ignore), serveSink(b)])
    assert.equal(flipped.arrived, SIZE)
    assert.ok(!isIdentical(flipped))
    chunks = 0
    const [c, d] = pipes((chunk) => (++chunks === 2 ? undefined : chunk))
    const [short] = await Promise.all([send(c, SIZE, ignore), serveSink(d)])
    assert.ok(short.arrived < SIZE)
    assert.ok(!isIdentical(short))
  })

  it('says how far it got when the peer goes away', async () => {
    const [a, b] = pipes()
    const failing = assert.rejects(send(a, SIZE, ignore), /closed without a report after 3000000 of 3000000 bytes/)
    await b.end()
    await failing
    const [c, d] = pipes()
    const cut = assert.rejects(receive(c, SIZE, ignore), /the stream ended early after 5 of 3000000 bytes arrived/)
    await d.write(new Uint8Array(5))
    await d.end()
    await cut
  })
})
