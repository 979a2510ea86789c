import { addMicros, type Micros } from '../../base/types.ts'
import {
  FIRST_CAP,
  FIRST_RTT,
  LARGEST_RECORD,
  LEAST_STALL,
  MOST_STALL,
  RECORD_TIME,
  SMALLEST_RECORD,
} from '../limits.ts'
import type { SentRecord } from '../records/carried.ts'

/** The least round trip is believed for so long, and then looked for again. */
const MIN_RTT_WINDOW = 10_000_000
/** The largest rate is believed for so long, or for ten round trips. */
const RATE_WINDOW = 1_500_000
/** Start-up ends when the rate did not grow by a quarter in three rounds (as BBR has it). */
const GROWTH = 1.25
const FLAT_ROUNDS = 3
/**
 * So many times what the path holds is kept in flight: room for it to become faster, and for what is lost below to be sent
 * again meanwhile. With more, it would stand in a queue, and be lost where that is short.
 */
const GAIN = 1.75
/** Acknowledgements are late by so much. */
const LATENESS = 4_000
/** A round trip that is longer than the least by an eighth shows a queue, within these limits. */
const LEAST_QUEUE = 4_000
const MOST_QUEUE = 16_000
/** Octets of a record while nothing is known. */
const STARTING_RECORD = 16_384
const MEGA = 1_000_000

/** What is known of a path: from the acknowledgements of its records alone. */
export class PathEstimator {
  /** Smoothed round trip and its variation (RFC 6298 §2), and the least of late; microseconds. */
  srtt = FIRST_RTT
  rttvar = FIRST_RTT / 2
  minRtt = FIRST_RTT
  /** Octets that have arrived. */
  delivered = 0
  deliveredAt: Micros = 0 as Micros
  /** When the newest record of what has arrived was sent. */
  firstSentAt: Micros = 0 as Micros
  /** Until so much has arrived, there was less to send than the path could take. */
  #limitedUntil = 0
  #hasRtt = false
  /** So many times longer silence is borne, doubled by each that came before a sample (RFC 6298 §5.5). */
  #patience = 1
  #minAt = 0
  #drainUntil = 0
  #drainMin = Number.POSITIVE_INFINITY
  /** The largest rates of this window and of the one before, octets per second. */
  #rate = 0
  #rateBefore = 0
  #rateAt = 0
  #isStarting = true
  #startCap = FIRST_CAP
  #fullRate = 0
  #flatRounds = 0
  #roundEnd = 0

