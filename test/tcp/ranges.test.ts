import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { type Seq, seq, seqDiff } from '../../src/base/seq.ts'
import { micros } from '../../src/base/types.ts'
import { Reassembly } from '../../src/tcp/receive/reassembly.ts'
import { RangePool } from '../../src/tcp/recovery/range-pool.ts'
import { type DeliveryWatcher, Scoreboard } from '../../src/tcp/recovery/scoreboard.ts'
import type { SentRange } from '../../src/tcp/recovery/sent-range.ts'

const SPACE = 200
const BASE = seq(2 ** 31 - 100)
const at = (offset: number): Seq => seq(BASE + offset)
const span = fc.tuple(fc.nat(SPACE - 1), fc.integer({ min: 1, max: 40 }))

describe('Reassembly', () => {
  it('knows exactly the octets that it was given, wherever the numbers wrap', () => {
    fc.assert(
      fc.property(fc.array(span, { maxLength: 40 }), fc.nat(SPACE), (spans, next) => {
        const reassembly = new Reassembly()
        const held = new Set<number>()
        for (const [from, length] of spans) {
          assert.ok(reassembly.add(at(from), at(from + length)))
          for (let i = from; i < from + length; i++) held.add(i)
        }
        const blocks = new Int32Array(8)
        const count = reassembly.sackBlocks(blocks, 4, false)
        const seen = new Set<number>()
        for (let i = 0; i < count; i++) {
          const from = seqDiff(seq(blocks[2 * i]!), BASE)
          const to = seqDiff(seq(blocks[2 * i + 1]!), BASE)
          assert.ok(from < to && !held.has(from - 1) && !held.has(to), 'a block is as large as can be')
          for (let octet = from; octet < to; octet++) {
            assert.ok(held.has(octet) && !seen.has(octet), 'blocks name what is held, once')
            seen.add(octet)
          }
        }
        const latest = spans.at(-1)
        if (latest !== undefined) assert.ok(seqDiff(seq(blocks[0]!), BASE) <= latest[0], 'the latest comes first')
        let reached = next
        while (held.has(reached)) reached++
        // What lies below `next` is forgotten with it.
        const below = Math.max(next, ...[...held].filter((octet) => octet < next).map((octet) => endOf(held, octet)))
        assert.equal(seqDiff(reassembly.advance(at(next)), BASE), Math.max(reached, below))
      }),
    )
  })
})

function endOf(held: ReadonlySet<number>, octet: number): number {
  let end = octet
  while (held.has(end)) end++
  return end
}

/** What is in flight, and nothing else, stands in the order in which it was sent. */
function assertOrderOfSending(board: Scoreboard): void {
  const inFlight = new Set<SentRange>()
  for (let range = board.oldestInFlight; range !== undefined; range = range.newer) {
    assert.ok(range.newer === undefined || range.newer.sentAt >= range.sentAt)
    assert.ok(!inFlight.has(range))
    inFlight.add(range)
  }
  for (const range of board.ranges) {
    assert.equal(inFlight.has(range), !range.sacked && (!range.lost || range.resent), 'in flight')
  }
  assert.ok(inFlight.size <= board.ranges.length)
}

