import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { micros } from '../../../src/base/types.ts'
import { Bbr } from '../../../src/tcp/congestion/bbr.ts'
import { AckSample } from '../../../src/tcp/congestion/control.ts'

const MSS = 1000
/** 10 octets per microsecond (80 Mbit/s) and 40 ms: 400 segments. */
const BANDWIDTH = 10
const RTT = 40_000
const BDP = BANDWIDTH * RTT

/** A path that delivers so much and no more, and loses nothing unless told to; an ACK for each two segments. */
class Path {
  readonly bbr = new Bbr(10 * MSS)
  readonly sample = new AckSample()
  /** The gains of the states passed through, without repetitions. */
  readonly gains: number[] = []
  now = 1_000_000
  /** What others keep waiting before the line, in microseconds. */
  queue = 0
  /** What of our own waits there, in octets. */
  backlog = 0
  /** The part of what is sent that never arrives. */
  loss = 0
  /** Octets per microsecond that the user has to send; without a number, more than the path takes. */
  offered = Number.POSITIVE_INFINITY
  /** What ACKs tell of the rate: all, nothing where the flight is too short to measure one, or only now and then. */
  measured: 'all' | 'nothing' | 'seldom' = 'all'
  #acks = 0

  run(micros_: number, until: () => boolean = () => false): this {
    const end = this.now + micros_
    while (this.now < end && !until()) this.#ack()
    return this
  }

  get gain(): number {
    return this.bbr.path?.pacingGain ?? 0
  }

  #ack(): void {
    const { bbr, sample } = this
    const flight = Math.min(bbr.cwnd, Math.max(4 * MSS, (bbr.pacingRate ?? BANDWIDTH) * RTT))
    const rate = Math.min(BANDWIDTH, flight / RTT, this.offered)
    this.now += (2 * MSS) / rate
    sample.now = micros(this.now)
    sample.acked = 2 * MSS
    sample.delivered = 2 * MSS
    sample.totalDelivered += 2 * MSS
    sample.priorDelivered = Math.max(0, sample.totalDelivered - flight)
    const tells = this.measured === 'all' || (this.measured === 'seldom' && this.#acks++ % 2 === 0)
    sample.rate = tells ? rate : 0
    sample.rateDelivered = flight
    sample.sentInFlight = flight
    sample.lost = (2 * MSS * this.loss) / (1 - this.loss)
    sample.lostSince = flight * this.loss
    sample.rtt = micros(Math.max(RTT, flight / BANDWIDTH) + this.queue + this.backlog / BANDWIDTH)
    sample.minRtt = micros(RTT)
    sample.srtt = RTT
    sample.mss = MSS
    sample.inFlight = Math.min(flight + this.backlog, bbr.cwnd)
    sample.cwnd = bbr.cwnd
    sample.isCwndLimited = flight >= bbr.cwnd
    sample.quantum = 2 * MSS
    sample.isAppLimited = this.offered < BANDWIDTH || bbr.holdsBack
    bbr.onAck(sample)
    if (this.gains.at(-1) !== this.gain) this.gains.push(this.gain)
  }
}

const settled = (): Path => new Path().run(1_000_000)

