import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Histogram } from '../../src/cli/bench/engine/histogram.ts'
import type { Measurement } from '../../src/cli/bench/engine/measurement.ts'
import type { TestStart } from '../../src/cli/bench/engine/observer.ts'
import { NOTHING, type Stream } from '../../src/cli/bench/engine/stream.ts'
import type { Parameters } from '../../src/cli/bench/iperf/parameters.ts'
import type { StreamResult } from '../../src/cli/bench/iperf/results.ts'
import { roundsHeader, roundsRow, roundsSummary } from '../../src/cli/bench/report/rounds-text.ts'
import { ThroughputText } from '../../src/cli/bench/report/throughput-text.ts'
import { bitrate, duration, perSecond, transfer } from '../../src/cli/bench/report/units.ts'
import { parameters } from './bench-pair.ts'

const stream = (number: number, isSender: boolean): Stream => ({
  id: number,
  number,
  isSender,
  local: '10.0.0.1',
  localPort: 50_000 + number,
  remote: '10.0.0.2',
  remotePort: 5201,
  isDelivered: true,
  run: async () => undefined,
  counts: () => NOTHING,
  stop: () => undefined,
  close: () => undefined,
})

const result = (id: number, init: Partial<StreamResult>): StreamResult => ({
  id,
  bytes: 0,
  retransmits: undefined,
  jitter: 0,
  lost: 0,
  omittedLost: 0,
  packets: 0,
  omittedPackets: 0,
  seconds: 1,
  ...init,
})

const GIB = 1024 ** 3

interface Fake {
  readonly streams: readonly Stream[]
  readonly init?: Partial<Parameters>
  /** Of each stream, in one interval of a second and at the end. */
  readonly counts: readonly Partial<typeof NOTHING>[]
  readonly theirs?: readonly StreamResult[]
}

/** The lines of a test of one second with one interval. */
function linesOf({ streams, init = {}, counts, theirs }: Fake): string[] {
  const lines: string[] = []
  const text = new ThroughputText((line) => lines.push(line))
  const start: TestStart = { role: 'client', peer: '10.0.0.2', peerPort: 5201, parameters: parameters(init), streams }
  const all = streams.map((each, i) => ({ stream: each, ...NOTHING, ...counts[i] }))
  text.onStart(start)
  text.onInterval(start, { from: 0, to: 1, isOmitted: false, streams: all })
  const totals = all.map(({ stream: each, ...rest }) => ({ stream: each, counts: rest, omitted: NOTHING }))
  const measurement = { totals, seconds: 1, cpu: [0, 0, 0] } as unknown as Measurement
  const results = theirs && { cpu: [0, 0, 0] as const, hasRetransmits: true, congestion: undefined, streams: theirs }
  text.onEnd({ start, measurement, theirs: results })
  return lines
}

