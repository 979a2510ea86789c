import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { below, chance, type Rng, seededRng } from '../../src/base/rng.ts'
import { MAX_BEHIND, MAX_REFUSED, SESSION_WINDOW, STREAM_WINDOW } from '../../src/session/limits.ts'
import { ROLES } from '../../src/session/records/frame.ts'
import { RecordWriter } from '../../src/session/records/record-writer.ts'
import type { SessionStream } from '../../src/session/streams/stream-types.ts'
import { SEED, TIMES } from './property.ts'
import { type RawPath, RawPeer } from './raw-peer.ts'
import { type Frame, taken, writeFrame } from './records.ts'

type Written = Exclude<Frame, { type: 'PADDING' }>

const OPENING = { service: 'web', target: '', source: '' }
const open = (id: number): Written => ({ type: id % 4 >= 2 ? 'OPEN_FLOW' : 'OPEN', id, ...OPENING })
const zeros = (octets: number): string => '00'.repeat(octets)

/** A session with a stream and a flow of each side, whose users read nothing and say nothing. */
function begin(): { peer: RawPeer; path: RawPath; ours: SessionStream } {
  const peer = new RawPeer()
  peer.session.onStream = () => undefined
  peer.session.onFlow = () => undefined
  const path = peer.addPath()
  const ours = peer.session.openStream(OPENING)
  ours.write(new Uint8Array(5000))
  peer.session.openFlow(OPENING).send(new Uint8Array(100))
  path.send(open(0), open(2))
  return { peer, path, ours }
}

const reset = (id: number, final: number): Written => ({ type: 'RESET', id, code: 0, final })
const stream = (id: number, offset: number, octets: number, isEnd = false): Written => ({
  type: isEnd ? 'STREAM_END' : 'STREAM',
  id,
  offset,
  payload: zeros(octets),
})

describe('a peer that breaks the protocol', () => {
  const cases: readonly [what: string, fault: string, frames: readonly Written[]][] = [
    ['acknowledges what was never sent', 'ack-of-nothing', [{ type: 'ACK', path: 0, count: 1000, delay: 0 }]],
    ['sends on a stream that only we may open', 'stream-number-wrong', [stream(5, 0, 1)]],
    ['sends a datagram on a flow that only we may open', 'stream-number-wrong', [datagram(7)]],
    ['opens a stream of ours', 'stream-number-wrong', [open(9)]],
    ['resets a stream of ours that never was', 'stream-number-wrong', [reset(401, 0)]],
    ['stops a stream of ours that never was', 'stream-number-wrong', [{ type: 'STOP', id: 401, code: 0 }]],
    ['numbers a stream from too far', 'stream-number-wrong', [open(4 * 65_538)]],
    ['numbers a stream with the largest number there is', 'stream-number-wrong', [open(2 ** 53 - 4)]],
    ['sends octets on a flow', 'stream-number-wrong', [stream(2, 0, 5)]],
    ['stops a flow', 'stream-number-wrong', [{ type: 'STOP', id: 2, code: 0 }]],
    ['sends a datagram on a stream', 'stream-number-wrong', [datagram(0)]],
    ['sends beyond the credit of a stream', 'stream-credit-exceeded', [stream(0, STREAM_WINDOW, 1)]],
    ['ends a stream beyond its credit', 'stream-credit-exceeded', [stream(0, 2 ** 52, 0, true)]],
    ['resets a stream beyond its credit', 'stream-credit-exceeded', [reset(0, STREAM_WINDOW + 1)]],
    ['sends behind the end', 'stream-end-contradicted', [stream(0, 0, 5, true), stream(0, 5, 1)]],
    ['ends twice', 'stream-end-contradicted', [stream(0, 0, 5, true), stream(0, 0, 6, true)]],
    ['ends before what it has sent', 'stream-end-contradicted', [stream(0, 100, 5), stream(0, 0, 50, true)]],
    ['resets before what it has sent', 'stream-end-contradicted', [stream(0, 100, 5), reset(0, 104)]],
    ['resets elsewhere than where it ended', 'stream-end-contradicted', [stream(0, 0, 5, true), reset(0, 6)]],
    ['sends behind a reset', 'stream-end-contradicted', [reset(0, 5), stream(0, 5, 1)]],
    ['sends more than the session allows', 'session-credit-exceeded', manyStreams()],
    ['sends nothing but gaps', 'too-many-pieces', manyGaps()],
  ]
  for (const [what, fault, frames] of cases) {
    it(`and ${what} loses that path, by the name of ${fault}`, () => {
      const { peer, path } = begin()
      for (let i = 0; i < frames.length; i += 50) path.send(...frames.slice(i, i + 50))
      assert.equal(path.path.reason, fault)
      assert.ok(path.isDestroyed)
      assert.equal(peer.session.counters.faults, 1)
      assert.equal(peer.session.paths.length, 0)
      const other = peer.addPath()
      other.send({ type: 'PING' })
      assert.equal(other.path.state, 'open', 'another one is not to blame')
    })
  }

  it('is not believed that a stream has ended', () => {
    const { peer, path, ours } = begin()
    path.send(stream(1, 0, 5), stream(1, 100, 5, true))
    path.send(reset(1, 105))
    assert.ok(!ours.isEnded)
    assert.equal(peer.session.counters.faults, 0)
  })

  it('ends one path with octets that are no records, and the others go on', () => {
    const { peer, path } = begin()
    const other = peer.addPath()
    path.sendOctets(new Uint8Array(1000).fill(0xff))
    assert.equal(path.path.reason, 'record-too-long')
    other.send(stream(0, 0, 10))
    assert.equal(peer.session.load.unread, 10)
  })
})

