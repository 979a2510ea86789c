import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { SessionOptions } from '../../src/session/session-types.ts'
import { ResetCode, type SessionStream } from '../../src/session/streams/stream-types.ts'
import { assertAtRest } from './at-rest.ts'
import { MBIT, SessionPair } from './pair.ts'
import { RawPeer } from './raw-peer.ts'
import { type Drained, drain, fill } from './traffic.ts'

const OPENING = { service: 'web', target: 'example.org:80', source: '192.0.2.1:4000' }

function makePair(options: { client?: Partial<SessionOptions>; server?: Partial<SessionOptions> } = {}): SessionPair {
  const pair = new SessionPair(options)
  pair.addPath({ rate: 50 * MBIT, delay: 5_000 })
  pair.addPath({ rate: 10 * MBIT, delay: 40_000 })
  return pair
}

interface Talk {
  readonly pair: SessionPair
  readonly client: SessionStream
  readonly server: () => SessionStream
  readonly up: () => Drained
  readonly down: Drained
}

/** A stream whose server does something at first sight. */
function talk(begin: (stream: SessionStream) => void = () => undefined, pair = makePair()): Talk {
  let server: SessionStream | undefined
  let up: Drained | undefined
  pair.server.onStream = (stream) => {
    server = stream
    up = drain(stream, () => pair.now)
    begin(stream)
  }
  const client = pair.client.openStream(OPENING)
  const down = drain(client, () => pair.now)
  return { pair, client, server: () => server!, up: () => up!, down }
}

function assertClosed({ pair, up, down }: Talk, octetsUp: number, octetsDown: number): void {
  for (const [drained, octets] of [
    [up(), octetsUp],
    [down, octetsDown],
  ] as const) {
    assert.ok(drained.isSound && drained.isEnded && drained.isClosed)
    assert.equal(drained.octets, octets)
    assert.equal(drained.reset, undefined)
  }
  assertAtRest(pair)
}

describe('a stream', () => {
  it('names its service, target and source on the other side, and is accepted once', () => {
    let accepted = 0
    const state = talk((stream) => {
      stream.accept()
      stream.accept()
      stream.end()
    })
    state.client.events.onAccepted = () => accepted++
    state.client.end()
    state.pair.run(1)
    const { service, target, source } = state.server()
    assert.deepEqual({ service, target, source }, OPENING)
    assert.equal(accepted, 1)
    assertClosed(state, 0, 0)
  })

  it('has names that are what they are', () => {
    const state = talk((stream) => stream.end())
    const odd = { service: '\ufeffweb', target: '\u0000é', source: '漢' }
    const stream = state.pair.client.openStream(odd)
    stream.end()
    state.client.end()
    state.pair.run(1)
    const { service, target, source } = state.server()
    assert.deepEqual({ service, target, source }, odd)
  })

  it('is half-closed by the one that opened it, and goes on the other way', () => {
    const state = talk()
    fill(state.client, 100_000)
    state.pair.run(1)
    assert.ok(state.up().isEnded && !state.up().isClosed && !state.down.isEnded)
    fill(state.server(), 300_000)
    state.pair.run(2)
    assertClosed(state, 100_000, 300_000)
  })

  it('is half-closed by the other, and goes on', () => {
    const state = talk((stream) => fill(stream, 70_000))
    state.pair.run(1)
    assert.ok(state.down.isEnded && !state.down.isClosed)
    fill(state.client, 500_000)
    state.pair.run(2)
    assertClosed(state, 500_000, 70_000)
  })

  it('is closed by both at once', () => {
    const state = talk((stream) => fill(stream, 1_000_000))
    fill(state.client, 1_000_000)
    state.pair.run(3)
    assertClosed(state, 1_000_000, 1_000_000)
  })

  it('may be empty, both ways', () => {
    const state = talk((stream) => stream.end())
    state.client.end()
    state.pair.run(1)
    assertClosed(state, 0, 0)
  })

  it('may have nothing but empty writes', () => {
    const state = talk((stream) => stream.end())
    state.client.write(new Uint8Array(0))
    state.client.end()
    state.pair.run(1)
    assertClosed(state, 0, 0)
  })

  it('takes no octet after its end, and does not mind', () => {
    const state = talk((stream) => stream.end())
    fill(state.client, 10)
    assert.ok(state.client.write(new Uint8Array(5)))
    state.client.end()
    state.pair.run(1)
    assertClosed(state, 10, 0)
  })

  it('says false where its user should wait, and then that he may go on', () => {
    const state = talk((stream) => stream.end())
    let [isFull, times] = [false, 0]
    for (let i = 0; i < 1000 && !isFull; i++) isFull = !state.client.write(new Uint8Array(10_000))
    assert.ok(isFull)
    state.client.events.onWritable = () => times++
    state.pair.run(1)
    assert.equal(times, 1)
  })
})

