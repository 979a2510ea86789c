import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { seededRng } from '../../src/base/rng.ts'
import type { SessionOptions } from '../../src/session/session-types.ts'
import { MBIT, SessionPair } from './pair.ts'
import type { Drained } from './traffic.ts'
import { Transfer } from './transfer.ts'

const MIB = 1_048_576

/** Mbit/s, round trip in ms, share of packets lost below. */
type Line = readonly [mbit: number, rtt: number, loss?: number]

interface Outcome {
  readonly mbit: number
  readonly got: Drained
}

/** Carries `octets` over lines that have been up for a second; the rate until the last acknowledgement. */
function carry(lines: readonly Line[], octets: number, options: Partial<SessionOptions>): Outcome {
  const pair = new SessionPair({ client: options, server: options })
  lines.forEach(([mbit, rtt, loss = 0], i) => {
    pair.addPath({ rate: mbit * MBIT, delay: rtt * 500, loss, rng: seededRng(i + 1) })
  })
  pair.run(1)
  const began = pair.now
  const transfer = new Transfer(pair, octets)
  for (let seconds = 2; !transfer.isDone && seconds < 120; seconds++) pair.run(seconds)
  transfer.assertWhole()
  return { mbit: (octets * 8) / (transfer.doneAt! - began), got: transfer.got! }
}

const large = { window: 8 * MIB, streamWindow: 8 * MIB }
const small = { window: MIB, streamWindow: MIB }

describe('aggregate, with a window of 8 MiB, reaches of the sum of the lines', () => {
  const cells: readonly [share: number, lines: readonly Line[]][] = [
    [
      0.95,
      [
        [50, 20],
        [50, 20],
      ],
    ],
    [
      0.95,
      [
        [50, 20],
        [50, 20],
        [50, 20],
      ],
    ],
    [
      0.95,
      [
        [25, 20],
        [25, 20],
        [25, 20],
        [25, 20],
      ],
    ],
    [
      0.92,
      [
        [50, 20],
        [50, 100],
      ],
    ],
    [
      0.92,
      [
        [50, 20],
        [10, 200],
      ],
    ],
    [
      0.92,
      [
        [20, 20],
        [5, 300],
      ],
    ],
    [
      0.92,
      [
        [80, 10],
        [20, 80, 0.001],
      ],
    ],
    [
      0.92,
      [
        [50, 20, 0.01],
        [50, 20, 0.01],
      ],
    ],
  ]
  for (const [share, lines] of cells) {
    it(`${100 * share} % over ${lines.map(([mbit, rtt]) => `${mbit} Mbit/s ${rtt} ms`).join(' + ')}`, () => {
      const sum = lines.reduce((total, [mbit]) => total + mbit, 0)
      // Slow and far lines take their time to be found out.
      const seconds = lines.some(([, rtt]) => rtt > 50) ? 1.2 : 0.7
      const { mbit } = carry(lines, sum * seconds * MIB, large)
      assert.ok(mbit >= share * sum, `${mbit.toFixed(1)} of ${sum} Mbit/s`)
    })
  }
})

describe('aggregate is not below the best line alone', () => {
  const cells: readonly (readonly Line[])[] = [
    [
      [50, 20],
      [50, 100],
    ],
    [
      [50, 20],
      [10, 200],
    ],
    [
      [20, 20],
      [5, 300],
    ],
    [
      [80, 10],
      [20, 80, 0.001],
    ],
    [
      [50, 20],
      [2, 400],
    ],
  ]
  for (const lines of cells) {
    for (const [mib, options] of [
      [1, small],
      [8, large],
    ] as const) {
      it(`${lines.map(([mbit, rtt]) => `${mbit} Mbit/s ${rtt} ms`).join(' + ')}, with a window of ${mib} MiB`, () => {
        for (const seconds of [0.6, 1.2, 4]) {
          const octets = lines[0]![0] * 125_000 * seconds
          const both = carry(lines, octets, options)
          const alone = carry(lines.slice(0, 1), octets, options)
          const rates = `${both.mbit.toFixed(1)} against ${alone.mbit.toFixed(1)} Mbit/s over ${seconds} s`
          // Nobody knows when a transfer will be over: the end of a short one may be on the far line, the more of it the
          // larger the window.
          const ofShort = mib === 1 ? 0.98 : 0.95
          assert.ok(both.mbit >= (seconds > 2 ? 0.999 : ofShort) * alone.mbit, rates)
        }
      })
    }
  }
})

describe('two runs', () => {
  it('are the same to the octet', () => {
    const lines: readonly Line[] = [
      [50, 20, 0.01],
      [10, 200],
    ]
    const [first, second] = [carry(lines, 8 * MIB, large), carry(lines, 8 * MIB, large)]
    assert.deepEqual(first, second)
  })
})
