import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { seqAdd } from '../../../src/base/seq.ts'
import { micros } from '../../../src/base/types.ts'
import { AckSample } from '../../../src/tcp/congestion/control.ts'
import { Cubic } from '../../../src/tcp/congestion/cubic.ts'
import { DelayIncrease } from '../../../src/tcp/congestion/delay-increase.ts'
import { HyStart, type SlowStartExit } from '../../../src/tcp/congestion/hystart.ts'

const MSS = 1000
const RTT = 100_000

/** A path that acknowledges a whole window in each round trip, two segments at a time. */
class Path {
  readonly cubic: Cubic
  readonly sample = new AckSample()
  rtt = RTT
  now = 1_000_000

  constructor(segments: number) {
    this.cubic = new Cubic(segments * MSS)
  }

  get window(): number {
    return this.cubic.cwnd / MSS
  }

  rounds(count: number): this {
    for (let i = 0; i < count; i++) this.#round()
    return this
  }

  loss(): this {
    this.cubic.onCongestion(this.cubic.cwnd, MSS)
    this.cubic.onRecovered(this.cubic.cwnd, MSS)
    return this
  }

  #round(): void {
    const { sample, cubic } = this
    const acks = Math.max(1, Math.floor(cubic.cwnd / (2 * MSS)))
    const begin = this.now
    sample.nxt = seqAdd(sample.una, acks * 2 * MSS)
    for (let i = 0; i < acks; i++) {
      this.now = begin + (this.rtt * (i + 1)) / acks
      sample.now = micros(this.now)
      sample.acked = 2 * MSS
      sample.una = seqAdd(sample.una, sample.acked)
      sample.rtt = micros(this.rtt)
      sample.minRtt = micros(RTT)
      sample.mss = MSS
      sample.mayGrow = true
      cubic.onAck(sample)
    }
  }
}