describe('a stream whose reader stops', () => {
  it('tells the writer, ends in good order, and keeps nothing', () => {
    const state = talk()
    let stopped: number | undefined
    state.client.events.onStopped = (code) => {
      stopped = code
    }
    fill(state.client, 10_000_000)
    state.pair.at(0.2, () => state.server().stop(ResetCode.BROKEN))
    state.pair.at(0.5, () => state.server().end())
    state.pair.run(2)
    assert.equal(stopped, ResetCode.BROKEN)
    assert.ok(state.down.isEnded && state.down.isClosed && state.up().isClosed)
    assert.ok(!state.server().isEnded, 'what was thrown away was not read')
    assert.ok(state.up().octets < 10_000_000)
    assertAtRest(state.pair)
  })

  it('ends although a path took some of it away', () => {
    const state = talk()
    fill(state.client, 10_000_000)
    // The stop comes when the slow path has octets on it that nobody sends again, for nobody wants them.
    state.pair.at(0.3, () => {
      const { client, server } = state.pair.paths[1]!
      state.pair.client.dropPath(client, 'cut')
      state.pair.server.dropPath(server, 'cut')
      state.server().stop(ResetCode.CANCELLED)
      state.server().end()
    })
    state.pair.run(3)
    assert.ok(state.down.isClosed && state.up().isClosed)
    assertAtRest(state.pair)
  })

  it('is stopped harmlessly when all has come', () => {
    const state = talk((stream) => stream.end())
    fill(state.client, 1000)
    state.pair.run(1)
    state.server().stop(0)
    assertClosed(state, 1000, 0)
  })
})

describe('a stream that is reset', () => {
  it('hears no more of what it was about, whenever that comes', () => {
    for (const isInTurn of [false, true]) {
      const pair = makePair()
      pair.server.onStream = (stream) => stream.accept()
      const streams = [pair.client.openStream(OPENING), pair.client.openStream(OPENING)]
      let accepted = 0
      const resetAll = (): void => {
        for (const stream of streams) stream.reset(ResetCode.CANCELLED)
      }
      for (const stream of streams) {
        stream.events.onAccepted = () => {
          accepted++
          resetAll()
        }
      }
      if (!isInTurn) pair.at(0.005, resetAll)
      pair.run(2)
      assert.equal(accepted, isInTurn ? 1 : 0)
      assertAtRest(pair)
    }
  })

  for (const side of ['client', 'server'] as const) {
    for (const at of [0, 0.001, 0.006, 0.02, 0.05, 0.1, 0.3]) {
      it(`by the ${side} after ${1000 * at} ms is gone on both sides, and all accounts are right`, () => {
        const pair = makePair()
        const seen: SessionStream[] = []
        const resets = { client: 0, server: 0 }
        let isTooSoon = false
        pair.server.onStream = (stream) => {
          seen.push(stream)
          fill(stream, 5_000_000)
          stream.events = { ...stream.events, onReset: () => resets.server++, onClosed: () => assert.fail() }
        }
        const client = pair.client.openStream(OPENING)
        fill(client, 5_000_000)
        client.events = { ...client.events, onReset: () => resets.client++, onClosed: () => assert.fail() }
        pair.at(at, () => {
          const stream = side === 'client' ? client : seen[0]
          isTooSoon = stream === undefined
          stream?.reset(ResetCode.BROKEN)
        })
        pair.at(at + 0.5, () => client.reset(ResetCode.CANCELLED))
        pair.run(2)
        const isTold = side === 'client' || isTooSoon || resets.client === 1
        assert.ok(isTold, 'the other side hears of it')
        assert.ok(resets.client + resets.server <= 1, 'the one that resets is not told')
        assertAtRest(pair)
      })
    }
  }

  it('by both at once is gone', () => {
    const state = talk((stream) => fill(stream, 1_000_000))
    fill(state.client, 1_000_000)
    state.pair.at(0.1, () => {
      state.client.reset(1)
      state.server().reset(2)
    })
    state.pair.run(1)
    assertAtRest(state.pair)
  })

  it('tells the code, and never looks like an end', () => {
    const state = talk()
    state.client.write(new Uint8Array(5000))
    state.pair.run(0.5)
    assert.equal(state.up().octets, 5000)
    state.client.reset(ResetCode.TIMED_OUT)
    state.pair.run(1)
    assert.equal(state.up().reset, ResetCode.TIMED_OUT)
    assert.ok(!state.server().isEnded, 'nobody takes it for complete')
    assertAtRest(state.pair)
  })

  it('while its normal end is on the way is gone', () => {
    const state = talk((stream) => stream.end())
    fill(state.client, 200_000)
    // The server has everything, its acknowledgement is on the way.
    state.pair.at(0.07, () => state.client.reset(ResetCode.CANCELLED))
    state.pair.run(2)
    assertAtRest(state.pair)
  })
})

