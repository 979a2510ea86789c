import type { Micros } from '../../base/types.ts'
import { BbrModel } from './bbr-model.ts'
import type { AckSample, CongestionControl, PathModel } from './control.ts'
import { LossShare } from './loss-share.ts'

type BbrState = 'startup' | 'drain' | 'down' | 'cruise' | 'refill' | 'up' | 'probe rtt'

/** How fast to send, and how much may be in flight, in bandwidths and bandwidth-delay products (§5.6.1). */
const GAINS: Readonly<Record<BbrState, readonly [pacing: number, cwnd: number]>> = {
  startup: [2.77, 2],
  drain: [0.5, 2],
  down: [0.9, 2],
  cruise: [1, 2],
  refill: [1, 2],
  up: [1.25, 2.25],
  'probe rtt': [1, 0.5],
}
const NO_LIMIT = Number.POSITIVE_INFINITY
/** §5.6.2: a little less than the path takes, so that no queue grows by rounding. */
const PACING_MARGIN = 0.99
/** Not RFC: cruising without a queue needs no margin, see docs/deviations.md#bbr-margin. */
const NO_QUEUE_FACTOR = 1.25
/** §2.7: a loss rate above this says that there was too much in flight; what is then left of it. */
const LOSS_THRESH = 0.02
const BETA = 0.7
/** §2.8: what is left free for others while cruising. */
const HEADROOM = 0.15
const MIN_SEGMENTS = 4
const PROBE_RTT_DURATION = 200_000
/** §5.3.3.5.2: probe for bandwidth after 2 to 3 seconds, or as many rounds as Reno would need to take a segment more each. */
const PROBE_WAIT = 2_000_000
const PROBE_WAIT_SPREAD = 1_000_000
const MAX_PROBE_ROUNDS = 63
/** A queue stands on the path when round trips are so much longer than the least. */
const QUEUE_FACTOR = 1.5

/**
 * BBR (draft-ietf-ccwg-bbr, version 3): sends at the rate that the path has shown to deliver, and probes from time to
 * time whether there is more. The window only bounds what may be in flight.
 */
export class Bbr implements CongestionControl {
  readonly name = 'bbr'
  readonly ownsRecovery = true
  readonly wantsRate = true
  cwnd: number
  ssthresh = NO_LIMIT
  /** Octets per microsecond. */
  pacingRate: number | undefined
  readonly #model = new BbrModel()
  #state: BbrState = 'startup'
  #cycleAt = 0
  #probeWait = 0
  #roundsAtProbe = 0
  /** BBR.ack_phase, as far as it matters: the feedback of the last probe for bandwidth is still coming in. */
  #isProbeFeedback = false
  /** BBR.inflight_longterm, BBR.bw_shortterm and BBR.inflight_shortterm. */
  #longterm = NO_LIMIT
  #shortBw = NO_LIMIT
  #shortInflight = NO_LIMIT
  #latestBw = 0
  #latestInflight = 0
  #lossRoundEnd = 0
  #isLossInRound = false
  #isSettling = false
  readonly #lossShare = new LossShare()
  /** A mark was told of since the last ACK, and in the round. */
  #isMarked = false
  #isMarkInRound = false
  #leastRtt = NO_LIMIT
  #upRounds = 0
  #upAcks = 0
  #upCount = NO_LIMIT
  #priorCwnd = 0
  #probeRttEnds = 0
  #isProbeRttRoundOver = false
  #isRestarting = false
  /** The latest round trip met no queue. */
  #isQueueFree = false

  constructor(window: number) {
    this.cwnd = window
  }

  /** §5.3.4: little is in flight while the round trip is probed. */
  get holdsBack(): boolean {
    return this.#state === 'probe rtt'
  }

