import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Micros } from '../../src/base/types.ts'
import type { SessionStream } from '../../src/session/streams/stream-types.ts'
import { MBIT, SessionPair } from './pair.ts'
import { type Drained, drain, pattern } from './traffic.ts'
import { Transfer } from './transfer.ts'

const LINE = { rate: 50 * MBIT, delay: 10_000 }

/** A transfer over two equal lines, on which a test does what it wants. */
function overTwo(octets: number, options: ConstructorParameters<typeof SessionPair>[0] = {}) {
  const pair = new SessionPair(options)
  pair.addPath(LINE)
  pair.addPath(LINE)
  return { pair, transfer: new Transfer(pair, octets) }
}

/** A stream whose other end reads all of it. */
function talk(pair: SessionPair): SessionStream {
  pair.server.onStream = (stream) => drain(stream, () => pair.now)
  return pair.client.openStream({ service: 'talk', target: '', source: '' })
}

const silence = (pair: SessionPair, index: number): void => {
  pair.paths[index]!.there.silence()
  pair.paths[index]!.back.silence()
}

const resume = (pair: SessionPair, index: number, now: Micros): void => {
  pair.paths[index]!.there.resume(now)
  pair.paths[index]!.back.resume(now)
}

describe('a path that falls silent under bulk', () => {
  it('leaves no gap of more than 300 ms, and nothing lost or doubled', () => {
    const { pair, transfer } = overTwo(40_000_000)
    pair.at(2, () => silence(pair, 0))
    pair.run(15)
    transfer.assertWhole()
    assert.ok(transfer.got!.longestGap <= 300_000, `${transfer.got!.longestGap} µs`)
  })

  it('carries again when it is back', () => {
    const { pair, transfer } = overTwo(60_000_000)
    pair.at(1, () => silence(pair, 0))
    let before = 0
    pair.at(4, (now) => {
      before = pair.paths[0]!.client.counters.octetsOut
      resume(pair, 0, now)
    })
    pair.run(6)
    assert.equal(pair.paths[0]!.client.state, 'open')
    assert.ok(pair.paths[0]!.client.counters.octetsOut > before + 1_000_000)
    pair.run(20)
    transfer.assertWhole()
  })

  for (const delay of [10_000, 40_000]) {
    it(`is left as soon each time, and is back as soon, beside a path of ${delay / 1000} ms`, () => {
      for (const [silent, open] of [
        [0.6, 0.1],
        [0.6, 0.5],
        [1.8, 0.1],
        [1.8, 0.5],
      ] as const) {
        const pair = new SessionPair()
        pair.addPath(LINE)
        pair.addPath({ ...LINE, delay })
        const transfer = new Transfer(pair, 200_000_000)
        pair.run(2)
        transfer.got!.longestGap = 0
        for (let i = 0; i < 3; i++) {
          const at = 2 + i * (silent + open)
          pair.at(at, () => silence(pair, 0))
          pair.at(at + silent, (now) => resume(pair, 0, now))
        }
        pair.run(2 + 3 * silent + 2 * open)
        const { octetsOut } = pair.paths[0]!.client.counters
        pair.run(3 + 3 * silent + 2 * open)
        const title = `${silent} s silent, ${open} s open`
        assert.ok(transfer.got!.isSound)
        assert.ok(transfer.got!.longestGap <= 300_000, `${title}: ${transfer.got!.longestGap} µs`)
        const share = (pair.paths[0]!.client.counters.octetsOut - octetsOut) / LINE.rate
        assert.ok(share > 0.8, `${title}: ${share} of the line`)
      }
    })
  }

  it('was only far away all of a sudden: that is believed after a few', () => {
    const { pair, transfer } = overTwo(120_000_000)
    pair.at(2, () => {
      for (const wire of [pair.paths[0]!.there, pair.paths[0]!.back]) wire.options = { ...wire.options, delay: 400_000 }
    })
    pair.run(8)
    const { counters } = pair.paths[0]!.client
    const { stalls, octetsOut } = counters
    assert.ok(stalls > 0 && stalls <= 4, `${stalls}`)
    pair.run(10)
    assert.equal(counters.stalls, stalls)
    assert.ok(counters.octetsOut - octetsOut > 0.8 * 2 * LINE.rate)
    pair.run(20)
    transfer.assertWhole()
  })

  it('is left when only one direction is silent', () => {
    const { pair, transfer } = overTwo(40_000_000)
    pair.at(2, () => pair.paths[0]!.back.silence())
    pair.run(20)
    transfer.assertWhole()
  })
})

describe('a path that falls silent under 10 Mbit/s', () => {
  for (const scheduler of ['aggregate', 'min-latency', 'first-ready', 'weighted', 'backup'] as const) {
    it(`leaves no gap of more than 200 ms under ${scheduler}`, () => {
      const pair = new SessionPair({ client: { scheduler } })
      pair.addPath(LINE)
      pair.addPath(LINE)
      let got: Drained | undefined
      pair.server.onStream = (stream) => {
        got = drain(stream, () => pair.now)
      }
      const stream = pair.client.openStream({ service: 'steady', target: '', source: '' })
      for (let ms = 0; ms < 1500; ms++) pair.at(ms / 1000, () => stream.write(pattern(1250 * ms, 1250)))
      pair.at(0.5, () => silence(pair, 0))
      pair.run(2)
      assert.ok(got?.isSound)
      assert.equal(got.octets, 1500 * 1250)
      assert.ok(got.longestGap <= 200_000, `${got.longestGap} µs`)
    })
  }
})