function datagram(id: number): Written {
  return { type: 'DATAGRAM', id, number: 0, age: 0, payload: 'aa' }
}

/** As much on each of many streams as each allows. */
function manyStreams(): Written[] {
  const count = SESSION_WINDOW / STREAM_WINDOW + 1
  return Array.from({ length: count }, (_, i) => stream(4 * i, STREAM_WINDOW - 1, 1))
}

/** Every other octet of some streams. */
function manyGaps(): Written[] {
  return Array.from({ length: 70_000 }, (_, i) => stream(4 * (i % 8), 1 + 2 * Math.floor(i / 8), 1))
}

/** A frame that may be anything, most of it near what there is. */
function randomFrame(rng: Rng): Written {
  const number = (): number => {
    const large = chance(rng, 0.5) ? below(rng, 100_000) : Math.floor(2 ** (below(rng, 53) + 0.5))
    return chance(rng, 0.8) ? below(rng, 12) : large
  }
  const code = below(rng, 9)
  const payload = zeros(below(rng, chance(rng, 0.9) ? 20 : 2000))
  const id = number()
  const frames: (() => Written)[] = [
    () => ({ type: 'PING' }),
    () => ({ type: 'ACK', path: number(), count: number(), delay: number() }),
    () => open(id),
    () => ({ type: 'ACCEPT', id }),
    () => ({ type: 'RESET', id, code, final: number() }),
    () => ({ type: 'STOP', id, code }),
    () => ({ type: 'STREAM', id, offset: Math.min(number(), 2 ** 50), payload }),
    () => ({ type: 'STREAM', id, offset: Math.min(number(), 2 ** 50), payload }),
    () => ({ type: 'STREAM_END', id, offset: Math.min(number(), 2 ** 50), payload }),
    () => ({ type: 'STREAM_CREDIT', id, limit: number() }),
    () => ({ type: 'SESSION_CREDIT', limit: number() }),
    () => ({ type: 'DATAGRAM', id, number: number(), age: number(), payload }),
    () => ({ type: 'PATH_STATUS', path: number(), number: number(), role: ROLES[below(rng, 4)]! }),
    () => (chance(rng, 0.1) ? { type: 'PATH_CLOSE' } : { type: 'PING' }),
    () => (chance(rng, 0.02) ? { type: 'CLOSE', code, reason: 'x' } : { type: 'PING' }),
  ]
  return frames[below(rng, frames.length)]!()
}

/** Records of random frames, some with a bit turned over, in random pieces. */
function attack(rng: Rng, peer: RawPeer, path: RawPath): void {
  const writer = new RecordWriter()
  for (let i = 0; i < 1 + below(rng, 20); i++) {
    writer.begin()
    for (let n = 0; n < 1 + below(rng, 6); n++) writeFrame(writer, randomFrame(rng))
    writer.finish()
  }
  const octets = taken(writer)
  if (chance(rng, 0.5)) octets[below(rng, octets.length)]! ^= 1 << below(rng, 8)
  for (let at = 0; at < octets.length; ) {
    const length = 1 + below(rng, chance(rng, 0.5) ? 10 : 3000)
    path.path.onBytes(octets.slice(at, at + length))
    at += length
    if (chance(rng, 0.3)) peer.poll()
    if (chance(rng, 0.1)) peer.run(below(rng, 1_000_000))
  }
  peer.run(10_000)
}

