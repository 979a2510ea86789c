import { type Micros, micros } from '../../base/types.ts'
import type { AckSample, SlowStartExitName } from './control.ts'
import { DelayIncrease } from './delay-increase.ts'
import { HyStart, type SlowStartExit } from './hystart.ts'
import { LossBased } from './loss-based.ts'

/** RFC 9438 §4.1 and §5: how steep the curve is, and what is left after a loss. */
const C = 0.4
const BETA = 0.7
/** §4.3: the growth with which AIMD at that β shares fairly with Reno. */
const ALPHA = (3 * (1 - BETA)) / (1 + BETA)
/** Before the first loss, when no W_max is known: a segment for this many, so a twentieth in each round trip. */
const UNKNOWN_GROWTH = 20
/** §4.2: the curve may ask for no more than half as much again in a round trip, a segment for each two. */
const MIN_EACH = 2

/** The variables of RFC 9438 §4.1.2. */
interface Curve {
  /** W_max, the window at the last reduction; 0 while none is known. */
  most: number
  /** t_epoch, when the present congestion avoidance began; undefined outside. */
  epoch: Micros | undefined
  /** W_cubic's plateau, and K, the seconds from the epoch until it is reached. */
  origin: number
  k: number
  /** W_est, the window that Reno would have, and cwnd_prior, from where it grows like Reno's own. */
  estimate: number
  prior: number
}

/** Where nothing was lost yet, and congestion avoidance has not begun; a window that goes along it has one of its own. */
const FIRST_CURVE: Curve = { most: 0, epoch: undefined, origin: 0, k: 0, estimate: 0, prior: 0 }

/**
 * CUBIC (RFC 9438) with HyStart++ (RFC 9406). After a loss the window first
 * nears the size at which the loss happened, stays there for a while, then
 * probes beyond: by time, not by round trips. Windows are in segments here, as in the RFC.
 */
export class Cubic extends LossBased {
  readonly #exitName: SlowStartExitName
  /** In the first slow start, from its first ACK on. */
  #exit: SlowStartExit | undefined = undefined
  #curve = FIRST_CURVE
  /** What it was before the last reduction. */
  #before = this.#curve
  /** cwnd with its fraction of a segment; good while it makes the same window. */
  #window = 0

  constructor(window: number, exit: SlowStartExitName = 'hystart++') {
    super(window)
    this.#exitName = exit
  }

  override get name(): 'cubic' {
    return 'cubic'
  }

  override onCongestion(flight: number, mss: number): void {
    const window = this.cwnd / mss
    // RFC 9438 §4.7, fast convergence: a window that did not come back to where it was leaves room for newcomers.
    const most = window < this.#curve.most ? (window * (1 + BETA)) / 2 : window
    this.#reduce({ ...this.#curve, most, prior: window, epoch: undefined })
    super.onCongestion(flight, mss)
  }

  override onTimeout(flight: number, mss: number, first: boolean): void {
    const prior = first ? this.cwnd / mss : this.#curve.prior
    super.onTimeout(flight, mss, first)
    // RFC 9438 §4.8: what was known of the path is void.
    const unknown = { ...this.#curve, most: 0, prior, epoch: undefined }
    if (first) this.#reduce(unknown)
    else this.#curve = unknown
  }

  override onUndo(): void {
    super.onUndo()
    // RFC 9438 §4.9: also where on its curve it was.
    this.#curve = this.#before
  }

  override onRestart(idle: Micros, rto: Micros, restart: number, now: Micros): void {
    super.onRestart(idle, rto, restart, now)
    // RFC 9438 §5.8: the curve does not go on while nothing is sent.
    const curve = this.#curve
    if (curve.epoch !== undefined) curve.epoch = micros(Math.min(curve.epoch + idle, now))
  }

  protected override slowStart(sample: AckSample): number {
    // RFC 9406 §4.3: only the first slow start knows nothing of the path.
    if (this.ssthresh < Number.POSITIVE_INFINITY) return super.slowStart(sample)
    this.#exit ??= this.#exitName === 'hystart' ? new DelayIncrease() : new HyStart()
    const divisor = this.#exit.onAck(sample)
    if (divisor > 0) this.cwnd += Math.ceil(sample.acked / divisor)
    else this.ssthresh = this.cwnd
    return divisor > 0 ? 0 : sample.acked
  }

  protected override avoid(octets: number, { now, mss, minRtt }: AckSample): void {
    if (Math.floor(this.#window * mss) !== Math.floor(this.cwnd)) this.#window = this.cwnd / mss
    const acked = octets / mss
    if (this.#curve === FIRST_CURVE) this.#before = this.#curve = { ...FIRST_CURVE }
    const curve = this.#curve
    curve.epoch ??= this.#beginEpoch(now)
    const window = this.#window
    // RFC 9438 §4.3: beyond cwnd_prior Reno's own growth; below it what makes up for the smaller reduction.
    curve.estimate += ((curve.estimate >= curve.prior ? 1 : ALPHA) * acked) / window
    // RFC 9438 §4.2, one round trip ahead.
    const seconds = (now - curve.epoch + minRtt) / 1e6 - curve.k
    const target = C * seconds * seconds * seconds + curve.origin
    // Not RFC: a segment for each cwnd/(target − cwnd), in whole numbers, see docs/deviations.md#cubic-counting.
    const whole = Math.floor(window)
    let each = target > whole ? Math.max(MIN_EACH, Math.floor(whole / (target - whole))) : Number.POSITIVE_INFINITY
    // Not RFC: without a loss to know it by, the plateau is left sooner, see docs/deviations.md#cubic-first-plateau.
    if (curve.most === 0) each = Math.min(each, UNKNOWN_GROWTH)
    this.#window = Math.max(window + acked / each, curve.estimate)
    this.cwnd = Math.floor(this.#window * mss)
  }

  protected override reduced(): number {
    // Not RFC: of the window, not of the flight, see docs/deviations.md#cubic-reduction.
    return Math.round(this.cwnd * BETA)
  }

  #beginEpoch(now: Micros): Micros {
    const curve = this.#curve
    const window = this.#window
    curve.estimate = window
    curve.origin = Math.max(window, curve.most)
    curve.k = Math.cbrt((curve.origin - window) / C)
    return now
  }

  #reduce(curve: Curve): void {
    this.#before = this.#curve
    this.#curve = curve
  }
}
