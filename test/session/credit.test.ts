import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SESSION_WINDOW, STREAM_WINDOW } from '../../src/session/limits.ts'
import type { SessionStream } from '../../src/session/streams/stream-types.ts'
import { type RawPath, RawPeer } from './raw-peer.ts'

const OPENING = { service: 'web', target: '', source: '' }

/** A session that would send much on some streams, each of which may take all of it. */
function begin(streams: number, octets: number): { peer: RawPeer; path: RawPath; ours: SessionStream[] } {
  const peer = new RawPeer()
  const path = peer.addPath()
  const ours = Array.from({ length: streams }, () => peer.session.openStream(OPENING))
  for (const stream of ours) stream.write(new Uint8Array(octets))
  path.send(...ours.map(({ id }) => ({ type: 'STREAM_CREDIT' as const, id, limit: 2 * octets })))
  return { peer, path, ours }
}

/** Acknowledges until nothing more comes. */
function take({ peer, paths }: { peer: RawPeer; paths: readonly RawPath[] }): void {
  for (let before = -1, now = 0; before !== now; before = now, now = total(paths)) {
    for (const path of paths) if (!path.isDestroyed) path.acknowledge()
    peer.run(1000)
  }
}

const total = (paths: readonly RawPath[]): number => paths.reduce((sum, path) => sum + path.got.records.length, 0)

/** How far each stream has come, by the octets that came in whatever order. */
function reached(paths: readonly RawPath[]): Map<number, Set<number>> {
  const streams = new Map<number, Set<number>>()
  for (const path of paths) {
    for (const frame of path.got.frames) {
      if (frame.type !== 'STREAM' && frame.type !== 'STREAM_END') continue
      const seen = streams.get(frame.id) ?? new Set()
      streams.set(frame.id, seen)
      // In steps of 1000: nothing here is cut finer than it is counted.
      for (let at = frame.offset; at < frame.offset + frame.payload.length / 2; at++) if (at % 1000 === 0) seen.add(at)
    }
  }
  return streams
}

describe('credit of a session', () => {
  it('holds up all streams together, and lets all of them go on', () => {
    const { peer, path, ours } = begin(6, 400_000)
    take({ peer, paths: [path] })
    assert.equal(peer.session.load.credit, 0)
    assert.equal(peer.session.counters.octetsOut, SESSION_WINDOW)
    path.send({ type: 'SESSION_CREDIT', limit: 10 })
    assert.equal(peer.session.load.credit, 0, 'it never falls')
    path.send({ type: 'SESSION_CREDIT', limit: 6 * 400_000 })
    take({ peer, paths: [path] })
    assert.equal(peer.session.load.credit, 0)
    const streams = reached([path])
    for (const { id } of ours) assert.equal(streams.get(id)?.size, 400, `stream ${id}`)
  })

  it('is not asked again for what goes a second time', () => {
    const { peer, path, ours } = begin(6, 400_000)
    peer.run(1000)
    peer.session.dropPath(path.path, 'cut')
    peer.poll()
    const other = peer.addPath()
    take({ peer, paths: [path, other] })
    assert.equal(peer.session.load.credit, 0)
    other.send({ type: 'SESSION_CREDIT', limit: 6 * 400_000 })
    take({ peer, paths: [other] })
    const streams = reached([other])
    for (const { id } of ours) assert.equal(streams.get(id)?.size, 400, `stream ${id} has all of it on the new path`)
  })

  it('is not lost with streams that wait for it and are reset', () => {
    const { peer, path, ours } = begin(6, 400_000)
    take({ peer, paths: [path] })
    for (const stream of ours.slice(1)) stream.reset(0)
    take({ peer, paths: [path] })
    const finals = path.frames('RESET').reduce((sum, frame) => sum + frame.final, 0)
    path.send({ type: 'SESSION_CREDIT', limit: SESSION_WINDOW + 400_000 })
    take({ peer, paths: [path] })
    const first = reached([path]).get(ours[0]!.id)
    assert.equal(first?.size, 400)
    assert.ok(finals <= SESSION_WINDOW)
    assert.equal(peer.session.load.credit, SESSION_WINDOW + 400_000 - finals - 400_000)
  })
})

describe('a reader', () => {
  it('is told of what is new once, though it comes again, and of the end', () => {
    const peer = new RawPeer()
    const path = peer.addPath()
    let told = 0
    const came: number[] = []
    peer.session.onStream = (stream) => {
      stream.events.onReadable = () => {
        told++
        for (let bytes = stream.read(); bytes !== undefined; bytes = stream.read()) came.push(...bytes)
      }
    }
    path.send({ type: 'OPEN', id: 0, ...OPENING })
    const [first, second] = [
      { type: 'STREAM', id: 0, offset: 0, payload: '0102' },
      { type: 'STREAM_END', id: 0, offset: 2, payload: '03' },
    ] as const
    path.send(second)
    assert.equal(told, 0)
    path.send(first)
    assert.equal(told, 1)
    path.send(first)
    path.send(second)
    path.send({ type: 'STREAM_END', id: 0, offset: 3, payload: '' })
    assert.equal(told, 1)
    path.send({ type: 'OPEN', id: 4, ...OPENING })
    path.send({ type: 'STREAM', id: 4, offset: 0, payload: '04' })
    path.send({ type: 'STREAM_END', id: 4, offset: 1, payload: '' })
    path.send({ type: 'STREAM_END', id: 4, offset: 1, payload: '' })
    assert.equal(told, 3)
    assert.deepEqual(came, [1, 2, 3, 4])
  })
})

describe('credit of a stream', () => {
  it('is room for its user, with what he may write ahead', () => {
    const peer = new RawPeer()
    const path = peer.addPath()
    const stream = peer.session.openStream(OPENING)
    const { room } = stream
    assert.ok(room > STREAM_WINDOW)
    stream.write(new Uint8Array(10_000))
    assert.equal(stream.room, room - 10_000)
    path.send({ type: 'STREAM_CREDIT', id: stream.id, limit: STREAM_WINDOW + 4000 })
    assert.equal(stream.room, room - 6000)
    stream.write(new Uint8Array(4_000_000))
    assert.equal(stream.room, 0)
  })

  it('is what it begins with until more is said, and the end needs none', () => {
    const peer = new RawPeer()
    const path = peer.addPath()
    const stream = peer.session.openStream(OPENING)
    stream.write(new Uint8Array(STREAM_WINDOW))
    stream.end()
    take({ peer, paths: [path] })
    assert.equal(endsOf(path), 1)
    const longer = peer.session.openStream(OPENING)
    longer.write(new Uint8Array(STREAM_WINDOW + 1))
    longer.end()
    take({ peer, paths: [path] })
    assert.equal(endsOf(path), 1, 'one octet is missing')
    path.send({ type: 'STREAM_CREDIT', id: longer.id, limit: STREAM_WINDOW + 1 })
    take({ peer, paths: [path] })
    assert.equal(endsOf(path), 2)
  })
})

const endsOf = (path: RawPath): number => path.got.frames.filter(({ type }) => type === 'STREAM_END').length