describe('CUBIC (RFC 9293 MAY-18, RFC 9438)', () => {
  it('keeps seven tenths of the window after a loss (§4.6), of two segments at least', () => {
    assert.equal(new Path(1000).loss().window, 700)
    assert.equal(new Path(2).loss().window, 2)
  })

  it('is back at the old window after K seconds, stays near it, and then probes beyond (RFC 9438 §4.2, §4.4, §4.5)', () => {
    const path = new Path(1000).loss()
    const k = Math.cbrt((0.3 * 1000) / 0.4)
    path.rounds(Math.round(k * 10))
    assert.ok(Math.abs(path.window - 1000) < 5, `${path.window} after ${k} s`)
    path.rounds(20)
    assert.ok(path.window < 1010, 'the plateau')
    path.rounds(60)
    assert.ok(path.window > 1100, 'beyond it')
  })

  it('grows no slower than Reno would on a short path (§4.3)', () => {
    const path = new Path(100).loss().rounds(20)
    assert.ok(path.window >= 70 + 0.52 * 20, `${path.window}`)
    // Once it is where it was, like Reno itself.
    const before = path.rounds(60).window
    path.rounds(10)
    assert.ok(path.window >= before + 9.5, `${before} to ${path.window}`)
  })

  it('leaves room for newcomers when a window did not come back (§4.7, fast convergence)', () => {
    const crowded = new Path(1000).loss().loss().rounds(64)
    // W_max is 700 · 1.7 / 2, and reached again after K = 6.4 s; without it the window would be near 700 by then.
    assert.ok(Math.abs(crowded.window - 595) < 10, `${crowded.window}`)
  })

  it('takes nothing for granted after a timeout (§4.8)', () => {
    const path = new Path(1000).loss()
    path.cubic.onTimeout(1000 * MSS, MSS, true)
    assert.equal(path.window, 1)
    assert.equal(path.cubic.ssthresh, 490 * MSS)
    path.cubic.onTimeout(MSS, MSS, false)
    assert.equal(path.cubic.ssthresh, 490 * MSS, 'once for the same segment (RFC 5681 §3.1)')
  })

  it('takes a reduction back that was for nothing (§4.9)', () => {
    const path = new Path(1000)
    path.cubic.ssthresh = 800 * MSS
    path.cubic.onCongestion(1000 * MSS, MSS)
    path.cubic.onUndo()
    assert.equal(path.window, 1000)
    assert.equal(path.cubic.ssthresh, 800 * MSS)
  })

  it('goes on where it was on its curve, too (§4.9)', () => {
    const [path, other] = [new Path(1000).loss().rounds(40), new Path(1000).loss().rounds(40)]
    path.cubic.onCongestion(path.cubic.cwnd, MSS)
    path.cubic.onUndo()
    other.cubic.onTimeout(other.cubic.cwnd, MSS, true)
    other.cubic.onTimeout(other.cubic.cwnd, MSS, false)
    other.cubic.onUndo()
    const undisturbed = new Path(1000).loss().rounds(80).window
    assert.ok(Math.abs(path.rounds(40).window - undisturbed) < 2)
    assert.ok(Math.abs(other.rounds(40).window - undisturbed) < 2)
  })

  it('takes a mark for a loss (RFC 3168 §6.1.2)', () => {
    const path = new Path(1000)
    path.cubic.onMark(1000 * MSS, MSS)
    assert.equal(path.window, 700)
  })

  it('does not go on while nothing is sent (§5.8)', () => {
    const path = new Path(1000).loss().rounds(10)
    const before = path.window
    path.now += 60e6
    path.cubic.onRestart(micros(60e6), micros(200_000), Number.POSITIVE_INFINITY, micros(path.now))
    path.rounds(1)
    assert.ok(path.window - before < 20, `${before} to ${path.window}`)
  })

  it('begins no later than now, however far back the idle time reaches', () => {
    const [path, other] = [new Path(1000).loss().rounds(1), new Path(1000).loss().rounds(1)]
    path.cubic.onRestart(micros(5e6), micros(200_000), Number.POSITIVE_INFINITY, micros(path.now))
    other.cubic.onRestart(micros(100_000), micros(200_000), Number.POSITIVE_INFINITY, micros(other.now))
    assert.equal(path.rounds(30).window, other.rounds(30).window)
  })

  it('knows after a timeout from where Reno would grow at its own pace (§4.3, cwnd_prior)', () => {
    const path = new Path(20)
    path.cubic.onTimeout(20 * MSS, MSS, true)
    path.rounds(5)
    const before = path.window
    path.rounds(4)
    assert.ok(path.window <= before + 4 * 0.53 + 1, `${before} to ${path.window}`)
  })

  it('goes on halving for each timeout of an idle time, down to the initial window', () => {
    const path = new Path(100)
    path.cubic.onRestart(micros(500_000), micros(200_000), 10 * MSS, micros(path.now))
    assert.equal(path.window, 25)
    path.cubic.onRestart(micros(60e6), micros(200_000), 10 * MSS, micros(path.now))
    assert.equal(path.window, 10)
  })

  it('keeps its window when a recovery ends whose loss was taken back (RFC 4015 §3)', () => {
    const cubic = new Cubic(10 * MSS)
    cubic.onCongestion(10 * MSS, MSS)
    cubic.onUndo()
    cubic.onRecovered(10 * MSS, MSS)
    assert.equal(cubic.cwnd, 10 * MSS)
  })

  it('does not overflow at windows above 1 GiB', () => {
    const path = new Path(1)
    path.cubic.cwnd = 2 ** 31
    path.loss()
    assert.equal(path.cubic.cwnd, Math.round(0.7 * 2 ** 31))
    path.sample.acked = 2 ** 30
    path.sample.mayGrow = true
    path.sample.mss = MSS
    path.cubic.onAck(path.sample)
    assert.ok(path.cubic.cwnd > 0.7 * 2 ** 31 - 1 && path.cubic.cwnd < 2 ** 32)
  })
})

