import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { micros } from '../../src/base/types.ts'
import { FLOW_FRESH, FLOW_PATIENCE, FLOW_QUEUE, MAX_DATAGRAM, MAX_EARLY_DATAGRAMS } from '../../src/session/limits.ts'
import { ControlQueue } from '../../src/session/records/control.ts'
import type { SchedulerName } from '../../src/session/schedulers/by-name.ts'
import { Flow, type FlowOwner } from '../../src/session/streams/flow.ts'
import { ResetCode, type SessionFlow } from '../../src/session/streams/stream-types.ts'
import { assertAtRest } from './at-rest.ts'
import { MBIT, SessionPair } from './pair.ts'
import { check } from './property.ts'
import { RawPeer } from './raw-peer.ts'

const OPENING = { service: 'dns', target: '', source: '192.0.2.1:5353' }

function makeFlow(): { flow: Flow; owner: { -readonly [K in keyof FlowOwner]: FlowOwner[K] } } {
  const owner = {
    control: new ControlQueue(),
    now: micros(0),
    holdEarly: () => true,
    letGoEarly: () => undefined,
    onFlowTouched: () => undefined,
    onDropped: () => undefined,
    onFlowGone: () => undefined,
  }
  return { flow: new Flow(owner, { id: 2, isOurs: true, opening: OPENING }), owner }
}

describe('Flow', () => {
  it('knows which numbers it has had, and takes none that are too old', (t) => {
    check(
      t,
      fc.property(fc.array(fc.oneof(fc.nat(20_000), fc.nat(5000)), { maxLength: 200 }), (numbers) => {
        const { flow } = makeFlow()
        const seen = new Set<number>()
        let highest = -1
        for (const number of numbers) {
          const isNew = !seen.has(number) && number > highest - 4096
          assert.equal(flow.isNew(number), isNew)
          if (isNew) seen.add(number)
          highest = Math.max(highest, number)
        }
      }),
    )
  })

  it('drops the oldest when too many wait, empty ones among them', () => {
    const { flow } = makeFlow()
    for (let i = 0; i < 200; i++) assert.ok(flow.send(new Uint8Array(10_000).fill(i)))
    const kept = Math.floor(FLOW_QUEUE / (10_000 + 64))
    assert.equal(flow.counters.full, 200 - kept)
    assert.equal(flow.next(MAX_DATAGRAM, micros(0))?.octets, 10_000 + 24)
    const empty = makeFlow().flow
    for (let i = 0; i < 100_000; i++) empty.send(new Uint8Array(0))
    assert.ok(empty.counters.full > 80_000)
  })

  it('keeps no larger buffers of what came before it was known', () => {
    for (const buffer of [new Uint8Array(65_536), Buffer.alloc(65_536)]) {
      const flow = new Flow(makeFlow().owner, { id: 2, isOurs: false, opening: OPENING })
      const got: Uint8Array[] = []
      flow.events.onDatagram = (bytes) => got.push(bytes)
      flow.onDatagram(buffer.subarray(7, 8), 0)
      flow.introduce()
      assert.deepEqual(
        got.map(({ buffer }) => buffer.byteLength),
        [1],
      )
    }
  })

  it('drops what has waited too long, and refuses what is too long', () => {
    const { flow, owner } = makeFlow()
    flow.send(new Uint8Array(10))
    flow.stamp(micros(0))
    owner.now = micros(FLOW_PATIENCE + 1)
    flow.send(new Uint8Array(20))
    assert.equal(flow.next(1000, owner.now)?.octets, 20 + 24)
    assert.deepEqual([flow.counters.late, flow.counters.sent], [1, 1])
    assert.ok(!flow.send(new Uint8Array(MAX_DATAGRAM + 1)))
    assert.ok(flow.send(new Uint8Array(MAX_DATAGRAM)))
  })
})

/** A flow from client to server: numbered datagrams go in at a steady rate, and what came out. */
function stream(lines: readonly (readonly [mbit: number, rtt: number])[], scheduler: SchedulerName) {
  const pair = new SessionPair({ client: { scheduler } })
  for (const [mbit, rtt] of lines) pair.addPath({ rate: mbit * MBIT, delay: rtt * 500 })
  const got: { number: number; age: number; at: number; sentAt: number }[] = []
  pair.server.onFlow = (flow) => {
    flow.events.onDatagram = (bytes, age) => {
      const view = new DataView(bytes.buffer, bytes.byteOffset)
      got.push({ number: view.getUint32(0), age, at: pair.now, sentAt: view.getUint32(4) })
    }
  }
  const flow = pair.client.openFlow(OPENING)
  const send = (count: number, from: number, to: number): void => {
    for (let i = 0; i < count; i++) {
      pair.at(from + ((to - from) * i) / count, () => {
        const bytes = new Uint8Array(1200)
        new DataView(bytes.buffer).setUint32(0, i)
        new DataView(bytes.buffer).setUint32(4, pair.now)
        // As a driver would: it polls before it hands over what came.
        pair.client.poll(pair.now)
        flow.send(bytes)
      })
    }
  }
  return { pair, got, send, flow }
}

