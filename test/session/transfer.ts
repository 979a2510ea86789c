import assert from 'node:assert/strict'
import type { SessionPair } from './pair.ts'
import { type Drained, drain, fill } from './traffic.ts'

export const OPENING = { service: 'bulk', target: '', source: '' }

/** Octets of the pattern on their way from a pair's client to its server, on a stream of their own. */
export class Transfer {
  /** What has come; undefined before the server knows of the stream. */
  got: Drained | undefined = undefined
  /** When all of it was acknowledged, in microseconds of the pair; undefined before that. */
  doneAt: number | undefined = undefined
  readonly #octets: number

  constructor(pair: SessionPair, octets: number) {
    this.#octets = octets
    pair.server.onStream = (stream) => {
      this.got = drain(stream, () => pair.now)
      stream.end()
    }
    const stream = pair.client.openStream(OPENING)
    stream.events = {
      onClosed: () => {
        this.doneAt = pair.now
      },
    }
    fill(stream, octets)
  }

  get isDone(): boolean {
    return this.doneAt !== undefined
  }

  /** Everything came, once and in order, and both ends know. */
  assertWhole(): void {
    const { got } = this
    assert.ok(got?.isSound, 'every octet is the right one')
    assert.equal(got.octets, this.#octets)
    assert.ok(got.isEnded && got.isClosed && this.isDone)
  }
}