describe('Scoreboard', () => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('send'), size: fc.integer({ min: 1, max: 30 }) }),
    fc.record({ kind: fc.constant('ack'), to: fc.nat(SPACE) }),
    fc.record({ kind: fc.constant('sack'), from: fc.nat(SPACE), size: fc.integer({ min: 1, max: 60 }) }),
    fc.record({
      kind: fc.constantFrom('lose first', 'lose all', 'lose holes', 'renege', 'undo'),
      size: fc.integer({ min: 1, max: 30 }),
    }),
    fc.record({ kind: fc.constant('retransmit'), size: fc.integer({ min: 1, max: 30 }) }),
  )

  it('covers what was sent and not acknowledged, and counts it right', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.integer({ min: 1, max: 10 }), (steps, mss) => {
        const board = new Scoreboard(BASE, new RangePool())
        let una = 0
        let nxt = 0
        let delivered = 0
        let clock = 0
        let reneged = false
        const held = new Set<number>()
        const watcher: DeliveryWatcher = {
          onDelivered: (range) => {
            delivered += seqDiff(range.end, range.start)
          },
        }
        for (const action of steps) {
          if (action.kind === 'send' && 'size' in action) {
            clock++
            board.sent(at(nxt), at(nxt + action.size), micros(clock))
            nxt += action.size
          } else if ('to' in action) {
            const ack = Math.min(nxt, Math.max(una, action.to))
            board.acknowledge(at(ack), watcher)
            una = ack
          } else if ('from' in action) {
            const from = Math.max(una, action.from)
            const to = Math.min(nxt, from + action.size)
            if (from < to) board.sack(at(from), at(to), mss, watcher)
            for (let octet = from; octet < to; octet++) held.add(octet)
          } else if (action.kind === 'lose first') board.markFirstLost(action.size)
          else if (action.kind === 'lose all') board.markAllLost()
          else if (action.kind === 'lose holes') board.markHolesLost(3, mss)
          else if (action.kind === 'undo') board.unmarkLost()
          else if (action.kind === 'renege') {
            board.forgetSacks()
            reneged = true
            held.clear()
          } else {
            const lost = board.firstLost()
            if (lost !== undefined) {
              clock++
              board.retransmitted(lost, Math.min(action.size, seqDiff(lost.end, lost.start)), micros(clock))
            }
          }
          let edge = una
          let sacked = 0
          let lost = 0
          let resent = 0
          for (const range of board.ranges) {
            const [from, to] = [seqDiff(range.start, BASE), seqDiff(range.end, BASE)]
            assert.equal(from, edge)
            assert.ok(to > from && !(range.sacked && range.lost))
            if (range.sacked) for (let octet = from; octet < to; octet++) assert.ok(held.has(octet), 'the peer said so')
            if (range.sacked) sacked += to - from
            if (range.lost) lost += to - from
            if (range.resent) resent += to - from
            assert.ok(range.lost || !range.resent)
            edge = to
          }
          assert.equal(edge, nxt)
          assert.deepEqual([board.sackedBytes, board.lostBytes, board.resentBytes], [sacked, lost, resent])
          assert.equal(board.pipe, nxt - una - sacked - lost + resent)
          const waiting = board.ranges.find((range) => range.lost && !range.resent)
          assert.equal(board.firstLost(), waiting, 'the first that waits')
          assertOrderOfSending(board)
          assert.equal(board.isEmpty, nxt === una)
        }
        if (!reneged) assert.equal(delivered, una + board.sackedBytes, 'each octet is delivered once')
      }),
    )
  })

  const MSS = 100
  const nobody: DeliveryWatcher = { onDelivered: () => undefined }

  /** A board with `count` segments of MSS octets in flight, each sent so long after the one before. */
  function full(count: number, apart = 1): Scoreboard {
    const board = new Scoreboard(BASE, new RangePool())
    for (let i = 0; i < count; i++) board.sent(at(i * MSS), at((i + 1) * MSS), micros(i * apart))
    return board
  }

  it('looks at each segment a few times at most, whatever a peer sacks, and however often', () => {
    const count = 20_000
    const board = full(count)
    const orders: ((i: number) => number)[] = [(i) => 2 * i + 1, (i) => count - 2 * i - 2, (i) => (7919 * i) % count]
    for (const order of orders) {
      for (let i = 0; i < count / 2; i++) {
        const from = order(i)
        // The new block, and with odd edges what lies before it.
        board.sack(at(from * MSS), at((from + 1) * MSS), MSS, nobody)
        board.sack(at(Math.max(0, from - 3) * MSS + 1), at((from + 1) * MSS - 1), MSS, nobody)
        board.markHolesLost(3, MSS)
        board.firstLost()
      }
    }
    const acks = orders.length * (count / 2)
    assert.ok(board.visits < 12 * (acks + count), `${board.visits} for ${acks} ACKs`)
  })

  it('passes a block that is known in one step', () => {
    const count = 10_000
    const board = full(count)
    board.sack(at(MSS), at(count * MSS), MSS, nobody)
    const before = board.visits
    for (let i = 0; i < 1000; i++) board.sack(at(MSS), at(count * MSS), MSS, nobody)
    assert.equal(board.visits - before, 1000)
  })

  it('makes no more ranges than there are segments, however odd the edges', () => {
    const board = new Scoreboard(BASE, new RangePool())
    board.sent(at(0), at(60 * MSS), micros(1))
    for (let i = 0; i < 60 * MSS; i += 7) board.sack(at(i), at(i + MSS + 3), MSS, nobody)
    assert.ok(board.ranges.length <= 60)
  })

  it('puts what is in flight after all where it was in the order of sending, one time or many (RFC 8985 §6.2)', () => {
    for (const board of [full(6), full(6, 0)]) {
      const order = (): number[] => {
        const starts: number[] = []
        for (let range = board.oldestInFlight; range !== undefined; range = range.newer) {
          starts.push(seqDiff(range.start, BASE) / MSS)
        }
        return starts
      }
      board.sack(at(MSS), at(3 * MSS), MSS, nobody)
      board.sack(at(4 * MSS), at(6 * MSS), MSS, nobody)
      board.forgetSacks()
      assert.deepEqual(order(), [0, 1, 2, 3, 4, 5])
      board.markFirstLost(MSS)
      board.retransmitted(board.firstLost()!, MSS, micros(10))
      for (const range of board.ranges.slice(1, 4)) board.markLost(range)
      assert.deepEqual(order(), [4, 5, 0])
      board.unmarkLost()
      assert.deepEqual(order(), [1, 2, 3, 4, 5, 0])
    }
  })

  it('finds holes by what is sacked beyond them (RFC 6675 §4, IsLost)', () => {
    const board = full(10)
    board.sack(at(2 * MSS), at(4 * MSS), MSS, nobody)
    board.markHolesLost(3, MSS)
    assert.equal(board.lostBytes, 0, 'two segments are not enough')
    board.sack(at(5 * MSS), at(6 * MSS), MSS, nobody)
    board.markHolesLost(3, MSS)
    assert.equal(board.lostBytes, 2 * MSS)
    board.sack(at(9 * MSS), at(10 * MSS), MSS, nobody)
    board.sack(at(7 * MSS), at(8 * MSS), MSS, nobody)
    board.markHolesLost(3, MSS)
    assert.equal(board.lostBytes, 3 * MSS, 'three runs lie beyond the third hole')
  })
})
