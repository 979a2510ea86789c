import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Micros, micros, NEVER } from '../../src/base/types.ts'
import type { ChecksumState, InFrame, Link } from '../../src/link/link.ts'
import { makeFrame, parseFrame, pattern } from '../link/frames.ts'

/** Two links joined so that what one sends the other receives. */
export interface LinkPair {
  readonly a: Link
  readonly b: Link
  /** Lets time pass until frames may have arrived. Default: nothing to wait for. */
  readonly wait?: () => Promise<void>
  /** The clock. Default: always 0. */
  readonly now?: () => Micros
  /** `send` must have said false before so many frames of full size have gone unreceived. Default: not checked. */
  readonly fullAfter?: number
  /** Gives back what lies below the links. */
  readonly release?: () => void | Promise<void>
}

interface Arrival {
  readonly bytes: Uint8Array
  readonly checksum: ChecksumState
  readonly segmentSize: number
}

const ROUNDS = 200

/** What every link promises its stack; `make` gives a fresh pair for each test. */
export function linkCompliance(name: string, make: () => LinkPair | Promise<LinkPair>): void {
  /** Runs `body` with a pair and gives the pair back whatever happens. */
  const withPair = (body: (pair: LinkPair) => void | Promise<void>) => async (): Promise<void> => {
    const pair = await make()
    try {
      await body(pair)
    } finally {
      pair.a.close()
      pair.b.close()
      await pair.release?.()
    }
  }

  const nowOf = (pair: LinkPair): Micros => pair.now?.() ?? micros(0)

  /** Receives at `link` until `enough` of our frames are there (a number, or a judgement) or nothing more comes. */
  async function collect(
    pair: LinkPair,
    link: Link,
    enough: number | ((arrivals: readonly Arrival[]) => boolean),
  ): Promise<Arrival[]> {
    const isEnough = typeof enough === 'number' ? (): boolean => arrivals.length >= enough : enough
    const arrivals: Arrival[] = []
    const take = (frame: InFrame): void => {
      const bytes = frame.bytes.slice(frame.start, frame.end)
      if (isOurs(bytes, link.medium)) {
        arrivals.push({ bytes, checksum: frame.checksum, segmentSize: frame.segmentSize })
      }
    }
    for (let round = 0; round < ROUNDS; round++) {
      link.receive(nowOf(pair), take)
      if (isEnough(arrivals)) break
      await pair.wait?.()
      // A stack flushes at the end of each poll, whether it sent or not.
      pair.a.flush(nowOf(pair))
      pair.b.flush(nowOf(pair))
    }
    return arrivals
  }

  describe(`Link: ${name}`, () => {
    it(
      'keeps order and bytes, both ways',
      withPair(async (pair) => {
        for (const [from, to] of [
          [pair.a, pair.b],
          [pair.b, pair.a],
        ] as const) {
          for (let i = 0; i < 20; i++) {
            const frame = makeFrame({
              medium: from.medium,
              id: i,
              payload: pattern(1 + i * 50, i),
              splitAt: i,
              partial: false,
            })
            assert.equal(from.send(frame, nowOf(pair)), true)
          }
          from.flush(nowOf(pair))
          const arrivals = await collect(pair, to, 20)
          assert.deepEqual(
            arrivals.map((arrival) => parseFrame(arrival.bytes, to.medium).id),
            Array.from({ length: 20 }, (_, i) => i),
          )
          arrivals.forEach((arrival, i) => {
            const parsed = parseFrame(arrival.bytes, to.medium)
            assert.deepEqual(parsed.payload, pattern(1 + i * 50, i))
            assert.ok(arrival.checksum !== 'complete' || parsed.valid)
          })
        }
      }),
    )

    it(
      'has done with headers after send and with payload after flush',
      withPair(async (pair) => {
        const frame = makeFrame({ medium: pair.a.medium, payload: pattern(900), splitAt: 451, partial: false })
        assert.equal(pair.a.send(frame, nowOf(pair)), true)
        frame.bytes.fill(0xee)
        pair.a.flush(nowOf(pair))
        frame.payload.fill(0xee)
        frame.payload2.fill(0xee)
        const [arrival] = await collect(pair, pair.b, 1)
        assert.ok(arrival !== undefined)
        assert.deepEqual(parseFrame(arrival.bytes, pair.b.medium).payload, pattern(900))
      }),
    )

    it(
      'carries a packet of its MTU and no larger one',
      withPair(async (pair) => {
        const room = pair.a.mtu - 40
        for (const extra of [0, 1]) {
          const payload = pattern(room + extra)
          const sent = pair.a.send(
            makeFrame({ medium: pair.a.medium, id: extra, payload, partial: false }),
            nowOf(pair),
          )
          assert.ok(extra === 1 || sent)
        }
        pair.a.send(makeFrame({ medium: pair.a.medium, id: 2, partial: false }), nowOf(pair))
        pair.a.flush(nowOf(pair))
        const arrivals = await collect(pair, pair.b, 2)
        assert.deepEqual(
          arrivals.map((arrival) => parseFrame(arrival.bytes, pair.b.medium).id),
          [0, 2],
        )
        assert.deepEqual(parseFrame(arrivals[0]!.bytes, pair.b.medium).payload, pattern(room))
      }),
    )

    it(
      'carries or cuts a super-segment, if it says that it does',
      withPair(async (pair) => {
        if (!pair.a.offload.segmentation) return
        const segmentSize = Math.min(1000, pair.a.mtu - 40)
        const payload = pattern(segmentSize * 5 + 123)
        const frame = makeFrame({ medium: pair.a.medium, payload, splitAt: 1501, segmentSize, seq: 0xfffffff0 })
        assert.equal(pair.a.send(frame, nowOf(pair)), true)
        pair.a.flush(nowOf(pair))
        const total = (arrivals: readonly Arrival[]): number =>
          arrivals.reduce((sum, arrival) => sum + parseFrame(arrival.bytes, pair.b.medium).payload.length, 0)
        const arrivals = await collect(pair, pair.b, (so) => total(so) >= payload.length)
        let at = 0
        for (const arrival of arrivals) {
          const parsed = parseFrame(arrival.bytes, pair.b.medium)
          assert.equal(parsed.seq, (0xfffffff0 + at) >>> 0)
          assert.deepEqual(parsed.payload, payload.subarray(at, at + parsed.payload.length))
          assert.equal(arrival.segmentSize, parsed.payload.length > segmentSize ? segmentSize : 0)
          assert.ok(arrival.checksum !== 'complete' || parsed.valid)
          at += parsed.payload.length
        }
        assert.equal(at, payload.length)
      }),
    )

    it(
      'finishes a partial checksum, if it says that it does',
      withPair(async (pair) => {
        if (!pair.a.offload.checksum) return
        assert.equal(
          pair.a.send(makeFrame({ medium: pair.a.medium, payload: pattern(333), splitAt: 77 }), nowOf(pair)),
          true,
        )
        pair.a.flush(nowOf(pair))
        const [arrival] = await collect(pair, pair.b, 1)
        assert.ok(arrival !== undefined)
        assert.ok(arrival.checksum !== 'complete' || parseFrame(arrival.bytes, pair.b.medium).valid)
      }),
    )

    it(
      'says false when it is full, and true again when there is room',
      withPair(async (pair) => {
        if (pair.fullAfter === undefined) return
        const frame = makeFrame({ medium: pair.a.medium, payload: pattern(pair.a.mtu - 40), partial: false })
        let sent = 0
        while (sent < pair.fullAfter && pair.a.send(frame, nowOf(pair))) sent++
        pair.a.flush(nowOf(pair))
        assert.ok(sent < pair.fullAfter)
        assert.equal((await collect(pair, pair.b, sent)).length, sent)
        assert.equal(pair.a.send(frame, nowOf(pair)), true)
      }),
    )

    it(
      'closes once and for all',
      withPair((pair) => {
        pair.a.close()
        pair.a.close()
        assert.equal(pair.a.send(makeFrame({ medium: pair.a.medium, partial: false }), nowOf(pair)), false)
        pair.a.flush(nowOf(pair))
        pair.a.receive(nowOf(pair), () => assert.fail('a closed link received'))
        assert.equal(pair.a.pollAt(), NEVER)
      }),
    )
  })
}

/** Whether a frame is one of `makeFrame`'s: a real interface also carries what the kernel says. */
function isOurs(bytes: Uint8Array, medium: 'ethernet' | 'ip'): boolean {
  const ip = medium === 'ethernet' ? 14 : 0
  if (bytes.length < ip + 20 || bytes[ip]! >> 4 !== 4) return false
  return [192, 0, 2, 1].every((octet, i) => bytes[ip + 12 + i] === octet)
}
