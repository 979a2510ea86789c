import assert from 'node:assert/strict'
import { addMicros, type Micros, micros, NEVER } from '../../src/base/types.ts'
import type { Path } from '../../src/session/paths/path.ts'
import type { Pipe } from '../../src/session/paths/pipe.ts'
import { RecordWriter } from '../../src/session/records/record-writer.ts'
import { Session } from '../../src/session/session.ts'
import type { SessionOptions } from '../../src/session/session-types.ts'
import { type Frame, Recorded, taken, writeFrame } from './records.ts'

/** One path of a raw peer: it sends what the test says, and keeps what comes. */
export class RawPath implements Pipe {
  readonly got = new Recorded()
  readonly limit = 262_144
  queued = 0
  isEnded = false
  isDestroyed = false
  isReading: boolean
  path!: Path
  readonly #peer: RawPeer
  readonly #writer = new RecordWriter()

  constructor(peer: RawPeer, isReading: boolean) {
    this.#peer = peer
    this.isReading = isReading
  }

  write(pieces: readonly Uint8Array[]): boolean {
    for (const piece of pieces) {
      if (this.isReading) assert.equal(this.got.reader.feed(piece), undefined, 'the session writes sound records')
      else this.queued += piece.length
    }
    return this.isReading || this.queued < this.limit
  }

  end(): void {
    this.isEnded = true
  }

  destroy(): void {
    this.isDestroyed = true
  }

  /** One record of these frames. */
  send(...frames: Exclude<Frame, { type: 'PADDING' }>[]): void {
    this.#writer.begin()
    for (const frame of frames) writeFrame(this.#writer, frame)
    this.#writer.finish()
    this.sendOctets(taken(this.#writer))
  }

  sendOctets(octets: Uint8Array): void {
    this.path.onBytes(octets)
    this.#peer.poll()
  }

  /** Acknowledges all that came on this path. */
  acknowledge(): void {
    this.send({ type: 'ACK', path: this.path.id, count: this.got.records.length, delay: 0 })
  }

  /** Frames of one type that came. */
  frames<T extends Frame['type']>(type: T): Extract<Frame, { type: T }>[] {
    return this.got.frames.filter((frame): frame is Extract<Frame, { type: T }> => frame.type === type)
  }
}

/** The other side of a session as octets, which need keep to nothing. The session is a server unless said otherwise. */
export class RawPeer {
  readonly session: Session
  now: Micros = micros(1_000_000)

  constructor(options: Partial<SessionOptions> = {}) {
    this.session = new Session({ role: 'server', ...options }, this.now)
  }

  addPath({ isReading = true } = {}): RawPath {
    const raw = new RawPath(this, isReading)
    raw.path = this.session.addPath({ id: this.#nextId++, pipe: raw })
    this.poll()
    return raw
  }

  #nextId = 0

  /** Polls as long as the session wants something at this instant. */
  poll(): void {
    this.session.poll(this.now)
    for (let turns = 0; this.session.pollAt() <= this.now; turns++) {
      assert.ok(turns < 100, 'the session asks to be polled for ever')
      this.session.poll(this.now)
    }
  }

  /** Lets time pass. */
  run(microseconds: number): void {
    const until = addMicros(this.now, microseconds)
    for (;;) {
      const at = this.session.pollAt()
      if (at === NEVER || at > until) break
      if (at > this.now) this.now = at
      this.poll()
    }
    this.now = until
    this.poll()
  }
}
