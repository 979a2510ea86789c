import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { micros } from '../../src/base/types.ts'
import { Budget } from '../../src/session/credit/budget.ts'
import { SESSION_WINDOW } from '../../src/session/limits.ts'
import type { Path } from '../../src/session/paths/path.ts'
import type { PathEvent } from '../../src/session/session-types.ts'
import { ResetCode } from '../../src/session/streams/stream-types.ts'
import { assertAtRest } from './at-rest.ts'
import { MBIT, SessionPair } from './pair.ts'
import { RawPeer } from './raw-peer.ts'
import { drain, fill, pattern } from './traffic.ts'
import { OPENING, Transfer } from './transfer.ts'

const LINE = { rate: 20 * MBIT, delay: 10_000 }

/** Octets from client to server over paths that a test adds. */
function overPaths(octets: number) {
  const pair = new SessionPair()
  let transfer: Transfer | undefined
  const begin = (): void => {
    transfer = new Transfer(pair, octets)
  }
  const assertDone = (): void => {
    assert.ok(transfer !== undefined)
    transfer.assertWhole()
    assertAtRest(pair)
  }
  const out = (index: number): number => pair.paths[index]!.client.counters.octetsOut
  return { pair, begin, assertDone, out }
}

describe('roles', () => {
  it('keep a backup path for when no other is there', () => {
    const { pair, begin, assertDone, out } = overPaths(5_000_000)
    pair.addPath(LINE)
    pair.addPath(LINE, { role: 'backup' })
    pair.addPath(LINE, { role: 'never' })
    begin()
    pair.run(1)
    assert.ok(out(0) > 1_000_000 && out(1) < 1000 && out(2) < 1000)
    pair.paths[0]!.there.silence()
    pair.paths[0]!.back.silence()
    pair.run(6)
    assertDone()
    assert.ok(out(1) > 2_000_000 && out(2) < 1000)
  })

  it('use a secondary path for what the primary ones have no room for', () => {
    const { pair, begin, assertDone, out } = overPaths(5_000_000)
    pair.addPath(LINE)
    pair.addPath(LINE, { role: 'secondary' })
    pair.run(1)
    pair.server.onStream = (stream) => drain(stream, () => pair.now)
    const steady = pair.client.openStream(OPENING)
    for (let i = 0; i < 100; i++) pair.at(1 + i / 100, () => steady.write(pattern(10_000 * i, 10_000)))
    pair.run(2)
    assert.ok(out(0) > 900_000 && out(1) < 1000, `${out(0)} and ${out(1)} at 8 Mbit/s`)
    steady.reset(ResetCode.CANCELLED)
    begin()
    pair.run(5)
    assertDone()
    assert.ok(out(1) > 500_000, `${out(1)}`)
  })

  it('change while it runs, on both sides', () => {
    const { pair, begin, assertDone, out } = overPaths(4_000_000)
    pair.addPath(LINE)
    pair.addPath(LINE)
    begin()
    pair.at(0.5, () => pair.server.setRole(pair.paths[1]!.server, 'backup'))
    pair.run(0.7)
    assert.equal(pair.paths[1]!.client.role, 'backup')
    const before = out(1)
    pair.run(4)
    assertDone()
    assert.ok(out(1) - before < 5000)
  })

  it('are agreed upon when both sides say something at once, again and again', () => {
    const pair = new SessionPair()
    pair.addPath(LINE)
    pair.addPath({ rate: MBIT, delay: 150_000 })
    const roles = ['primary', 'secondary', 'backup', 'never'] as const
    for (let i = 0; i < 40; i++) {
      pair.at(0.1 + i * 0.007, () => pair.client.setRole(pair.paths[1]!.client, roles[i % 4]!))
      pair.at(0.1 + i * 0.011, () => pair.server.setRole(pair.paths[1]!.server, roles[(i * 3) % 4]!))
    }
    pair.run(2)
    assert.equal(pair.paths[1]!.client.role, pair.paths[1]!.server.role)
  })
})

