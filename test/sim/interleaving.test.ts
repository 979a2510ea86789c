import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { below, chance, type Rng, seededRng } from '../../src/base/rng.ts'
import { fromMs } from '../../src/base/types.ts'
import type { FaultOptions } from '../../src/link/fault-options.ts'
import { consumed } from '../../src/tcp/receive.ts'
import type { TcpOptionsInit } from '../../src/tcp/settings.ts'
import { Tcb } from '../../src/tcp/tcb.ts'
import type { Tcp } from '../../src/tcp/tcp.ts'
import { abort, close, closeBoth, send } from '../../src/tcp/user.ts'
import { byteAt } from './end.ts'
import { A, B, Pair } from './pair.ts'

/** Conversations to try; each is a schedule of its own. */
const RUNS = Number(process.env['GOTCP_TEST_SEEDS'] ?? 150)
const STEPS = 60
/** Turns of five seconds for reading all there is: enough for the smallest buffers on the worst line. */
const ROUNDS = 5000
const HOUR_MS = 3_600_000

const pick = <T>(rng: Rng, list: readonly T[]): T => list[below(rng, list.length)]!

/** One user of a connection, who does anything at any time. */
class Actor {
  readonly tcb: Tcb
  readonly #tcp: Tcp
  written = 0
  read = 0
  wrong: number | undefined
  hasAborted = false

  constructor(tcb: Tcb, tcp: Tcp) {
    this.tcb = tcb
    this.#tcp = tcp
  }

  write(size: number): void {
    const chunk = new Uint8Array(size).map((_, i) => byteAt(this.written + i))
    this.written += send(this.tcb, chunk, 0)
  }

  take(most: number): void {
    const view = this.tcb.receiveRing.peek()
    const count = Math.min(most, view.length)
    for (let i = 0; i < count; i++) if (view[i] !== byteAt(this.read + i)) this.wrong ??= this.read + i
    this.read += count
    if (count > 0) consumed(this.tcb, count, this.#tcp.now)
  }

  drain(): void {
    while (this.tcb.receiveRing.length > 0) this.take(Number.POSITIVE_INFINITY)
  }

  act(rng: Rng): void {
    const { tcb } = this
    if (tcb.isOver) return
    const choice = below(rng, 100)
    if (choice < 40) this.write(pick(rng, [1, 10, 700, 1460, 5000, 60_000]))
    else if (choice < 75) this.take(pick(rng, [1, 100, 5000, 1_000_000]))
    else if (choice < 80) tcb.cork = !tcb.cork && !tcb.finQueued
    else if (choice < 85) tcb.noDelay = !tcb.noDelay
    else if (choice < 87) close(tcb)
    else if (choice < 88) this.leave()
    else if (choice === 99 && chance(rng, 0.2)) {
      this.hasAborted = true
      abort(tcb, this.#tcp.sender, this.#tcp.now)
    }
    this.#tcp.changed(tcb)
  }

  /** Closes both ways; with something unread it is an abort. */
  leave(): void {
    if (this.tcb.receiveRing.length > 0) this.hasAborted = true
    closeBoth(this.tcb, this.#tcp.sender, this.#tcp.now)
  }

  /** Reads what is there, and closes. */
  finish(): void {
    this.tcb.cork = false
    this.drain()
    close(this.tcb)
    this.#tcp.changed(this.tcb)
  }
}

const optionsBy = (rng: Rng): TcpOptionsInit => ({
  sack: chance(rng, 0.8),
  timestamps: chance(rng, 0.8),
  windowScale: chance(rng, 0.8),
  ecn: pick(rng, ['off', 'accept', 'request']),
  congestion: pick(rng, ['cubic', 'newreno', 'bbr']),
  receiveBuffer: pick(rng, [2048, 20_000, 4_194_304]),
  sendBuffer: pick(rng, [4096, 100_000, 4_194_304]),
  delayedAck: pick(rng, [0, 40, 500]),
})

const faultsBy = (rng: Rng): FaultOptions => ({
  loss: pick(rng, [0, 0, 0.02, 0.2]),
  reorder: pick(rng, [0, 0.05]),
  duplicate: pick(rng, [0, 0.05]),
  corrupt: pick(rng, [0, 0.02]),
  delay: fromMs(pick(rng, [0, 5, 100])),
  jitter: fromMs(pick(rng, [0, 3])),
})

/** A whole conversation. The pair checks the invariants of both connections at every instant. */
function converse(seed: number): void {
  const rng = seededRng(seed)
  const pair = new Pair({ seed, fault: faultsBy(rng), cable: { offload: chance(rng, 0.3) } })
  const { a, b, simulation } = pair
  const fastOpen = chance(rng, 0.3)
  if (fastOpen) a.tcp.fastOpen.cache.remember(B, b.tcp.fastOpen.keys.cookieFor(A, B))
  const listener = b.tcp.listen(B, 80, { ...optionsBy(rng), fastOpen: fastOpen ? 8 : 0 })
  const client = new Actor(a.tcp.connect(B, 80, { ...optionsBy(rng), fastOpen }), a.tcp)
  const actors = [client]
  const advance = (ms: number): void => {
    simulation.run(fromMs(simulation.now / 1000 + ms))
    const tcb = actors.length === 1 ? listener.accept() : undefined
    if (tcb !== undefined) actors.push(new Actor(tcb, b.tcp))
  }
  for (let step = 0; step < STEPS; step++) {
    pick(rng, actors).act(rng)
    advance(pick(rng, [0, 0, 1, 10, 50, 300, 2000]))
  }
  // Everybody reads all there is, says no more, and goes.
  for (let i = 0; i < ROUNDS && actors.some(({ tcb }) => !tcb.isOver); i++) {
    for (const actor of actors) actor.finish()
    advance(5000)
  }
  advance(HOUR_MS)
  for (const actor of actors) actor.drain()
  // The reset of an abort may have been lost: whoever waits for the peer's end waits no longer.
  for (const actor of actors) if (!actor.tcb.isOver) actor.leave()

  const server = actors[1]
  for (const actor of actors) assert.equal(actor.wrong, undefined, 'every byte is in its place')
  const isWhole =
    server !== undefined && actors.every(({ tcb, hasAborted }) => tcb.failure === undefined && !hasAborted)
  if (isWhole) {
    assert.equal(server.read, client.written, 'what the client wrote')
    assert.equal(client.read, server.written, 'what the server wrote')
  }
  b.tcp.unlisten(listener)
  advance(HOUR_MS)
  for (const { tcp, stack } of [a, b]) {
    assert.equal([...tcp.connections].filter((entry) => entry instanceof Tcb).length, 0, 'no connection is left')
    assert.equal(stack.ports.size, 0, 'no port is left')
  }
  pair.close()
}

describe('two ends that do anything at any time, over a line that does the same', () => {
  it('keep every invariant, lose and double no byte, and end', () => {
    for (let seed = 1; seed <= RUNS; seed++) {
      try {
        converse(seed)
      } catch (error) {
        throw new Error(`seed ${seed}: ${(error as Error).message}`, { cause: error })
      }
    }
  })
})
