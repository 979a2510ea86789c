import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Budget } from '../../src/session/credit/budget.ts'
import { SESSION_WINDOW } from '../../src/session/limits.ts'
import { MBIT, SessionPair } from './pair.ts'
import { drain, fill } from './traffic.ts'
import { OPENING } from './transfer.ts'

const MIB = 1_048_576

/** A session whose server shares the memory of others, and moves as much as can be when it is told to. */
class Sharer {
  readonly pair: SessionPair
  #seconds = 0

  constructor(budget: Budget) {
    this.pair = new SessionPair({ server: { memory: budget.lease(SESSION_WINDOW), window: 8 * MIB } })
    this.pair.addPath({ rate: 1000 * MBIT, delay: 40_000 })
    this.pair.server.onStream = (stream) => drain(stream, () => this.pair.now)
  }

  get window(): number {
    return this.pair.server.load.window
  }

  move(octets: number, seconds: number): void {
    fill(this.pair.client.openStream(OPENING), octets)
    this.#seconds += seconds
    this.pair.run(this.#seconds)
  }
}

describe('sessions that share their memory', () => {
  it('leave some to whoever comes when they were busy, and all of it is there when they have ended', () => {
    const budget = new Budget(16 * MIB)
    const early = Array.from({ length: 4 }, () => new Sharer(budget))
    for (const one of early) one.move(24 * MIB, 1.5)
    assert.ok(early[0]!.window > 4 * MIB, `${early[0]!.window}`)
    const late = new Sharer(budget)
    late.move(24 * MIB, 1.5)
    assert.ok(late.window > SESSION_WINDOW + 65_536, `${late.window}`)
    for (const { pair } of [...early, late]) pair.server.close(0, '')
    assert.equal(budget.left, 16 * MIB)
  })

  it('have the same of it in the end, whoever came first', () => {
    const budget = new Budget(16 * MIB)
    const all = Array.from({ length: 3 }, () => new Sharer(budget))
    for (let turn = 0; turn < 12; turn++) for (const one of all) one.move(8 * MIB, 0.5)
    const windows = all.map(({ window }) => window)
    for (const window of windows) assert.ok(window > 2.5 * MIB && window < 4 * MIB, `${windows}`)
  })
})