describe('a path that is removed', () => {
  for (const side of ['client', 'server'] as const) {
    it(`by the ${side} ends when all on it has arrived, and nothing is sent twice`, () => {
      const { pair, begin, assertDone, out } = overPaths(12_000_000)
      pair.addPath(LINE)
      pair.addPath({ rate: 10 * MBIT, delay: 60_000 })
      const events: string[] = []
      const note = (name: string) => (path: Path, event: PathEvent) => {
        if (path.id === 1) events.push(`${name} ${event}`)
      }
      pair.client.onPath = note('client')
      pair.server.onPath = note('server')
      begin()
      pair.at(1, () => pair[side].removePath(pair.paths[1]![side]))
      pair.run(1.4)
      const before = out(1)
      assert.deepEqual(events.sort(), ['client closed', 'server closed'])
      pair.run(6)
      assertDone()
      assert.equal(out(1), before)
      // Copies, which hurry what a far path has, are not counted here.
      assert.equal(pair.client.counters.octetsOut, 12_000_000)
      assert.equal(pair.client.counters.faults + pair.server.counters.faults, 0)
      assert.equal(pair.client.paths.length, 1)
    })
  }

  it('although it is the last leaves streams to wait for the next', () => {
    const { pair, begin, assertDone } = overPaths(3_000_000)
    pair.addPath(LINE)
    begin()
    pair.at(0.5, () => pair.client.removePath(pair.paths[0]!.client))
    pair.run(5)
    assert.equal(pair.client.paths.length + pair.server.paths.length, 0)
    pair.addPath(LINE)
    pair.run(8)
    assertDone()
  })

  it('by both sides at once is gone', () => {
    const { pair, begin, assertDone } = overPaths(3_000_000)
    pair.addPath(LINE)
    pair.addPath(LINE)
    begin()
    pair.at(0.5, () => {
      pair.client.removePath(pair.paths[1]!.client)
      pair.server.removePath(pair.paths[1]!.server)
    })
    pair.run(1)
    assert.equal(pair.client.paths.length + pair.server.paths.length, 2)
    pair.run(5)
    assertDone()
  })

  it('and does not answer is given up, and what it had goes another way', () => {
    const { pair, begin, assertDone } = overPaths(6_000_000)
    pair.addPath(LINE)
    pair.addPath(LINE)
    begin()
    pair.at(0.5, () => {
      pair.paths[1]!.there.silence()
      pair.paths[1]!.back.silence()
      pair.client.removePath(pair.paths[1]!.client)
    })
    pair.run(3)
    assert.equal(pair.client.paths.length, 1)
    assert.match(pair.paths[1]!.client.reason, /did not answer/)
    pair.run(8)
    assertDone()
  })

  it('and is stalled is gone at once', () => {
    const { pair, begin } = overPaths(6_000_000)
    pair.addPath(LINE)
    pair.addPath(LINE)
    begin()
    pair.at(0.5, () => {
      pair.paths[1]!.there.silence()
      pair.paths[1]!.back.silence()
    })
    pair.run(1.5)
    assert.equal(pair.paths[1]!.client.state, 'stalled')
    pair.client.removePath(pair.paths[1]!.client)
    pair.run(1.6)
    assert.equal(pair.client.paths.length, 1)
  })
})

