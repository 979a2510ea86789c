import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { seededRng } from '../../src/base/rng.ts'
import { Histogram } from '../../src/cli/bench/engine/histogram.ts'
import { DatagramTally, writeHead } from '../../src/cli/bench/iperf/datagram.ts'
import { type JsonObject, parseObject } from '../../src/cli/bench/iperf/json.ts'
import { congestionOf, decodeParameters, encodeParameters, linuxName } from '../../src/cli/bench/iperf/parameters.ts'
import { beginsCookie, COOKIE_LENGTH, makeCookie, streamId, Trouble } from '../../src/cli/bench/iperf/protocol.ts'
import { decodeResults, encodeResults, type Results } from '../../src/cli/bench/iperf/results.ts'
import { CONGESTION_CONTROLS } from '../../src/tcp/congestion/control.ts'
import { parameters } from './bench-pair.ts'

const recoded = (value: JsonObject): JsonObject => parseObject(Buffer.from(JSON.stringify(value)))!

/** Values that a stranger may put anywhere. */
const ODD = [null, true, 'x', '', -1, 0, 0.5, 1e308, -1e308, 2 ** 53, [], {}, [[[]]], 'a'.repeat(10_000)]

describe('makeCookie()', () => {
  it('gives 36 characters and a zero byte, which no request of the echo begins with', () => {
    const cookie = makeCookie()
    assert.equal(cookie.length, COOKIE_LENGTH)
    assert.match(Buffer.from(cookie).toString(), /^[a-z2-7]{36}\0$/)
    assert.ok(beginsCookie(cookie[0]!))
    assert.equal(beginsCookie(0), false)
    assert.notDeepEqual(cookie, makeCookie())
  })
})

describe('streamId()', () => {
  it('counts as iperf3 does', () => {
    assert.deepEqual([0, 1, 2, 3].map(streamId), [1, 3, 4, 5])
  })
})

describe('decodeParameters()', () => {
  it('reads what encodeParameters() wrote', () => {
    for (const init of [
      {},
      { bytes: 12345, parallel: 128, reverse: true },
      { bidirectional: true, mss: 1400, window: 65536, noDelay: true, congestion: 'bbr', omit: 3 },
      { protocol: 'udp', length: 1200, bitrate: 1e9, wideCounters: true, tos: 8 },
    ] as const) {
      const wanted = parameters({ time: 7, ...init })
      assert.deepEqual(decodeParameters(recoded(encodeParameters(wanted))), wanted)
    }
  })

  it("gives what is not said iperf3's own defaults", () => {
    assert.deepEqual(decodeParameters({ tcp: true }), parameters({ time: 0 }))
  })

  it('names what is out of its limits', () => {
    for (const [object, trouble] of [
      [{ parallel: 129 }, Trouble.STREAM_COUNT],
      [{ parallel: 0 }, Trouble.STREAM_COUNT],
      [{ len: 2 ** 31 }, Trouble.BLOCK_SIZE],
      [{ len: 0 }, Trouble.BLOCK_SIZE],
      [{ udp: true, len: 15 }, Trouble.BLOCK_SIZE],
      [{ udp: true, len: 65_508 }, Trouble.BLOCK_SIZE],
      [{ window: 2 ** 30 }, Trouble.WINDOW],
      [{ MSS: 70_000 }, Trouble.MSS],
      [{ time: 1e9 }, Trouble.DURATION],
      [{ omit: -1 }, Trouble.OMIT],
      [{ num: -1 }, Trouble.PARAMETERS],
      [{ sctp: true }, Trouble.NOT_IMPLEMENTED],
      [{ mptcp: true }, Trouble.NOT_IMPLEMENTED],
    ] as const) {
      assert.equal(decodeParameters(object), trouble, JSON.stringify(object))
    }
  })

  it('makes something bounded, or a trouble, of whatever a stranger sends', () => {
    const rng = seededRng(1)
    const names = Object.keys(encodeParameters(parameters({ mss: 1, window: 1, congestion: 'x', tos: 1, bitrate: 1 })))
    for (let i = 0; i < 5000; i++) {
      const object: Record<string, unknown> = { [rng() % 2 === 0 ? 'tcp' : 'udp']: true }
      for (const name of names) if (rng() % 4 === 0) object[name] = ODD[rng() % ODD.length]
      const found = decodeParameters(object)
      if (typeof found === 'number') continue
      assert.ok(found.parallel >= 1 && found.parallel <= 128 && Number.isInteger(found.parallel))
      assert.ok(found.length >= 1 && found.length <= 1024 * 1024 && Number.isInteger(found.length))
      assert.ok((found.congestion ?? '').length <= 32)
    }
  })
})

describe('the names of congestion controls', () => {
  it("are Linux's on the wire", () => {
    assert.equal(linuxName('newreno'), 'reno')
    for (const name of CONGESTION_CONTROLS) assert.equal(congestionOf(linuxName(name)), name)
    assert.equal(congestionOf('vegas'), undefined)
  })
})

const RESULTS: Results = {
  cpu: [30.5, 20.5, 10],
  hasRetransmits: true,
  congestion: 'cubic',
  streams: [
    {
      id: 1,
      bytes: 2 ** 40,
      retransmits: 7,
      jitter: 0.001,
      lost: 5,
      omittedLost: 1,
      packets: 100,
      omittedPackets: 10,
      seconds: 10.01,
    },
  ],
}

