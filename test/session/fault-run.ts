import assert from 'node:assert/strict'
import { below, chance, fraction, type Rng, seededRng } from '../../src/base/rng.ts'
import { ROLES } from '../../src/session/records/frame.ts'
import { SCHEDULER_NAMES } from '../../src/session/schedulers/by-name.ts'
import type { Session } from '../../src/session/session.ts'
import type { SessionFlow, SessionStream } from '../../src/session/streams/stream-types.ts'
import { assertAtRest } from './at-rest.ts'
import { MBIT, type PairPath, SessionPair } from './pair.ts'
import { type Drained, drain, fill } from './traffic.ts'

/** Seconds in which things go wrong; then one good path comes, and all must end. */
const TROUBLE = 3
const PATIENCE = 60

/** A number between two, small ones as likely as large ones. */
const between = (rng: Rng, low: number, high: number): number => low * (high / low) ** fraction(rng)
const oneOf = <T>(rng: Rng, values: readonly T[]): T => values[below(rng, values.length)]!

/** What must come out of one direction of a stream. */
interface Expected {
  readonly octets: number
  drained: Drained | undefined
}

interface Talk {
  readonly up: Expected
  readonly down: Expected
  /** Somebody gave it up, or stopped reading: what came must be right, but need not be all. */
  isCut: boolean
}

/** One run, a pure function of its seed; what it returns tells two runs apart. */
export function faultRun(seed: number): unknown {
  const run = new FaultRun(seed)
  run.plan()
  return run.finish()
}

class FaultRun {
  readonly #rng: Rng
  readonly #pair: SessionPair
  readonly #talks: Talk[] = []
  readonly #datagrams = new Set<number>()
  #datagramsIn = 0