describe('a session that ends', () => {
  for (const side of ['client', 'server'] as const) {
    it(`by the ${side} with data under way tells everybody, once`, () => {
      const pair = new SessionPair()
      pair.addPath(LINE)
      pair.addPath(LINE)
      const told: string[] = []
      pair.server.onStream = (stream) => {
        stream.events.onReset = (code) => told.push(`server ${code}`)
        fill(stream, 10_000_000)
      }
      pair.server.onFlow = (flow) => {
        flow.events.onClosed = (code) => told.push(`server flow ${code}`)
      }
      pair.client.onEnd = (code, reason) => told.push(`client ends ${code} ${reason}`)
      pair.server.onEnd = (code, reason) => told.push(`server ends ${code} ${reason}`)
      const stream = pair.client.openStream(OPENING)
      fill(stream, 10_000_000)
      stream.events.onReset = (code) => told.push(`client ${code}`)
      pair.client.openFlow(OPENING).events.onClosed = (code) => told.push(`client flow ${code}`)
      pair.at(0.5, () => {
        pair[side].close(3, 'that was it')
        pair[side].close(4, 'again')
      })
      pair.run(2)
      const other = side === 'client' ? 'server' : 'client'
      const closed = ResetCode.CLOSED
      const expected = [`${other} ends 3 that was it`]
      for (const name of ['client', 'server']) expected.push(`${name} ${closed}`, `${name} flow ${closed}`)
      assert.deepEqual(told.sort(), expected.sort())
      assert.ok(pair.client.isClosed && pair.server.isClosed)
      assert.equal(pair.client.openCount + pair.server.openCount, 0)
    })
  }

  it('gives its memory back, however it grew', () => {
    const budget = new Budget(64 * 1_048_576)
    const before = budget.left
    const memory = () => ({ memory: budget.lease(SESSION_WINDOW) })
    const pair = new SessionPair({ client: memory(), server: memory() })
    pair.addPath({ rate: 200 * MBIT, delay: 20_000 })
    pair.server.onStream = (stream) => drain(stream, () => pair.now)
    fill(pair.client.openStream(OPENING), 20_000_000)
    pair.run(0.8)
    assert.ok(before - budget.left > 3 * 1_048_576, 'it has grown')
    pair.server.close(0, '')
    pair.run(2)
    assert.equal(budget.left, before)
  })

  it('is not told path by path, however often it is polled', () => {
    const told: string[] = []
    const peers = [new RawPeer(), new RawPeer()] as const
    const paths = peers.map((peer) => [peer.addPath(), peer.addPath(), peer.addPath()])
    for (const { session } of peers) session.onPath = (path, event) => told.push(`${path.id} ${event}`)
    peers[0].session.close(0, '')
    paths[1]![1]!.send({ type: 'CLOSE', code: 0, reason: '' })
    for (const peer of peers) {
      assert.ok(peer.session.isClosed)
      for (let i = 0; i < 5; i++) peer.session.poll(peer.now)
    }
    assert.deepEqual(told, [])
  })

  it('ends the pipe of a path that comes too late', () => {
    const peer = new RawPeer()
    peer.session.close(0, '')
    const late = peer.addPath()
    assert.ok(late.isDestroyed)
    assert.equal(late.path.state, 'closed')
    assert.match(late.path.reason, /session/)
    assert.equal(peer.session.paths.length, 0)
  })

  it('resets what is opened afterwards', () => {
    const peer = new RawPeer()
    const path = peer.addPath()
    peer.session.close(0, '')
    const told: number[] = []
    peer.session.openStream(OPENING).events = { onReset: (code) => told.push(code) }
    peer.session.openFlow(OPENING).events = { onClosed: (code) => told.push(code) }
    peer.poll()
    assert.deepEqual(told, [ResetCode.CLOSED, ResetCode.CLOSED])
    assert.equal(peer.session.openCount, 0)
    assert.ok(path.isEnded)
    assert.equal(path.frames('CLOSE').length, 1)
  })

  it('hears nothing of what comes behind', () => {
    const peer = new RawPeer()
    const path = peer.addPath()
    peer.session.onStream = () => assert.fail('the session has ended')
    const close = { type: 'CLOSE', code: 0, reason: '' } as const
    path.send(close, { type: 'OPEN', id: 0, service: 'a', target: '', source: '' })
    path.send({ type: 'STREAM', id: 4, offset: 0, payload: 'aa' })
    assert.equal(peer.session.openCount, 0)
    assert.equal(peer.session.counters.faults, 0)
  })
})

describe('a path with nothing to carry', () => {
  it('is not taken for slow', () => {
    const { pair, begin, assertDone, out } = overPaths(5_000_000)
    pair.addPath(LINE)
    pair.addPath(LINE)
    pair.run(40)
    begin()
    pair.run(41.5)
    assertDone()
    assert.ok(Math.min(out(0), out(1)) > 2_000_000, `${out(0)} and ${out(1)}`)
  })

  it('is asked every 15 seconds, and every second while something is open', () => {
    const pair = new SessionPair()
    pair.addPath(LINE)
    pair.run(1)
    const records = (): number => pair.paths[0]!.client.counters.recordsOut
    let before = records()
    pair.run(61)
    assert.ok(records() - before <= 2 * 5, `${records() - before} records in a minute`)
    pair.server.onStream = () => undefined
    pair.client.openStream(OPENING)
    before = records()
    pair.run(71)
    assert.ok(records() - before >= 9 && records() - before <= 45, `${records() - before} records in ten seconds`)
  })

  it('that has become silent is found out, and used again when it speaks', () => {
    const { pair, begin, assertDone } = overPaths(1_000_000)
    pair.addPath(LINE)
    pair.run(1)
    pair.paths[0]!.there.silence()
    begin()
    pair.run(3)
    assert.equal(pair.paths[0]!.client.state, 'stalled')
    pair.paths[0]!.there.resume(pair.now)
    pair.run(10)
    assert.equal(pair.paths[0]!.client.state, 'open')
    assertDone()
  })

  it('does not have the session polled while there is nothing to ask', () => {
    const peer = new RawPeer()
    const path = peer.addPath()
    path.acknowledge()
    assert.ok(peer.session.pollAt() >= peer.now + 14_000_000)
  })
})

describe('a path that is being ended', () => {
  it('gives up what it was to carry as well: who has the original decides', () => {
    const { path } = new RawPeer().addPath()
    let lost = 0
    const item = { octets: 100, isSettled: false, copies: 1, write() {}, onAcked() {}, onLost: () => void lost++ }
    path.addCopy(item)
    assert.equal(item.copies, 2)
    path.close(micros(0))
    assert.deepEqual([item.copies, lost, path.hasCopies], [1, 0, false])
  })
})