describe('datagrams', () => {
  it('arrive, all of them and each once, when there is room', () => {
    const { pair, got, send } = stream(
      [
        [20, 20],
        [20, 40],
        [20, 30],
      ],
      'aggregate',
    )
    send(4000, 0.5, 1.5)
    pair.run(2)
    assert.equal(new Set(got.map(({ number }) => number)).size, 4000)
    assert.equal(got.length, 4000)
    const latest = Math.max(...got.map(({ at, sentAt }) => at - sentAt))
    assert.ok(latest < 60_000, `${latest} µs`)
  })

  it('tell their age as far as it can be known: what they waited, not how long the way took', () => {
    const { pair, got, send } = stream([[20, 20]], 'aggregate')
    send(1000, 0.5, 1.5)
    pair.run(2)
    for (const { age, at, sentAt } of got) assert.ok(age <= at - sentAt && age >= 0)
  })

  it('are fresh when there is no room for all: the oldest go first', () => {
    const { pair, got, send, flow } = stream([[4, 20]], 'aggregate')
    // Three times what the path carries.
    send(6250, 0, 5)
    pair.run(6)
    // Until the path is known, much may wait in it.
    const late = got.filter(({ sentAt }) => sentAt > 3e6).map(({ at, sentAt }) => at - sentAt)
    assert.ok(Math.max(...late) < FLOW_FRESH + 100_000, `${Math.max(...late)} µs`)
    assert.ok(got.at(-1)!.number > 6200, 'the last ones come')
    const { counters } = flow as unknown as Flow
    assert.equal(counters.sent + counters.late + counters.full, 6250)
    assert.equal(pair.client.counters.datagramsDropped, counters.late + counters.full, 'counted while the flow is open')
    assert.equal(got.length, counters.sent)
    assert.ok(got.length > 1400, 'the path is used')
  })

  it('come once although every path carries them', () => {
    const lines = [
      [20, 20],
      [20, 60],
      [2, 300],
    ] as const
    const { pair, got, send } = stream(lines, 'redundant')
    send(2000, 1, 2)
    pair.run(4)
    assert.equal(got.length, 2000)
    assert.equal(new Set(got.map(({ number }) => number)).size, 2000)
    const slow = pair.paths[2]!.client
    assert.ok(slow.counters.octetsOut < 4 * 250_000, 'a slow path carries what it can, and its copies do not pile up')
    assert.ok(!slow.hasCopies)
  })

  it('wait for their flow, a few of them', () => {
    const peer = new RawPeer()
    const path = peer.addPath()
    for (let number = 0; number < MAX_EARLY_DATAGRAMS + 36; number++) {
      path.send({ type: 'DATAGRAM', id: 2, number, age: 5, payload: 'aa' })
    }
    const got: number[] = []
    peer.session.onFlow = (flow) => {
      flow.events.onDatagram = (_bytes, age) => got.push(age)
    }
    path.send({ type: 'OPEN_FLOW', id: 2, service: 'dns', target: '', source: '' })
    assert.equal(got.length, MAX_EARLY_DATAGRAMS)
    assert.equal(peer.session.counters.datagramsDropped, 36)
    path.send({ type: 'DATAGRAM', id: 2, number: 2000, age: 7, payload: '' })
    assert.equal(got.at(-1), 7)
  })
})

describe('a flow', () => {
  it('is closed by either side, and the other is told once', () => {
    for (const side of ['client', 'server'] as const) {
      const { pair, flow } = stream([[20, 20]], 'aggregate')
      let other: SessionFlow | undefined
      const codes: number[] = []
      const onClosed = (code: number): void => {
        codes.push(code)
      }
      pair.server.onFlow = (opened) => {
        other = opened
        other.events.onClosed = onClosed
      }
      flow.events.onClosed = onClosed
      pair.run(0.5)
      const closes = side === 'client' ? flow : other!
      closes.close(ResetCode.UNREACHABLE)
      closes.close()
      flow.send(new Uint8Array(5))
      pair.run(1)
      assert.deepEqual(codes, [ResetCode.UNREACHABLE])
      assertAtRest(pair)
    }
  })

  it('is refused where nobody takes flows', () => {
    const { pair, flow } = stream([[20, 20]], 'aggregate')
    pair.server.onFlow = undefined
    let code: number | undefined
    flow.events.onClosed = (told) => {
      code = told
    }
    pair.run(1)
    assert.equal(code, ResetCode.FORBIDDEN)
    assertAtRest(pair)
  })

  it('may end with something handed over that no poll has seen', () => {
    for (const end of ['close', 'reset', 'session'] as const) {
      const pair = new SessionPair()
      pair.addPath({ rate: 10 * MBIT, delay: 1_000 })
      let answered: SessionFlow | undefined
      pair.server.onFlow = (flow) => {
        answered = flow
      }
      const flow = pair.client.openFlow({ service: 'dns', target: '', source: '' })
      flow.send(new Uint8Array(9))
      pair.run(1)
      flow.send(new Uint8Array(9))
      if (end === 'close') flow.close()
      else if (end === 'session') pair.client.close(0, '')
      else answered!.close()
      pair.run(2)
    }
  })
})