  get path(): PathModel | undefined {
    const { minRtt } = this.#model
    if (minRtt === NO_LIMIT) return undefined
    const [pacingGain, cwndGain] = GAINS[this.#state]
    return { bandwidth: this.#bandwidth, minRtt, pacingGain, cwndGain }
  }

  onAck(sample: AckSample): void {
    const model = this.#model
    model.update(sample)
    this.#heedLosses(sample)
    if (this.#state === 'startup' && model.isFull) this.#state = 'drain'
    if (this.#state === 'drain' && sample.inFlight <= this.#bdp(1)) this.#settle(sample)
    if (model.isFull) this.#probeBandwidth(sample)
    this.#probeRtt(sample)
    this.#setPacingRate(sample)
    this.#setWindow(sample)
  }

  /** Losses alone do not change the model; `onAck` sees how many there are. */
  onCongestion(): void {}

  /** RFC 3168 §6.1.2; the draft says nothing of marks: one tells of a queue, as losses beside long round trips do. */
  onMark(): void {
    this.#isMarked = true
    this.#isMarkInRound = true
  }

  onRecovered(): void {
    this.cwnd = Math.max(this.cwnd, this.#priorCwnd)
    this.#priorCwnd = 0
  }

  onTimeout(_flight: number, mss: number, first: boolean): void {
    // §5.6.4.4: what is in flight is not known any more.
    if (first) this.#saveWindow()
    this.cwnd = mss
  }

  onUndo(): void {
    this.onRecovered()
    this.#shortBw = NO_LIMIT
    this.#shortInflight = NO_LIMIT
  }

  /** §5.4.1: after an idle time, at the rate that the path is known to take. */
  onRestart(idle: Micros): void {
    if (idle === 0 || this.#model.bandwidth === 0) return
    this.#isRestarting = true
    if (this.#isProbingBandwidth) this.pacingRate = this.#bandwidth * PACING_MARGIN
  }

  get #isProbingBandwidth(): boolean {
    const state = this.#state
    return state === 'down' || state === 'cruise' || state === 'refill' || state === 'up'
  }

  get #bandwidth(): number {
    return Math.min(this.#model.bandwidth, this.#shortBw)
  }

  #bdp(gain: number): number {
    const { minRtt } = this.#model
    return minRtt === NO_LIMIT ? this.cwnd : gain * this.#bandwidth * minRtt
  }

  /** §5.5.10: answers losses where they come with a queue. */
  #heedLosses(sample: AckSample): void {
    const { rate, rateDelivered } = sample
    this.#latestBw = Math.max(this.#latestBw, rate)
    this.#latestInflight = Math.max(this.#latestInflight, rateDelivered)
    if (sample.rtt >= 0) this.#leastRtt = Math.min(this.#leastRtt, sample.rtt)
    if (sample.lost > 0) this.#isLossInRound = true
    this.#lossShare.add(sample.lost, sample.delivered)
    if (this.#isMarked && this.#state === 'startup') this.#model.isFull = true
    // Not RFC: losses without a queue are the path's own, unless they are very many, see docs/deviations.md#bbr-losses.
    const isLossy = this.#isQueued(sample.rtt) && sample.lostSince > LOSS_THRESH * sample.sentInFlight
    const isTooHigh = isLossy || this.#isMarked || this.#lossShare.isHeavy
    this.#isMarked = false
    if (isTooHigh) this.#lowerLongterm(sample)
    else if (sample.sentInFlight > this.#longterm) this.#longterm = sample.sentInFlight
    if (rate === 0 || sample.priorDelivered < this.#lossRoundEnd) return
    this.#lossRoundEnd = sample.totalDelivered
    this.#lossShare.endRound(sample.mss)
    const isProbing =
      this.#state === 'startup' || this.#state === 'drain' || this.#state === 'refill' || this.#state === 'up'
    if (!isProbing && !this.#isSettling && this.#isRoundCongested) {
      if (this.#shortBw === NO_LIMIT) this.#shortBw = this.#model.bandwidth
      if (this.#shortInflight === NO_LIMIT) this.#shortInflight = this.cwnd
      // Not RFC: while our own queue drains, less arrives because less is sent, see docs/deviations.md#bbr-own-drain.
      const sent = this.#state === 'down' ? GAINS.down[0] * PACING_MARGIN : 1
      this.#shortBw = Math.max(this.#latestBw / sent, BETA * this.#shortBw)
      this.#shortInflight = Math.max(this.#latestInflight, BETA * this.#shortInflight)
    }
    if (this.#isSettling) this.#lossShare.forget()
    this.#isSettling = false
    this.#isLossInRound = false
    this.#isMarkInRound = false
    this.#leastRtt = NO_LIMIT
    this.#latestBw = rate
    this.#latestInflight = rateDelivered
  }

  /** A mark, losses beside a queue, or very many losses. */
  get #isRoundCongested(): boolean {
    return this.#isMarkInRound || (this.#isLossInRound && this.#isQueued(this.#leastRtt)) || this.#lossShare.isHeavy
  }

  #isQueued(rtt: number): boolean {
    return rtt > QUEUE_FACTOR * this.#model.minRtt && rtt < NO_LIMIT
  }

  /** §5.5.10.2, BBRHandleInflightTooHigh. */
  #lowerLongterm(sample: AckSample): void {
    if (!this.#isProbeFeedback) return
    this.#isProbeFeedback = false
    if (!sample.isAppLimited) this.#longterm = Math.max(sample.sentInFlight, BETA * Math.min(this.#bdp(1), this.cwnd))
    if (this.#state === 'up') this.#goDown(sample)
  }

  /** §5.3.3: down, cruise, refill, up. */
  #probeBandwidth(sample: AckSample): void {
    const model = this.#model
    switch (this.#state) {
      case 'down':
        if (this.#isTimeToProbe(sample)) this.#refill(sample)
        else if (sample.inFlight <= Math.min(this.#bdp(1), this.#withHeadroom(sample.mss))) this.#state = 'cruise'
        break
      case 'cruise':
        if (this.#isTimeToProbe(sample)) this.#refill(sample)
        break
      case 'refill':
        if (model.isRoundStart) this.#goUp(sample)
        break
      case 'up':
        if (sample.isCwndLimited && this.cwnd >= this.#longterm) model.lookForMore(sample.rate)
        else if (model.isFullNow) this.#goDown(sample)
        if (this.#longterm < NO_LIMIT) this.#raiseLongterm(sample)
        break
    }
  }

  #isTimeToProbe({ now, mss }: AckSample): boolean {
    const rounds = Math.min(Math.min(this.#bdp(1), this.cwnd) / mss, MAX_PROBE_ROUNDS)
    return now - this.#cycleAt > this.#probeWait || this.#model.rounds - this.#roundsAtProbe >= rounds
  }

  /** The queue of startup is drained: what is found lost in the next round was sent then, and has been answered. */
  #settle(sample: AckSample): void {
    this.#goDown(sample)
    this.#isSettling = true
    this.#lossRoundEnd = sample.totalDelivered
  }

  #goDown(sample: AckSample): void {
    this.#state = 'down'
    this.#cycleAt = sample.now
    // Sequence numbers begin at random; nobody else's do at the same.
    const random = (Math.imul(sample.una, 0x9e3779b1) >>> 8) / 2 ** 24
    this.#probeWait = PROBE_WAIT + random * PROBE_WAIT_SPREAD
    this.#roundsAtProbe = this.#model.rounds + (random < 0.5 ? 0 : 1)
    this.#isLossInRound = false
    this.#isMarkInRound = false
    this.#latestBw = 0
    this.#latestInflight = 0
    this.#upCount = NO_LIMIT
    this.#model.startRound(sample)
    this.#model.advanceCycle()
  }

  #refill(sample: AckSample): void {
    this.#state = 'refill'
    this.#shortBw = NO_LIMIT
    this.#shortInflight = NO_LIMIT
    this.#upRounds = 0
    this.#upAcks = 0
    this.#model.startRound(sample)
  }

  #goUp(sample: AckSample): void {
    this.#state = 'up'
    this.#isProbeFeedback = true
    this.#model.startRound(sample)
    this.#model.lookForMore(sample.rate)
    this.#raiseSlope(sample.mss)
  }

  /** §5.3.3.6: one segment more in the first round, then two, four, … */
  #raiseLongterm(sample: AckSample): void {
    if (!sample.isCwndLimited || this.cwnd < this.#longterm) return
    this.#upAcks += sample.delivered
    const steps = Math.floor(this.#upAcks / this.#upCount)
    this.#upAcks -= steps * this.#upCount
    this.#longterm += steps * sample.mss
    if (this.#model.isRoundStart) this.#raiseSlope(sample.mss)
  }

  #raiseSlope(mss: number): void {
    const segments = 2 ** this.#upRounds
    this.#upRounds = Math.min(this.#upRounds + 1, 30)
    this.#upCount = Math.max(this.cwnd / segments, mss)
  }

  /** §5.3.4: for a moment little is in flight, so that the queue drains and the path shows its shortest round trip. */
  #probeRtt(sample: AckSample): void {
    const model = this.#model
    if (this.#state !== 'probe rtt' && model.isRttStale && !this.#isRestarting) {
      this.#state = 'probe rtt'
      this.#saveWindow()
      this.#probeRttEnds = 0
      model.startRound(sample)
    }
    if (sample.delivered > 0) this.#isRestarting = false
    if (this.#state !== 'probe rtt') return
    if (this.#probeRttEnds === 0) {
      if (sample.inFlight > this.#probeRttWindow(sample.mss)) return
      this.#probeRttEnds = sample.now + PROBE_RTT_DURATION
      this.#isProbeRttRoundOver = false
      model.startRound(sample)
      return
    }
    this.#isProbeRttRoundOver ||= model.isRoundStart
    if (!this.#isProbeRttRoundOver || sample.now < this.#probeRttEnds) return
    model.rttProbed(sample.now)
    this.onRecovered()
    this.#shortBw = NO_LIMIT
    this.#shortInflight = NO_LIMIT
    if (!model.isFull) this.#state = 'startup'
    else {
      this.#goDown(sample)
      this.#state = 'cruise'
    }
  }

  #probeRttWindow(mss: number): number {
    return Math.max(this.#bdp(GAINS['probe rtt'][1]), MIN_SEGMENTS * mss)
  }

  #withHeadroom(mss: number): number {
    if (this.#longterm === NO_LIMIT) return NO_LIMIT
    return Math.max(this.#longterm - Math.max(mss, HEADROOM * this.#longterm), MIN_SEGMENTS * mss)
  }

  #setPacingRate({ srtt, rtt }: AckSample): void {
    // §5.6.2: before any data was measured, the window in a round trip.
    if (this.pacingRate === undefined) {
      if (srtt > 0) this.pacingRate = (GAINS.startup[0] * this.cwnd) / srtt
      return
    }
    // Marks or losses can end startup before any ACK told a rate.
    if (this.#bandwidth === 0) return
    if (rtt >= 0) this.#isQueueFree = rtt < NO_QUEUE_FACTOR * this.#model.minRtt
    const margin = this.#state === 'cruise' && this.#isQueueFree ? 1 : PACING_MARGIN
    const rate = GAINS[this.#state][0] * margin * this.#bandwidth
    if (this.#model.isFull || rate > this.pacingRate) this.pacingRate = rate
  }

  #setWindow(sample: AckSample): void {
    const { mss, delivered, totalDelivered } = sample
    const model = this.#model
    // §5.6.4.2: room for lumps of ACKs and for frames that are sent as one.
    const most = this.#bdp(GAINS[this.#state][1]) + model.extraAcked + 3 * sample.quantum + 2 * mss
    if (model.isFull) this.cwnd = Math.min(this.cwnd + delivered, most)
    else if (this.cwnd < most || totalDelivered < 10 * mss) this.cwnd += delivered
    let cap = this.#shortInflight
    if (this.#state === 'cruise') cap = Math.min(cap, this.#withHeadroom(mss))
    else if (this.#isProbingBandwidth) cap = Math.min(cap, this.#longterm)
    if (this.#state === 'probe rtt') cap = Math.min(this.#withHeadroom(mss), this.#probeRttWindow(mss))
    this.cwnd = Math.floor(Math.max(Math.min(this.cwnd, cap), MIN_SEGMENTS * mss))
  }

  #saveWindow(): void {
    this.#priorCwnd = Math.max(this.#priorCwnd, this.cwnd)
  }
}