/** One round trip of `acks` ACKs that measure `rtt`; the divisors of growth that were told. */
function round(exit: SlowStartExit, sample: AckSample, rtt: number, acks = 10): number[] {
  const end = seqAdd(sample.una, acks * MSS)
  sample.nxt = end
  return Array.from({ length: acks }, () => {
    sample.una = seqAdd(sample.una, MSS)
    if (sample.una === end) sample.nxt = seqAdd(end, acks * MSS)
    sample.rtt = micros(rtt)
    return exit.onAck(sample)
  })
}

describe('HyStart++ (RFC 9406)', () => {
  it('goes on while round trips stay as they are, however short a round', () => {
    const hystart = new HyStart()
    const sample = new AckSample()
    for (let i = 0; i < 20; i++) assert.ok(round(hystart, sample, 50_000 + i, i + 1).every((divisor) => divisor === 1))
  })

  it('slows down when eight measurements of a round are an eighth longer, and stops after five rounds (§4.2)', () => {
    const hystart = new HyStart()
    const sample = new AckSample()
    round(hystart, sample, 50_000)
    assert.deepEqual(round(hystart, sample, 57_000), [1, 1, 1, 1, 1, 1, 1, 4, 4, 4])
    for (let i = 0; i < 3; i++) assert.equal(round(hystart, sample, 60_000).at(-1), 4)
    assert.equal(round(hystart, sample, 60_000).at(-1), 0)
  })

  it('goes on as before when it was a mistake (§4.2)', () => {
    const hystart = new HyStart()
    const sample = new AckSample()
    round(hystart, sample, 50_000)
    round(hystart, sample, 60_000)
    assert.equal(round(hystart, sample, 51_000).at(-1), 1)
  })

  it('bears 4 ms on a short path, and notices 16 ms on a long one (§4.3)', () => {
    for (const [rtt, tolerated, noticed] of [
      [1000, 4900, 5100],
      [400_000, 415_000, 416_500],
    ] as const) {
      for (const [later, divisor] of [
        [tolerated, 1],
        [noticed, 4],
      ] as const) {
        const hystart = new HyStart()
        const sample = new AckSample()
        round(hystart, sample, rtt)
        assert.equal(round(hystart, sample, later).at(-1), divisor)
      }
    }
  })
})

describe('the delay rule of HyStart', () => {
  const sample = new AckSample()
  sample.mss = MSS
  sample.minRtt = micros(50_000)

  it('ends slow start at the ninth measurement when all of a round are an eighth longer than the shortest ever', () => {
    sample.cwnd = 20 * MSS
    const exit = new DelayIncrease()
    assert.ok(round(exit, sample, 50_000, 20).every((divisor) => divisor === 1))
    assert.deepEqual(round(exit, sample, 57_000, 9), [1, 1, 1, 1, 1, 1, 1, 1, 0])
  })

  it('bears one short measurement among long ones, and says nothing of windows below 16 segments', () => {
    sample.cwnd = 20 * MSS
    const exit = new DelayIncrease()
    round(exit, sample, 50_000, 20)
    sample.nxt = seqAdd(sample.una, 30 * MSS)
    for (let i = 0; i < 25; i++) {
      sample.una = seqAdd(sample.una, MSS)
      sample.rtt = micros(i === 3 ? 50_000 : 80_000)
      assert.equal(exit.onAck(sample), 1)
    }
    sample.cwnd = 15 * MSS
    const small = new DelayIncrease()
    for (let i = 0; i < 4; i++) assert.ok(round(small, sample, 90_000, 14).every((divisor) => divisor === 1))
  })

  it('is there for whoever asks for it', () => {
    const classic = new Cubic(20 * MSS, 'hystart')
    sample.cwnd = 20 * MSS
    sample.acked = MSS
    sample.mayGrow = true
    sample.nxt = seqAdd(sample.una, 40 * MSS)
    sample.rtt = micros(80_000)
    for (let i = 0; i < 9; i++) {
      sample.una = seqAdd(sample.una, MSS)
      classic.onAck(sample)
    }
    assert.equal(classic.ssthresh, 28 * MSS)
  })
})