describe('a path that is late', () => {
  it('holds up nobody for long: what a window waits for goes another way, within a budget', () => {
    for (const [window, quiet] of [
      [262_144, 0.06],
      [524_288, 0.11],
      [1_048_576, 0.3],
    ] as const) {
      const options = { window: 1_048_576, streamWindow: window }
      const { pair, transfer } = overTwo(15_000_000, { client: options, server: options })
      pair.at(1, () => {
        transfer.got!.longestGap = 0
        pair.paths[1]!.there.silence()
      })
      pair.at(1 + quiet, (now) => pair.paths[1]!.there.resume(now))
      pair.run(5)
      transfer.assertWhole()
      assert.ok(transfer.got!.longestGap <= 100_000, `${transfer.got!.longestGap} µs`)
      const { reinjected } = pair.paths[0]!.client.counters
      assert.ok(reinjected > 0 && reinjected <= 262_144 + 0.03 * 15_000_000, `${reinjected} octets`)
    }
  })
})

describe('when nothing else is to be sent', () => {
  const FAR = { rate: 5 * MBIT, delay: 150_000 }

  it('what a far path has goes on a near one as well, and the end is there sooner', () => {
    const took = [false, true].map((isFarThere) => {
      const pair = new SessionPair()
      pair.addPath(LINE)
      if (isFarThere) pair.addPath(FAR)
      pair.run(1)
      const transfer = new Transfer(pair, 6_000_000)
      pair.run(4)
      transfer.assertWhole()
      if (isFarThere) {
        assert.ok(pair.paths[1]!.client.counters.octetsOut > 30_000, 'the far path had some of it')
        assert.ok(pair.paths[0]!.client.counters.reinjected > 0)
      }
      return transfer.doneAt! - 1_000_000
    })
    assert.ok(took[1]! <= 1.05 * took[0]!, `${took} µs`)
  })

  it('what is lost below on one path goes on another', () => {
    const pair = new SessionPair({ client: { scheduler: 'weighted' } })
    pair.addPath(LINE)
    pair.addPath({ ...LINE, delay: 40_000 })
    pair.run(1)
    const transfer = new Transfer(pair, 30_000)
    pair.at(1.02, () => pair.paths[1]!.there.silence())
    pair.at(1.4, (now) => pair.paths[1]!.there.resume(now))
    pair.run(3)
    transfer.assertWhole()
    assert.ok(pair.paths[0]!.client.counters.reinjected > 0)
    assert.ok(transfer.got!.lastAt < 1_120_000, `${transfer.got!.lastAt} µs`)
  })

  it('nothing is sent twice where that would save little', () => {
    const pair = new SessionPair({ client: { scheduler: 'first-ready' } })
    pair.addPath(LINE)
    pair.addPath({ ...LINE, delay: 24_000 })
    const stream = talk(pair)
    for (let i = 0; i < 200; i++) pair.at(1 + i * 0.05, () => stream.write(pattern(1000 * i, 1000)))
    pair.run(12)
    assert.ok(pair.paths[1]!.client.counters.octetsOut > 50_000)
    for (const { client } of pair.paths) assert.equal(client.counters.reinjected, 0)
  })

  it('nothing is sent twice by schedulers that mean one path, and on no secondary path', () => {
    for (const [scheduler, role] of [
      ['backup', 'primary'],
      ['min-latency', 'primary'],
      ['aggregate', 'secondary'],
    ] as const) {
      const pair = new SessionPair({ client: { scheduler } })
      pair.addPath(FAR)
      pair.addPath(LINE, { role })
      pair.run(1)
      const stream = talk(pair)
      for (let i = 0; i < 50; i++) pair.at(1 + i * 0.1, () => stream.write(pattern(1000 * i, 1000)))
      pair.run(8)
      for (const { client } of pair.paths) assert.equal(client.counters.reinjected, 0, scheduler)
    }
  })
})

describe('redundant', () => {
  it('shows no gap of more than 30 ms when a path falls silent', () => {
    const redundant = { scheduler: 'redundant' } as const
    const { pair, transfer } = overTwo(12_000_000, { client: redundant, server: redundant })
    pair.at(1, () => {
      // What came before is how windows open.
      transfer.got!.longestGap = 0
      silence(pair, 0)
    })
    pair.run(10)
    transfer.assertWhole()
    assert.ok(transfer.got!.longestGap <= 30_000, `${transfer.got!.longestGap} µs`)
  })
})

describe('all paths gone', () => {
  it('freezes streams, which go on when a new path comes', () => {
    const { pair, transfer } = overTwo(30_000_000)
    pair.at(1, () => {
      for (const { client, server } of pair.paths) {
        pair.client.dropPath(client, 'cut')
        pair.server.dropPath(server, 'cut')
      }
    })
    pair.run(31)
    const { octets } = transfer.got!
    assert.ok(octets > 0 && octets < 30_000_000)
    pair.addPath(LINE)
    pair.run(40)
    transfer.assertWhole()
  })
})