describe('decodeResults()', () => {
  it('reads what encodeResults() wrote', () => {
    assert.deepEqual(decodeResults(recoded(encodeResults(RESULTS)), new Set([1])), RESULTS)
  })

  it('takes results without what older versions do not send', () => {
    const old = { cpu_util_total: 1, sender_has_retransmits: -1, streams: [{ id: 1, bytes: 5, errors: 0 }] }
    assert.equal(decodeResults(old, new Set([1]))!.streams[0]!.retransmits, undefined)
  })

  it('refuses streams that we do not have, and what is none', () => {
    const good = encodeResults(RESULTS)
    assert.equal(decodeResults(good, new Set([3])), undefined)
    assert.equal(decodeResults({ ...good, streams: [...(good['streams'] as []), {}] }, new Set([1])), undefined)
    for (const streams of [...ODD.filter((each) => !Array.isArray(each)), undefined, [null], [{ id: 1 }]]) {
      assert.equal(decodeResults({ ...good, streams }, new Set([1])), undefined)
    }
  })

  it('lets no odd number through', () => {
    for (const odd of ODD) {
      const stream = Object.fromEntries(['jitter', 'errors', 'packets', 'end_time'].map((name) => [name, odd]))
      const found = decodeResults({ cpu_util_total: odd, streams: [{ ...stream, id: 1, bytes: 1 }] }, new Set([1]))!
      for (const number of [...found.cpu, ...Object.values(found.streams[0]!)]) {
        assert.ok(number === undefined || (Number.isFinite(number) && number >= 0))
      }
    }
  })
})

describe('parseObject()', () => {
  it('takes objects only', () => {
    assert.deepEqual(parseObject(Buffer.from('{"a":1}')), { a: 1 })
    for (const text of ['', '{', '[]', 'null', '5', '"x"', '{"a":1}{', '\0', `${'['.repeat(100_000)}`]) {
      assert.equal(parseObject(Buffer.from(text)), undefined)
    }
  })
})

describe('DatagramTally', () => {
  const datagram = (count: number, sent: number, isWide = false): Uint8Array => {
    const bytes = new Uint8Array(16)
    writeHead(new DataView(bytes.buffer), sent, count, isWide)
    return bytes
  }

  it('counts gaps as losses until the missing come late', () => {
    const tally = new DatagramTally(false)
    for (const count of [1, 2, 5, 3, 6]) tally.take(datagram(count, 1000), 1000)
    assert.deepEqual([tally.packets, tally.lost, tally.outOfOrder], [6, 1, 1])
  })

  it('measures jitter by the spacing, whatever the clocks say (RFC 3550 §6.4.1)', () => {
    const tally = new DatagramTally(false)
    for (let i = 1; i <= 10; i++) tally.take(datagram(i, 5_000_000 + 10 * i), 100 * i)
    assert.ok(Math.abs(tally.jitter - (90 / 1000) * (1 - (15 / 16) ** 9)) < 1e-4)
  })

  it('numbers with 64 bits where that was agreed', () => {
    const tally = new DatagramTally(true)
    tally.take(datagram(2 ** 32 + 5, 0, true), 0)
    assert.equal(tally.packets, 2 ** 32 + 5)
  })

  it('does not count what is too short', () => {
    assert.equal(new DatagramTally(false).take(new Uint8Array(11), 0), false)
    assert.equal(new DatagramTally(true).take(new Uint8Array(15), 0), false)
  })
})

describe('Histogram', () => {
  it('tells percentiles within 1.6 per cent, from a microsecond to minutes', () => {
    for (const scale of [0.001, 0.1, 1, 1000, 100_000]) {
      const histogram = new Histogram()
      for (let i = 1; i <= 1000; i++) histogram.add((i * scale) / 1000 + scale)
      for (const share of [0.5, 0.9, 0.99, 0.999]) {
        const exact = share * scale + scale
        // What is shorter than a few steps of 50 ns is known to one of them.
        assert.ok(Math.abs(histogram.percentile(share)! - exact) <= 0.016 * exact + 0.00005, `${scale} ${share}`)
      }
      assert.ok(Math.abs(histogram.mean! - (scale * 1.5 + scale / 2000)) < scale / 1e6)
    }
  })

  it('keeps the ends exactly and has room for everything', () => {
    const histogram = new Histogram()
    for (const value of [0, 1e9, 0.000001]) histogram.add(value)
    assert.deepEqual([histogram.min, histogram.max, histogram.count], [0, 1e9, 3])
    assert.equal(histogram.percentile(0), 0)
    assert.ok(histogram.percentile(1)! <= 1e9)
  })

  it('is empty at first and after clear(), and adds up', () => {
    const [one, other] = [new Histogram(), new Histogram()]
    assert.equal(one.percentile(0.5), undefined)
    assert.equal(one.mean, undefined)
    one.add(1)
    other.add(3)
    one.merge(other)
    assert.deepEqual([one.count, one.min, one.max, one.mean, one.deviation], [2, 1, 3, 2, 1])
    one.clear()
    assert.deepEqual([one.count, one.percentile(0.5), one.deviation], [0, undefined, undefined])
  })
})