describe('a stream that nobody takes', () => {
  it('is refused where nobody listens', () => {
    const pair = makePair()
    const stream = pair.client.openStream(OPENING)
    const drained = drain(stream, () => pair.now)
    pair.run(1)
    assert.equal(drained.reset, ResetCode.FORBIDDEN)
    assertAtRest(pair)
  })

  it('is refused beyond the limit, and taken again when others are gone', () => {
    const pair = makePair({ server: { maxStreams: 3 } })
    pair.server.onStream = (stream) => drain(stream, () => pair.now)
    const open = (): { stream: SessionStream; drained: Drained } => {
      const stream = pair.client.openStream(OPENING)
      return { stream, drained: drain(stream, () => pair.now) }
    }
    const streams = Array.from({ length: 5 }, open)
    pair.run(1)
    assert.deepEqual(
      streams.map(({ drained }) => drained.reset),
      [undefined, undefined, undefined, ResetCode.LIMIT, ResetCode.LIMIT],
    )
    assert.equal(pair.server.counters.streamsRefused, 2)
    streams[0]!.stream.reset(0)
    pair.run(2)
    const again = open()
    pair.run(3)
    assert.equal(again.drained.reset, undefined)
  })

  it('of a name that is too long is not opened at all', () => {
    const pair = makePair()
    assert.throws(() => pair.client.openStream({ ...OPENING, service: '' }), RangeError)
    assert.throws(() => pair.client.openStream({ ...OPENING, service: 'ä'.repeat(128) }), RangeError)
    assert.throws(() => pair.client.openStream({ ...OPENING, target: 'a'.repeat(513) }), RangeError)
    assertAtRest(pair)
  })
})

describe('a handler that throws', () => {
  it('spoils the poll, and neither the session nor other streams', () => {
    const peer = new RawPeer()
    const path = peer.addPath()
    const got: Drained[] = []
    peer.session.onStream = (stream) => {
      got.push(drain(stream, () => peer.now))
      if (stream.id === 0) {
        stream.events.onReadable = () => {
          throw new Error('of a user')
        }
      }
    }
    for (const id of [0, 4, 8]) path.send({ type: 'OPEN', id, service: 'web', target: '', source: '' })
    const octets = { type: 'STREAM', offset: 0, payload: '000102' } as const
    const send = () => path.send({ ...octets, id: 0 }, { ...octets, id: 4 }, { ...octets, id: 8 })
    assert.throws(send, /of a user/)
    peer.poll()
    assert.deepEqual(
      got.map((drained) => drained.octets),
      [0, 3, 3],
    )
    assert.equal(path.path.state, 'open')
  })
})

describe('frames that overtake the opening of their stream', () => {
  const open = { type: 'OPEN', id: 0, service: 'web', target: '', source: '' } as const

  it('wait for its user', () => {
    const peer = new RawPeer()
    const path = peer.addPath()
    path.send({ type: 'STREAM_END', id: 0, offset: 0, payload: 'c0ffee' })
    let drained: Drained | undefined
    peer.session.onStream = (stream) => {
      stream.events.onReadable = () => undefined
      drained = { ...drain(stream, () => peer.now) }
      drained = drain(stream, () => peer.now)
      stream.end()
    }
    path.send(open)
    assert.equal(drained?.octets, 3)
    assert.ok(drained.isEnded)
    path.acknowledge()
    assert.equal(peer.session.openCount, 0)
  })

  it('are told when they stop it', () => {
    const peer = new RawPeer()
    const path = peer.addPath()
    path.send({ type: 'STOP', id: 0, code: 4 })
    let stopped: number | undefined
    peer.session.onStream = (stream) => {
      stream.events = {
        onStopped: (code) => {
          stopped = code
        },
      }
    }
    path.send(open)
    assert.equal(stopped, 4)
  })

  it('end it before anybody knew, when they reset it', () => {
    for (const id of [0, 2]) {
      const peer = new RawPeer()
      const path = peer.addPath()
      peer.session.onStream = () => assert.fail('it is gone already')
      peer.session.onFlow = () => assert.fail('it is gone already')
      path.send({ type: 'RESET', id, code: 0, final: 0 })
      path.acknowledge()
      path.send(id === 0 ? open : { ...open, type: 'OPEN_FLOW', id: 2 })
      assert.equal(peer.session.openCount, 0)
    }
  })
})
