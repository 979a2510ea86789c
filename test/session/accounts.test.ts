import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { below, chance, type Rng, seededRng } from '../../src/base/rng.ts'
import type { SessionStream } from '../../src/session/streams/stream-types.ts'
import { assertAtRest } from './at-rest.ts'
import { MBIT, SessionPair } from './pair.ts'
import { SEED } from './property.ts'

const STREAMS = 10_000
const OPENING = { service: 'web', target: '', source: '' }
const OCTETS = new Uint8Array(20_000)

/** Writes something, and then ends, resets or stops as chance has it. */
function use(stream: SessionStream, rng: Rng, after: (act: () => void) => void): void {
  stream.events = {
    onReadable: () => {
      if (chance(rng, 0.9)) while (stream.read() !== undefined);
      if (chance(rng, 0.05)) stream.stop(1)
    },
  }
  stream.write(OCTETS.subarray(0, below(rng, OCTETS.length)))
  const isReset = chance(rng, 0.25)
  after(() => {
    if (isReset) stream.reset(2)
    else stream.end()
    // Whatever it has left undone.
    after(() => {
      while (stream.read() !== undefined);
      stream.events = {
        onReadable: () => {
          while (stream.read() !== undefined);
        },
      }
    })
  })
}

describe('10,000 streams, of which about half are reset', () => {
  it('leave the session as it was: no credit is lost, nothing is kept', (t) => {
    t.diagnostic(`GOTCP_SEED=${SEED}`)
    const rng = seededRng(SEED)
    const pair = new SessionPair()
    const lines = [
      { rate: 200 * MBIT, delay: 5_000 },
      { rate: 100 * MBIT, delay: 30_000 },
      { rate: 50 * MBIT, delay: 2_000 },
    ]
    for (const line of lines) pair.addPath(line)
    const later = (act: () => void): void => pair.at(pair.now / 1e6 + below(rng, 200) / 1000, act)
    pair.server.onStream = (stream) => use(stream, rng, later)
    for (let i = 0; i < STREAMS; i++) {
      const opener = chance(rng, 0.5) ? pair.client : pair.server
      pair.at(i / 1000, () => use(opener.openStream(OPENING), rng, later))
    }
    pair.client.onStream = pair.server.onStream
    // Now and then a path is gone, with what was on it.
    for (let i = 1; i < 20; i++) {
      pair.at(i / 2, () => {
        const { client, server } = pair.paths.at(-1)!
        pair.client.dropPath(client, 'cut')
        pair.server.dropPath(server, 'cut')
        pair.addPath(lines[i % 3]!)
      })
    }
    pair.run(STREAMS / 1000 + 5)
    const { client, server } = pair
    assert.equal(client.counters.streamsOpened + server.counters.streamsOpened, STREAMS)
    assert.equal(client.counters.faults + server.counters.faults, 0)
    assertAtRest(pair)
  })
})