describe('BBR (draft-ietf-ccwg-bbr)', () => {
  it('doubles in startup until three rounds bring less than a quarter more, then drains (§5.3.1, §5.3.2)', () => {
    const path = new Path()
    path.run(100_000)
    assert.equal(path.gain, 2.77)
    path.run(2_000_000, () => path.gain !== 2.77)
    assert.equal(path.gain, 0.5)
    assert.equal(path.bbr.path?.bandwidth, BANDWIDTH)
    assert.equal(path.bbr.path?.minRtt, RTT)
  })

  it('cruises at the bandwidth, a hundredth below it where a queue stands (§5.6.2)', () => {
    const path = settled()
    assert.equal(path.gain, 1)
    assert.equal(path.bbr.pacingRate, BANDWIDTH)
    path.queue = RTT / 3
    path.run(RTT)
    assert.equal(path.gain, 1)
    assert.ok(Math.abs(path.bbr.pacingRate! - 0.99 * BANDWIDTH) < 1e-9)
    assert.ok(path.bbr.cwnd >= BDP && path.bbr.cwnd <= 2 * BDP + 20 * MSS, `${path.bbr.cwnd}`)
  })

  it('probes for bandwidth within three seconds: refill, up, down, cruise (§5.3.3)', () => {
    const path = settled()
    path.gains.length = 0
    path.run(3_100_000)
    assert.deepEqual(path.gains.slice(0, 4), [1, 1.25, 0.9, 1])
  })

  it('probes the round trip when none was shorter for ten seconds, for 200 ms with half a window (§5.3.4)', () => {
    const path = new Path()
    path.run(12_000_000, () => path.bbr.path?.cwndGain === 0.5)
    const begin = path.now
    const before = path.bbr.path
    assert.equal(before?.cwndGain, 0.5)
    path.run(100_000)
    assert.ok(path.bbr.cwnd <= BDP / 2 + 4 * MSS, `${path.bbr.cwnd}`)
    path.run(1_000_000, () => path.bbr.path?.cwndGain !== 0.5)
    assert.ok(path.now - begin >= 200_000 && path.now - begin < 400_000, `${path.now - begin}`)
    assert.ok(path.bbr.cwnd > BDP, 'what it was before')
  })

  it('keeps what it knows of the path while the user has little to send, whatever round trips it probes (§5.5.6)', () => {
    const path = settled()
    path.offered = BANDWIDTH / 20
    path.run(60_000_000)
    assert.ok(path.gains.length > 10)
    assert.ok(path.bbr.path!.bandwidth > 0.9 * BANDWIDTH, `${path.bbr.path!.bandwidth}`)
    assert.ok(path.bbr.pacingRate! > BANDWIDTH / 2, `${path.bbr.pacingRate}`)
  })

  it('knows nothing of its flight after a timeout, and is back when that is mended (§5.6.4.4)', () => {
    const { bbr } = settled()
    const before = bbr.cwnd
    bbr.onTimeout(before, MSS, true)
    assert.equal(bbr.cwnd, MSS)
    bbr.onRecovered()
    assert.equal(bbr.cwnd, before)
    bbr.onTimeout(before, MSS, true)
    bbr.onUndo()
    assert.equal(bbr.cwnd, before)
  })

  it('is not held back by what startup lost (§5.3.2)', () => {
    const path = new Path()
    path.run(2_000_000, () => path.gain === 0.5)
    Object.assign(path, { loss: 0.3, queue: RTT })
    path.run(2_000_000, () => path.gain !== 0.5)
    path.run(RTT)
    Object.assign(path, { loss: 0, queue: 0 })
    path.run(2 * RTT)
    assert.equal(path.bbr.path?.bandwidth, BANDWIDTH)
    assert.ok(path.bbr.cwnd >= BDP, `${path.bbr.cwnd}`)
  })

  it('heeds losses beside a queue, and without one only very many of them (§5.5.10)', () => {
    const cruising = (loss: number, queue: number): number => {
      const path = settled()
      Object.assign(path, { loss, queue })
      path.run(4 * RTT)
      assert.equal(path.gain, 1)
      return path.bbr.cwnd
    }
    const usual = cruising(0, 0)
    assert.equal(cruising(0.05, 0), usual)
    assert.equal(cruising(0, RTT), usual)
    assert.ok(cruising(0.05, RTT) <= 0.75 * usual)
    assert.ok(cruising(0.2, 0) <= 0.75 * usual)
  })

  it('does not take for the path what it sends less while it drains the queue of its own probe', () => {
    const path = settled()
    path.run(4_000_000, () => path.gain === 1.25)
    path.run(4_000_000, () => path.gain === 0.9)
    Object.assign(path, { loss: 0.01, backlog: BDP })
    path.run(3 * RTT)
    assert.equal(path.gain, 0.9)
    path.backlog = 0
    path.run(2 * RTT)
    assert.equal(path.gain, 1)
    const { bandwidth } = path.bbr.path!
    assert.ok(bandwidth >= 0.99 * BANDWIDTH, `${bandwidth}`)
  })

  it('heeds a mark as it does a loss with a queue: less in flight, until the next probe (RFC 3168 §6.1.2)', () => {
    const path = settled()
    const before = path.bbr.path!.bandwidth
    for (let round = 0; round < 3; round++) {
      path.bbr.onMark()
      path.run(RTT)
    }
    assert.ok(path.bbr.cwnd <= BDP + 4 * MSS, `${path.bbr.cwnd}`)
    assert.ok(path.bbr.path!.bandwidth <= before)
    const young = new Path().run(100_000)
    young.bbr.onMark()
    young.run(2 * RTT)
    assert.notEqual(young.gain, 2.77, 'startup is over')
  })

  it('goes on at the last known rate while this machine is too slow to show a better one', () => {
    const path = settled()
    const before = path.bbr.path!.bandwidth
    path.measured = 'seldom'
    path.offered = BANDWIDTH / 2
    for (let round = 0; round < 500; round++) {
      path.bbr.onMark()
      path.run(RTT)
      assert.ok(path.bbr.pacingRate! > 0)
    }
    assert.ok(path.bbr.path!.bandwidth > 0 && path.bbr.path!.bandwidth <= before)
  })

  it('sends on, too, when the very first ACKs are marked and tell no rate', () => {
    const path = new Path()
    path.measured = 'nothing'
    path.run(RTT)
    path.bbr.onMark()
    path.run(RTT)
    assert.ok(path.bbr.pacingRate! > 0)
    path.measured = 'all'
    path.run(3_000_000)
    assert.ok(path.bbr.path!.bandwidth > 0.9 * BANDWIDTH, `${path.bbr.path!.bandwidth}`)
  })
})
