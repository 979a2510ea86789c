import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Budget } from '../../src/session/credit/budget.ts'
import { MBIT, SessionPair } from './pair.ts'
import { RawPeer } from './raw-peer.ts'
import { Transfer } from './transfer.ts'

const LINE = { rate: 100 * MBIT, delay: 5_000 }
const OCTETS = 6_000_000

/** Mbit/s of a transfer, from the moment on when what may go at once has gone. */
function rateOf(pair: SessionPair): number {
  const transfer = new Transfer(pair, OCTETS)
  pair.run(1)
  const { octets } = transfer.got!
  for (let seconds = 2; !transfer.isDone && seconds < 60; seconds++) pair.run(seconds)
  transfer.assertWhole()
  return ((OCTETS - octets) * 8) / (transfer.doneAt! - 1_000_000)
}

const near = (mbit: number, wanted: number): void =>
  assert.ok(Math.abs(mbit - wanted) < 0.1 * wanted, `${mbit} Mbit/s in place of ${wanted}`)

describe('a limit of the rate', () => {
  it('is reached however often it is looked at', () => {
    const peer = new RawPeer({ rate: 50_000, memory: new Budget().lease(200_000), window: 200_000 })
    peer.session.onStream = (stream) => {
      stream.events.onReadable = () => {
        while (stream.read() !== undefined);
      }
    }
    const path = peer.addPath()
    const payload = '00'.repeat(30_000)
    for (const id of [0, 4, 8, 12, 16]) {
      path.send({ type: 'OPEN', id, service: 'bulk', target: '', source: '' })
      path.send({ type: 'STREAM', id, offset: 0, payload })
    }
    // What is left of the first window, and what may be saved up.
    assert.equal(peer.session.load.granted, 50_000 + 65_536)
    // Less than an octet each time.
    for (let i = 0; i < 200_000; i++) peer.run(10)
    assert.ok(peer.session.load.granted >= 150_000, `${peer.session.load.granted}`)
  })

  it('holds on a path', () => {
    const pair = new SessionPair()
    pair.addPath(LINE, { rate: 10 * MBIT })
    near(rateOf(pair), 10)
  })

  it('of a near path leaves a far one what it can carry', () => {
    const pair = new SessionPair()
    pair.addPath({ rate: 100 * MBIT, delay: 1000 }, { rate: 2 * MBIT })
    pair.addPath({ rate: 20 * MBIT, delay: 200_000 })
    near(rateOf(pair), 22)
  })

  it('holds over all paths of a session that sends', () => {
    const pair = new SessionPair({ client: { rate: 20 * MBIT } })
    pair.addPath(LINE)
    pair.addPath(LINE)
    near(rateOf(pair), 20)
  })

  it('holds over all paths of a session that receives, whatever the other side does', () => {
    const pair = new SessionPair({ server: { rate: 20 * MBIT } })
    pair.addPath(LINE)
    pair.addPath(LINE)
    near(rateOf(pair), 20)
  })
})