  /** Octets per second that the path has delivered at its best of late; 0 while nothing is known. */
  get rate(): number {
    return Math.max(this.#rate, this.#rateBefore)
  }

  /** Whether a round trip was measured since the path began, or was silent; before that `srtt` and the like are guesses. */
  get hasRtt(): boolean {
    return this.#hasRtt
  }

  get isStarting(): boolean {
    return this.#isStarting
  }

  /** Octets that may be in flight. */
  cap(now: Micros): number {
    const { rate, minRtt } = this
    if (now < this.#drainUntil) return (rate * minRtt * 0.5) / MEGA + SMALLEST_RECORD
    const cap = (rate * (GAIN * minRtt + LATENESS)) / MEGA + 2 * this.recordSize()
    if (!this.#isStarting) return cap
    return this.#fullRate === 0 ? this.#startCap : Math.min(this.#startCap, Math.max(cap, FIRST_CAP))
  }

  /**
   * Octets per second to count on: before the path has shown what it can, what it may have in flight in a round trip, unless
   * some of that waits on its way.
   */
  get speed(): number {
    if (!this.#isStarting) return this.rate
    const { rate } = this
    if (this.#hasQueue) return rate
    const hoped = (this.#startCap * MEGA) / this.minRtt
    return this.#fullRate === 0 ? Math.max(rate, hoped) : Math.max(rate, Math.min(hoped, GAIN * rate))
  }

  /** What is sent waits on its way: the path takes no more than its rate (as HyStart++ looks for it). */
  get #hasQueue(): boolean {
    const threshold = Math.max(LEAST_QUEUE, Math.min(this.minRtt / 8, MOST_QUEUE))
    return this.rate > 0 && this.#hasRtt && this.srtt > this.minRtt + LATENESS + threshold
  }

  /** Octets that one record should have. */
  recordSize(): number {
    const size = Math.floor((this.speed * RECORD_TIME) / MEGA)
    return Math.max(SMALLEST_RECORD, Math.min(size, this.#isStarting ? STARTING_RECORD : LARGEST_RECORD))
  }

  /** In which an answer is to be expected. */
  get answerTime(): number {
    return Math.max(Math.ceil(2 * this.srtt + 4 * this.rttvar), LEAST_STALL)
  }

  /** How long the path may be silent with something in flight. */
  get stallTime(): number {
    const { answerTime } = this
    return Math.max(answerTime, Math.min(this.#patience * answerTime, MOST_STALL))
  }

  /**
   * When `octets` more would have arrived, in microseconds from now: as soon as the way allows, and what is in flight is
   * through. Of that, half a round trip's worth is on the way and queues nowhere. What the path is let have in its start
   * goes at once, however little that is in a round trip.
   */
  arrival(inFlight: number, octets: number): number {
    const { speed } = this
    const onTheWay = this.minRtt / 2
    const itself = this.#isStarting ? 0 : (octets * MEGA) / speed
    return Math.max(onTheWay, (inFlight * MEGA) / speed) + itself
  }

  /** Octets that it may bring in so many microseconds: in its start twice as many in each round trip. */
  within(micros: number): number {
    if (!this.#isStarting || this.#hasQueue) return (this.speed * micros) / MEGA
    const inRound = (this.speed * this.minRtt) / MEGA
    return inRound * (2 ** (micros / this.minRtt) - 1)
  }

  /** RFC 6298 §2, of an acknowledgement that came on the path itself, and that the peer says was held back by `delay`. */
  onRtt(sample: number, delay: number, now: Micros): void {
    // Not below what was seen without the peer's word (RFC 9002 §5.3).
    const rtt = Math.max(1, sample - delay, Math.min(sample, this.#hasRtt ? this.minRtt : sample))
    this.#patience = 1
    if (!this.#hasRtt) {
      this.#hasRtt = true
      this.srtt = rtt
      this.rttvar = rtt / 2
      this.minRtt = rtt
      this.#minAt = now
      this.#drainUntil = 0
      this.#drainMin = Number.POSITIVE_INFINITY
      return
    }
    this.rttvar += (Math.abs(this.srtt - rtt) - this.rttvar) / 4
    this.srtt += (rtt - this.srtt) / 8
    this.#onMinimum(rtt, now)
  }

  /** The newest record that an acknowledgement is about; `octets` is what it said has arrived, `inFlight` what has not. */
  onDelivered(octets: number, inFlight: number, newest: SentRecord, now: Micros): void {
    this.delivered += octets
    this.deliveredAt = now
    this.firstSentAt = newest.sentAt
    // Acknowledgements come in bunches: no rate is believed over less than it took to send, nor than a round trip.
    const took = Math.max(now - newest.deliveredAt, newest.sentAt - newest.firstSentAt, this.minRtt)
    const sample = ((this.delivered - newest.delivered) * MEGA) / took
    if (!newest.isAppLimited || sample > this.rate) this.#onRate(sample, now)
    if (this.#isStarting) this.#onStartingAck(octets, inFlight, newest)
  }

  /** Nothing was under way: what is sent now begins anew. */
  begin(now: Micros): void {
    this.deliveredAt = now
    this.firstSentAt = now
  }

  /** There is nothing more for it, although it has room, with so much in flight. */
  limit(inFlight: number): void {
    this.#limitedUntil = this.delivered + inFlight + 1
  }

  /** What it carries is limited by what there is to carry, not by what it can. */
  get isAppLimited(): boolean {
    return this.delivered < this.#limitedUntil
  }

  /** The path was silent for longer than `stallTime`. */
  onStall(): void {
    this.#patience *= 2
  }

  /** The path was silent and is back: what was known of it is believed no more. */
  restart(cap: number): void {
    this.#isStarting = true
    this.#startCap = cap
    this.#fullRate = 0
    this.#flatRounds = 0
    this.#rateBefore = 0
    this.#rate /= 4
  }

  /** The next round trip stands alone: those before it are of another time. */
  forgetRtt(): void {
    this.#hasRtt = false
  }

  #onMinimum(rtt: number, now: Micros): void {
    if (now < this.#drainUntil) this.#drainMin = Math.min(this.#drainMin, rtt)
    else if (this.#drainMin !== Number.POSITIVE_INFINITY) {
      this.minRtt = Math.min(this.#drainMin, rtt)
      this.#minAt = now
      this.#drainMin = Number.POSITIVE_INFINITY
    }
    if (rtt <= this.minRtt) {
      this.minRtt = rtt
      this.#minAt = now
    } else if (now - this.#minAt > MIN_RTT_WINDOW && now >= this.#drainUntil) {
      // For about a round trip little is sent, so that the path's own delay can be seen again.
      this.#drainUntil = addMicros(now, 2 * this.minRtt)
      this.#drainMin = rtt
    }
  }

  #onRate(sample: number, now: Micros): void {
    if (now - this.#rateAt > Math.max(RATE_WINDOW, 10 * this.minRtt)) {
      this.#rateBefore = this.#rate
      this.#rate = 0
      this.#rateAt = now
    }
    if (sample > this.#rate) this.#rate = sample
  }

  /** Doubles in a round trip, until that brings nothing. */
  #onStartingAck(octets: number, inFlight: number, newest: SentRecord): void {
    // What was under way made use of it: half, as in Linux's slow start.
    if (2 * (inFlight + octets) > this.#startCap) this.#startCap += octets
    if (newest.delivered < this.#roundEnd) return
    this.#roundEnd = this.delivered
    if (newest.isAppLimited) return
    if (this.rate >= this.#fullRate * GROWTH) {
      this.#fullRate = this.rate
      this.#flatRounds = 0
    } else if (++this.#flatRounds >= FLAT_ROUNDS) this.#isStarting = false
  }
}