describe("a test in iperf3's words", () => {
  it('of one stream', () => {
    const lines = linesOf({
      streams: [stream(1, true)],
      counts: [{ bytes: 1.1 * GIB, retransmits: 3, cwnd: 1024 * 1024 }],
      theirs: [result(1, { bytes: GIB, seconds: 1.25 })],
    })
    assert.deepEqual(lines, [
      '[  1] local 10.0.0.1 port 50001 connected to 10.0.0.2 port 5201',
      '[ ID] Interval           Transfer     Bitrate         Retr  Cwnd',
      '[  1]   0.00-1.00   sec  1.10 GBytes  9.45 Gbits/sec    3   1.00 MBytes',
      '- - - - - - - - - - - - - - - - - - - - - - - - -',
      '[ ID] Interval           Transfer     Bitrate         Retr',
      '[  1]   0.00-1.00   sec  1.10 GBytes  9.45 Gbits/sec    3            sender',
      '[  1]   0.00-1.25   sec  1.00 GBytes  6.87 Gbits/sec                  receiver',
    ])
  })

  it('of both directions, with sums', () => {
    const lines = linesOf({
      streams: [stream(1, true), stream(2, true), stream(3, false), stream(4, false)],
      init: { bidirectional: true, parallel: 2 },
      counts: [{ bytes: 1000, retransmits: 1 }, { bytes: 2000, retransmits: 2 }, { bytes: 4000 }, { bytes: 8000 }],
      theirs: [1, 2, 3, 4].map((id) => result(id, { bytes: 500, ...(id > 2 ? { retransmits: 7 } : {}) })),
    })
    assert.equal(lines[4], '[ ID][Role] Interval           Transfer     Bitrate         Retr  Cwnd')
    assert.equal(lines[9], '[SUM][TX-C]   0.00-1.00   sec  2.93 KBytes  24.0 Kbits/sec    3')
    assert.equal(lines[10], '[SUM][RX-C]   0.00-1.00   sec  11.7 KBytes  96.0 Kbits/sec')
    assert.deepEqual(lines.slice(-4), [
      '[SUM][TX-C]   0.00-1.00   sec  2.93 KBytes  24.0 Kbits/sec    3            sender',
      '[SUM][TX-C]   0.00-1.00   sec  1000 Bytes  8.00 Kbits/sec                  receiver',
      '[SUM][RX-C]   0.00-1.00   sec  1000 Bytes  8.00 Kbits/sec   14            sender',
      '[SUM][RX-C]   0.00-1.00   sec  11.7 KBytes  96.0 Kbits/sec                  receiver',
    ])
  })

  it('of datagrams, without what was lost in the time that is omitted', () => {
    const lines = linesOf({
      streams: [stream(1, true)],
      init: { protocol: 'udp' },
      counts: [{ bytes: 125_000, packets: 100 }],
      theirs: [
        result(1, { bytes: 112_500, packets: 150, omittedPackets: 50, lost: 12, omittedLost: 2, jitter: 0.001 }),
      ],
    })
    assert.deepEqual(lines.slice(1), [
      '[ ID] Interval           Transfer     Bitrate         Total Datagrams',
      '[  1]   0.00-1.00   sec   122 KBytes  1.00 Mbits/sec  100',
      '- - - - - - - - - - - - - - - - - - - - - - - - -',
      '[ ID] Interval           Transfer     Bitrate         Jitter    Lost/Total Datagrams',
      '[  1]   0.00-1.00   sec   122 KBytes  1.00 Mbits/sec  0.000 ms  0/100 (0%)  sender',
      '[  1]   0.00-1.00   sec   110 KBytes   900 Kbits/sec  1.000 ms  10/100 (10%)  receiver',
    ])
  })

  it('that did not come to its end: what we know ourselves', () => {
    const lines = linesOf({ streams: [stream(1, false)], counts: [{ bytes: 1000 }] })
    assert.deepEqual(lines.slice(-2), [
      '[ ID] Interval           Transfer     Bitrate         Retr',
      '[  1]   0.00-1.00   sec  1000 Bytes  8.00 Kbits/sec                  receiver',
    ])
  })
})

describe('round trips in words', () => {
  const round = new Histogram()
  for (let i = 1; i <= 100; i++) round.add(i / 1000)

  it('as a row under its header', () => {
    const row = roundsRow({ from: 0, to: 1, isOmitted: false, round, connect: round })
    assert.equal(roundsHeader('latency').length, row.length)
    assert.match(row, /^0\.00-1\.00 {3}sec +100 +100 \/s +50\.\d us +9[01]\.\d us +9[89]\.\d us +100 us$/)
  })

  it('as a summary', () => {
    const total = { seconds: 2, round, connect: new Histogram(), isComplete: true }
    assert.match(
      roundsSummary('latency', total).join('\n'),
      /^100 requests, in 2\.00 s: 50\.0 \/s\nround trip: min 1\.00 us,/,
    )
    assert.match(roundsSummary('connections', total).join('\n'), /\nconnect: min -, avg -, p50 -, .* sdev -$/)
  })
})

describe('numbers', () => {
  it('have three figures and their unit', () => {
    assert.deepEqual([0, 999, 1024, 10_239, 1024 ** 4 * 5000].map(transfer), [
      '0.00 Bytes',
      ' 999 Bytes',
      '1.00 KBytes',
      '10.0 KBytes',
      '5000 TBytes',
    ])
    assert.equal(bitrate(125, 0), '0.00 bits/sec')
    assert.equal(bitrate(125, 1), '1.00 Kbits/sec')
    assert.equal(perSecond(45_200, 1), '45.2 k/s')
    assert.deepEqual([undefined, 0.0213, 1.2, 2500].map(duration), ['-', '21.3 us', '1.20 ms', '2.50 s'])
  })
})
