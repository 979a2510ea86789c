import { type Micros, micros } from '../../base/types.ts'

/** RFC 6298 (2.4) says one second in all; ours is a least margin beyond the round trip, see docs/deviations.md#minimum-rto. */
const MIN_MARGIN = 200_000
/** RFC 6298 (2.5): a maximum of at least 60 seconds. */
const MAX_RTO = 60_000_000
/** RFC 6298 (2.1). */
const INITIAL_RTO = 1_000_000
/** RFC 6298 (5.7): after a lost SYN, data starts from three seconds. */
const RTO_AFTER_LOST_SYN = 3_000_000

/** How far back the minimum looks (RFC 8985 §6.2 step 1 leaves the window open). */
const MIN_RTT_WINDOW = 300_000_000

/** Round-trip time and retransmission timeout, by RFC 6298 §2; all in microseconds. */
export class RttEstimator {
  /** Undefined until the first measurement. */
  srtt: Micros | undefined
  rttvar: Micros = micros(0)
  /** The smallest round trip of the last minutes; 0 until the first. */
  minRtt: Micros = micros(0)
  #minAt: Micros = micros(0)
  #rto = INITIAL_RTO
  #backoff = 0

  /** RFC 6298 (2.2), (2.3): takes a measurement of a segment that was sent once (§3, Karn's algorithm). */
  sample(rtt: Micros, now: Micros): void {
    if (this.minRtt === 0 || rtt <= this.minRtt || now - this.#minAt > MIN_RTT_WINDOW) {
      this.minRtt = micros(Math.max(1, rtt))
      this.#minAt = now
    }
    if (this.srtt === undefined) {
      this.srtt = rtt
      this.rttvar = micros(Math.round(rtt / 2))
    } else {
      this.rttvar = micros(Math.round(0.75 * this.rttvar + 0.25 * Math.abs(this.srtt - rtt)))
      this.srtt = micros(Math.round(0.875 * this.srtt + 0.125 * rtt))
    }
    this.#rto = Math.min(MAX_RTO, this.srtt + Math.max(MIN_MARGIN, 4 * this.rttvar))
    this.#backoff = 0
  }

  /** The timeout to arm now, back-off included. */
  get rto(): Micros {
    return micros(this.#backoff === 0 ? this.#rto : Math.min(MAX_RTO, this.#rto * 2 ** this.#backoff))
  }

  /** How often the timer has expired since the last progress. */
  get backoff(): number {
    return this.#backoff
  }

  /** RFC 6298 (5.5): doubles the timeout. */
  backOff(): void {
    this.#backoff++
  }

  /** The peer is heard from again: the timeout returns to its computed value. */
  forgetBackoff(): void {
    this.#backoff = 0
  }

  /** RFC 6298 (5.7): the SYN was retransmitted, so nothing has been measured yet. */
  synWasLost(): void {
    if (this.srtt === undefined) this.#rto = RTO_AFTER_LOST_SYN
    this.#backoff = 0
  }
}