  constructor(seed: number) {
    this.#rng = seededRng(seed)
    const [scheduler, window] = [oneOf(this.#rng, SCHEDULER_NAMES), oneOf(this.#rng, [1, 4, 64]) * 1_048_576]
    const options = { scheduler, window, streamWindow: window }
    this.#pair = new SessionPair({
      client: options,
      server: { ...options, scheduler: oneOf(this.#rng, SCHEDULER_NAMES) },
    })
  }

  plan(): void {
    const rng = this.#rng
    const paths = 1 + below(rng, 6)
    for (let i = 0; i < paths; i++) this.#addPath()
    const streams = 2 + below(rng, 8)
    for (let i = 0; i < streams; i++) this.#planTalk(i)
    this.#listen(this.#pair.client)
    this.#listen(this.#pair.server)
    const faults = 3 + below(rng, 12)
    for (let i = 0; i < faults; i++) this.#pair.at(TROUBLE * fraction(rng), () => this.#fault())
    this.#planFlow()
    this.#pair.at(TROUBLE, () => this.#mend())
  }

  finish(): unknown {
    const pair = this.#pair
    pair.run(TROUBLE + 1)
    for (let seconds = TROUBLE + 2; seconds < PATIENCE && !this.#isAtRest(); seconds++) pair.run(seconds)
    // What was sent last is acknowledged, and the last credit has come.
    pair.run(pair.now / 1e6 + 3)
    const { client, server } = pair
    assert.equal(client.counters.faults + server.counters.faults, 0, 'nobody breaks the protocol')
    for (const talk of this.#talks) assertTalk(talk)
    assertAtRest(pair)
    assert.equal(this.#datagramsIn, this.#datagrams.size, 'no datagram comes twice')
    const paths = pair.paths.map((path) => [path.client.counters, path.server.counters, path.client.reason])
    const talks = this.#talks.map(({ up, down }) => [up.drained, down.drained])
    return structuredClone([client.counters, server.counters, paths, talks, this.#datagrams.size])
  }

  #isAtRest(): boolean {
    return this.#pair.client.openCount + this.#pair.server.openCount === 0
  }

  #addPath(): void {
    const rng = this.#rng
    const isTight = chance(rng, 0.4)
    const line = () => ({
      buffer: isTight ? 16_384 : oneOf(rng, [65_536, 262_144]),
      rate: between(rng, 0.5, 30) * MBIT,
      delay: Math.round(between(rng, 500, 150_000)),
      loss: chance(rng, 0.3) ? 0.01 * fraction(rng) : 0,
      rng: seededRng(rng()),
    })
    this.#pair.addPath(line(), { back: line(), role: chance(rng, 0.7) ? 'primary' : oneOf(rng, ROLES) })
  }

  #planTalk(index: number): void {
    const rng = this.#rng
    const octets = (): number =>
      chance(rng, 0.1) ? 0 : Math.round(between(rng, chance(rng, 0.5) ? 1 : 100_000, 800_000))
    const talk: Talk = {
      up: { octets: octets(), drained: undefined },
      down: { octets: octets(), drained: undefined },
      isCut: false,
    }
    this.#talks.push(talk)
    const opener = chance(rng, 0.7) ? this.#pair.client : this.#pair.server
    this.#pair.at(TROUBLE * 0.5 * fraction(rng), () => {
      const stream = opener.openStream({ service: `${index}`, target: '', source: '' })
      this.#use(stream, talk, talk.up.octets, talk.down)
    })
  }

  #listen(session: Session): void {
    session.onStream = (stream) => {
      const talk = this.#talks[Number(stream.service)]!
      if (chance(this.#rng, 0.5)) stream.accept()
      this.#use(stream, talk, talk.down.octets, talk.up)
    }
  }

  /** Writes so much, reads what comes, and perhaps does something else. */
  #use(stream: SessionStream, talk: Talk, octets: number, reads: Expected): void {
    const [rng, pair] = [this.#rng, this.#pair]
    reads.drained = drain(stream, () => pair.now)
    const readAll = stream.events.onReadable!
    const later = (seconds: number, act: () => void): void => pair.at(pair.now / 1e6 + seconds, act)
    if (chance(rng, 0.3)) {
      // It does not read for a while.
      let isAway = true
      stream.events.onReadable = () => isAway || readAll()
      later(3 * fraction(rng), () => {
        isAway = false
        readAll()
      })
    }
    fill(stream, octets)
    const cut = fraction(rng)
    if (cut > 0.2) return
    talk.isCut = true
    later(2 * fraction(rng), () => (cut < 0.12 ? stream.reset(1) : stream.stop(2)))
  }

  /** One thing that goes wrong. */
  #fault(): void {
    const [rng, pair] = [this.#rng, this.#pair]
    const path = oneOf(rng, pair.paths)
    const side = oneOf(rng, ['client', 'server'] as const)
    const kind = fraction(rng)
    if (kind < 0.45) this.#silence(path)
    else if (kind < 0.6) pair[side].dropPath(path[side], 'cut')
    else if (kind < 0.7) cut(pair, path)
    else if (kind < 0.8) this.#addPath()
    else if (kind < 0.9) pair[side].setRole(path[side], oneOf(rng, ROLES))
    else pair[side].removePath(path[side])
  }

  #silence(path: PairPath): void {
    const [rng, pair] = [this.#rng, this.#pair]
    const wires = oneOf(rng, [[path.there], [path.back], [path.there, path.back]])
    for (const wire of wires) wire.silence()
    pair.at(pair.now / 1e6 + between(rng, 0.02, 3), (now) => {
      for (const wire of wires) wire.resume(now)
    })
  }

  /** Numbered datagrams from the client, while all goes on. */
  #planFlow(): void {
    const pair = this.#pair
    pair.server.onFlow = (flow) => {
      flow.events.onDatagram = (bytes) => {
        this.#datagramsIn++
        this.#datagrams.add(bytes[0]! * 256 + bytes[1]!)
        assert.ok(bytes.subarray(2).every((octet) => octet === bytes[1]))
      }
    }
    let flow: SessionFlow | undefined
    for (let i = 0; i < 200; i++) {
      pair.at((TROUBLE * i) / 200, () => {
        flow ??= pair.client.openFlow({ service: 'dns', target: '', source: '' })
        const bytes = new Uint8Array(3 + below(this.#rng, 1200)).fill(i)
        bytes[0] = i >> 8
        flow.send(bytes)
      })
    }
    pair.at(TROUBLE + 0.5, () => flow?.close())
  }

  /** All that is there goes, and one good path comes. */
  #mend(): void {
    const pair = this.#pair
    for (const path of pair.paths) if (chance(this.#rng, 0.5)) cut(pair, path)
    pair.addPath({ rate: 100 * MBIT, delay: 10_000 })
    for (const path of pair.paths) pair.client.setRole(path.client, 'primary')
  }
}

function cut(pair: SessionPair, { client, server }: PairPath): void {
  pair.client.dropPath(client, 'cut')
  pair.server.dropPath(server, 'cut')
}

function assertTalk({ up, down, isCut }: Talk): void {
  for (const { drained, octets } of [up, down]) {
    if (drained === undefined) {
      assert.ok(isCut, 'both sides see the stream')
      continue
    }
    assert.ok(drained.isSound, 'every octet is the right one')
    assert.ok(drained.octets <= octets, 'no octet comes twice')
    if (isCut) continue
    assert.deepEqual(
      [drained.octets, drained.isEnded, drained.isClosed, drained.reset],
      [octets, true, true, undefined],
    )
  }
}