describe('an open session', () => {
  it('takes any frames and any octets: nothing is thrown, nothing grows', (t) => {
    t.diagnostic(`GOTCP_SEED=${SEED}`)
    const faults = new Map<string, number>()
    for (let i = 0; i < 100 * TIMES; i++) {
      const rng = seededRng(SEED + i)
      const { peer } = begin()
      peer.session.onStream = (opened) => {
        opened.events = {
          onReadable: () => {
            if (chance(rng, 0.5)) while (opened.read() !== undefined);
          },
        }
        if (chance(rng, 0.3)) opened.write(new Uint8Array(below(rng, 100_000)))
        if (chance(rng, 0.3)) opened.end()
        if (chance(rng, 0.1)) opened.reset(1)
        if (chance(rng, 0.1)) opened.stop(1)
      }
      for (let n = 0; n < 6 && !peer.session.isClosed; n++) {
        const path = peer.addPath()
        attack(rng, peer, path)
        const { reason } = path.path
        if (path.isDestroyed) faults.set(reason, (faults.get(reason) ?? 0) + 1)
        assert.ok(!path.isDestroyed || /^[a-z]+(-[a-z]+)+$/.test(reason) || /did not answer/.test(reason), reason)
        const { unread, missing } = peer.session.load
        assert.ok(unread >= 0 && missing >= 0 && unread + missing <= 2 * SESSION_WINDOW)
        assert.ok(peer.session.openCount < 2000)
      }
    }
    assert.ok(faults.size >= 9, `${[...faults.keys()]}`)
  })
})

describe('a peer that takes and gives nothing back', () => {
  it('and reads nothing has a megabyte waiting for it, not more', () => {
    const peer = new RawPeer()
    const path = peer.addPath({ isReading: false })
    const writer = new RecordWriter()
    for (let i = 0; i < 400; i++) {
      writer.begin()
      writer.ping()
      writer.finish()
    }
    const pings = taken(writer)
    const ours = peer.session.openStream(OPENING)
    ours.write(new Uint8Array(4_000_000))
    for (let i = 0; i < 150_000; i++) {
      path.path.onBytes(pings.subarray(0, 4))
      peer.session.poll(peer.now)
    }
    assert.ok(path.queued <= MAX_BEHIND + 300_000, `${path.queued}`)
    peer.run(60_000_000)
    assert.ok(path.queued <= MAX_BEHIND + 300_000, `${path.queued}`)
    assert.equal(path.path.state, 'stalled')
  })

  it('and acknowledges nothing is asked now and then, and keeps no more than it was given', () => {
    const { peer, path, ours } = begin()
    ours.write(new Uint8Array(60_000))
    peer.run(600_000_000)
    assert.equal(path.path.state, 'stalled')
    assert.ok(path.got.records.length < 200, `${path.got.records.length} records in ten minutes`)
  })

  it('and opens a million streams is let have its limit and as many refused', () => {
    for (const first of [0, 2]) {
      const peer = new RawPeer({ maxStreams: 100 })
      peer.session.onStream = () => undefined
      peer.session.onFlow = () => undefined
      const path = peer.addPath()
      for (let i = 0; i < 1_000_000 && !path.isDestroyed; i += 20) {
        path.send(...Array.from({ length: 20 }, (_, n) => open(first + 4 * (i + n))))
      }
      assert.equal(path.path.reason, 'too-many-streams')
      assert.equal(peer.session.counters.streamsAccepted, 100)
      assert.ok(peer.session.openCount <= 100 + MAX_REFUSED)
    }
  })

  it('and opens and resets them at once is held up as well', () => {
    for (const first of [0, 2]) {
      const peer = new RawPeer({ maxStreams: 100 })
      const path = peer.addPath()
      for (let i = 0; i < 60_000 && !path.isDestroyed; i += 10) {
        path.send(
          ...Array.from({ length: 10 }, (_, n) => [open(first + 4 * (i + n)), reset(first + 4 * (i + n), 0)]).flat(),
        )
      }
      assert.ok(peer.session.openCount <= 100 + MAX_REFUSED, `${peer.session.openCount}`)
      assert.ok(path.isDestroyed || first === 2)
    }
  })

  it('but acknowledges may open and reset as many as it likes', () => {
    const peer = new RawPeer({ maxStreams: 100 })
    const path = peer.addPath()
    for (let i = 0; i < 40_000; i += 20) {
      path.send(...Array.from({ length: 20 }, (_, n) => [open(4 * (i + n)), reset(4 * (i + n), 0)]).flat())
      path.acknowledge()
      path.got.frames.length = 0
    }
    assert.equal(path.path.state, 'open')
    assert.equal(peer.session.openCount, 0)
  })

  it('and begins streams that it never opens is stopped, too', () => {
    const peer = new RawPeer({ maxStreams: 100 })
    const path = peer.addPath()
    for (let i = 0; i < 1_000_000 && !path.isDestroyed; i += 20) {
      path.send(...Array.from({ length: 20 }, (_, n) => datagram(2 + 4 * (i + n))))
    }
    assert.equal(path.path.reason, 'too-many-streams')
  })

  it('and asks in a record that never ends does not have the session polled for ever', () => {
    const { path } = begin()
    path.sendOctets(Uint8Array.from([0, 0, 9, 1]))
    assert.equal(path.path.state, 'open')
  })
})
