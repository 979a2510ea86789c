import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { MAX_UNREAD, STREAM_WINDOW } from '../../src/session/limits.ts'
import type { SessionStream } from '../../src/session/streams/stream-types.ts'
import { MBIT, SessionPair } from './pair.ts'

const OPENING = { service: 'bulk', target: '', source: '' }
const CHUNK = new Uint8Array(65_536)

/** Writes zeros as fast as the stream lets it. */
function pour(stream: SessionStream, octets: number): void {
  let left = octets
  const more = (): void => {
    for (let goesOn = true; goesOn && left > 0; left -= CHUNK.length) goesOn = stream.write(CHUNK)
    if (left <= 0) stream.end()
  }
  stream.events.onWritable = more
  more()
}

/** Reads all that comes, and says when so much has been. */
function swallow(stream: SessionStream, enough: number, onEnough: () => void): { octets: number } {
  const count = { octets: 0 }
  stream.events.onReadable = () => {
    for (let bytes = stream.read(); bytes !== undefined; bytes = stream.read()) count.octets += bytes.length
    if (count.octets >= enough) onEnough()
  }
  return count
}

/** How long 8 MiB take on a stream of their own, after so many whose readers do nothing. */
function timeBeside(stalled: number): { seconds: number; held: number } {
  const octets = 8 * 1_048_576
  const pair = new SessionPair()
  pair.addPath({ rate: 400 * MBIT, delay: 5_000 })
  pair.addPath({ rate: 400 * MBIT, delay: 5_000 })
  let doneAt = 0
  pair.server.onStream = (stream) => {
    if (stream.service === 'bulk') return
    swallow(stream, octets, () => {
      doneAt ||= pair.now
    })
  }
  for (let i = 0; i < stalled; i++) pour(pair.client.openStream(OPENING), 1_048_576)
  // Windows and paths have found their sizes by then.
  pour(pair.client.openStream({ ...OPENING, service: 'warm' }), octets)
  pair.run(4)
  doneAt = 0
  pour(pair.client.openStream({ ...OPENING, service: 'fast' }), octets)
  pair.run(6)
  assert.ok(doneAt > 0, 'it has arrived')
  return { seconds: doneAt / 1e6 - 4, held: pair.server.load.unread }
}

describe('1,000 streams whose readers do nothing', () => {
  it('hold their own windows and no more, and the next stream goes at full speed', (t) => {
    const [alone, beside] = [timeBeside(0), timeBeside(1000)]
    t.diagnostic(`${alone.seconds} s alone, ${beside.seconds} s beside, ${beside.held} octets are held`)
    assert.ok(beside.held <= Math.min(1000 * STREAM_WINDOW, MAX_UNREAD))
    assert.ok(beside.seconds <= 1.05 * alone.seconds, `${beside.seconds} against ${alone.seconds} s`)
  })
})

describe('streams that want all there is', () => {
  it('share it evenly', () => {
    const pair = new SessionPair()
    pair.addPath({ rate: 50 * MBIT, delay: 10_000 })
    pair.addPath({ rate: 20 * MBIT, delay: 20_000 })
    const counts: { octets: number }[] = []
    pair.server.onStream = (stream) => counts.push(swallow(stream, Number.POSITIVE_INFINITY, () => undefined))
    for (let i = 0; i < 10; i++) pour(pair.client.openStream(OPENING), 100_000_000)
    pair.run(4)
    const octets = counts.map((count) => count.octets)
    assert.ok(Math.min(...octets) >= 0.8 * Math.max(...octets), `${octets}`)
  })

  it('share with one that was alone before, and one that comes later', () => {
    const pair = new SessionPair()
    pair.addPath({ rate: 50 * MBIT, delay: 10_000 })
    const counts: { octets: number }[] = []
    pair.server.onStream = (stream) => counts.push(swallow(stream, Number.POSITIVE_INFINITY, () => undefined))
    pour(pair.client.openStream(OPENING), 100_000_000)
    pair.run(3)
    pour(pair.client.openStream(OPENING), 100_000_000)
    pair.run(4)
    const before = counts.map((count) => count.octets)
    pair.run(7)
    const [first, second] = counts.map((count, i) => count.octets - before[i]!) as [number, number]
    assert.ok(Math.min(first, second) >= 0.8 * Math.max(first, second), `${first} and ${second}`)
  })
})
