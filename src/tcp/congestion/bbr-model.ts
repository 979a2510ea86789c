import type { Micros } from '../../base/types.ts'
import type { AckSample } from './control.ts'

/** The greatest of what was seen in this and the last `windows - 1` windows. */
class WindowedMax {
  readonly #values: Float64Array
  #at = 0

  constructor(windows: number) {
    this.#values = new Float64Array(windows)
  }

  get value(): number {
    let most = 0
    for (const value of this.#values) if (value > most) most = value
    return most
  }

  /** Something was seen in this window. */
  get isFilled(): boolean {
    return this.#values[this.#at]! > 0
  }

  update(value: number): void {
    if (value > this.#values[this.#at]!) this.#values[this.#at] = value
  }

  advance(): void {
    this.#at = (this.#at + 1) % this.#values.length
    this.#values[this.#at] = 0
  }
}

/**
 * Not RFC: probe the round trip after ten seconds rather than five without a shorter one, see
 * docs/deviations.md#bbr-probe-rtt; it is forgotten after as long (§2.10).
 */
const PROBE_RTT_INTERVAL = 10_000_000
const MIN_RTT_FILTER = 10_000_000
/** §5.5.9: rounds over which ACKs that come in lumps are remembered. */
const EXTRA_ACKED_ROUNDS = 10
/** §5.3.1.2: startup is over when the bandwidth has grown by less than a quarter in three rounds. */
const FULL_BW_GROWTH = 1.25
const FULL_BW_ROUNDS = 3

/**
 * What BBR believes of the path (draft-ietf-ccwg-bbr §2.9, §5.5): the bandwidth it has delivered, the round trip
 * without a queue, and how much ACKs are gathered on their way. Octets and microseconds.
 */
export class BbrModel {
  /** BBR.max_bw over the last two cycles of probing. */
  readonly #maxBw = new WindowedMax(2)
  readonly #extraAcked = new WindowedMax(EXTRA_ACKED_ROUNDS)
  minRtt = Number.POSITIVE_INFINITY
  #minRttAt = 0
  #probeRttMin = Number.POSITIVE_INFINITY
  #probeRttMinAt = 0
  /** BBR.probe_rtt_expired: no ACK of the last `PROBE_RTT_INTERVAL` was as quick as one before. */
  isRttStale = false
  /** BBR.round_start: the sample is the first of a round trip, and how many there have been. */
  isRoundStart = false
  rounds = 0
  #nextRound = 0
  #extraSince = 0
  #extraDelivered = 0
  /** BBR.full_bw_reached for good, and BBR.full_bw_now since `lookForMore`. */
  isFull = false
  isFullNow = false
  #fullBw = 0
  #fullRounds = 0

  get bandwidth(): number {
    return this.#maxBw.value
  }

  get extraAcked(): number {
    return this.#extraAcked.value
  }

  update(sample: AckSample): void {
    this.isRoundStart = sample.rate > 0 && sample.priorDelivered >= this.#nextRound
    if (this.isRoundStart) {
      this.startRound(sample)
      this.rounds++
      this.#extraAcked.advance()
    }
    // §5.5.5: a sender with too little to send shows at least so much.
    if (sample.rate > this.bandwidth || !sample.isAppLimited) this.#maxBw.update(sample.rate)
    this.#updateExtraAcked(sample)
    this.#checkFull(sample)
    this.#updateMinRtt(sample)
  }

  /** What is sent from now on belongs to the next round trip. */
  startRound(sample: AckSample): void {
    this.#nextRound = sample.totalDelivered
  }

  /** A cycle of probing is over: what was seen in the cycle before last is forgotten, unless this one showed nothing. */
  advanceCycle(): void {
    if (this.#maxBw.isFilled) this.#maxBw.advance()
  }

  /** §5.3.1.2, ResetFullBW: is there more than `bandwidth`? */
  lookForMore(bandwidth: number): void {
    this.#fullBw = bandwidth
    this.#fullRounds = 0
    this.isFullNow = false
  }

  /** Probing the round trip is done; the next time is `PROBE_RTT_INTERVAL` on. */
  rttProbed(now: Micros): void {
    this.#probeRttMinAt = now
    this.isRttStale = false
  }

  #checkFull({ rate, isAppLimited }: AckSample): void {
    if (this.isFullNow || !this.isRoundStart || isAppLimited) return
    if (rate >= this.#fullBw * FULL_BW_GROWTH) {
      this.lookForMore(rate)
      return
    }
    this.isFullNow = ++this.#fullRounds >= FULL_BW_ROUNDS
    this.isFull ||= this.isFullNow
  }

  /** §5.5.9: what was acknowledged beyond what the bandwidth explains. */
  #updateExtraAcked({ now, delivered, cwnd }: AckSample): void {
    let expected = this.bandwidth * (now - this.#extraSince)
    if (this.#extraDelivered <= expected) {
      this.#extraDelivered = 0
      this.#extraSince = now
      expected = 0
    }
    this.#extraDelivered += delivered
    this.#extraAcked.update(Math.min(this.#extraDelivered - expected, cwnd))
  }

  #updateMinRtt({ now, rtt }: AckSample): void {
    this.isRttStale = this.#probeRttMinAt > 0 && now > this.#probeRttMinAt + PROBE_RTT_INTERVAL
    if (rtt >= 0 && (rtt < this.#probeRttMin || this.isRttStale)) {
      this.#probeRttMin = rtt
      this.#probeRttMinAt = now
    }
    if (this.#probeRttMin < this.minRtt || now > this.#minRttAt + MIN_RTT_FILTER) {
      this.minRtt = this.#probeRttMin
      this.#minRttAt = this.#probeRttMinAt
    }
  }
}
