import type { Micros } from '../../base/types.ts'
import type { AckSample, CongestionControl, CongestionName } from './control.ts'

/** What all controllers have in common that take a loss for congestion: slow start, and one answer to a window of losses. */
export abstract class LossBased implements CongestionControl {
  cwnd: number
  ssthresh = Number.POSITIVE_INFINITY
  #priorCwnd = 0
  #priorSsthresh = 0

  constructor(window: number) {
    this.cwnd = window
  }

  abstract get name(): CongestionName

  get ownsRecovery(): boolean {
    return false
  }

  get holdsBack(): boolean {
    return false
  }

  get wantsRate(): boolean {
    return false
  }

  get pacingRate(): undefined {
    return undefined
  }

  get path(): undefined {
    return undefined
  }

  onAck(sample: AckSample): void {
    if (!sample.mayGrow) return
    const octets = this.cwnd < this.ssthresh ? this.slowStart(sample) : sample.acked
    if (octets > 0) this.avoid(octets, sample)
  }

  onCongestion(flight: number, mss: number): void {
    this.#remember()
    this.ssthresh = Math.max(this.reduced(flight, mss), 2 * mss)
    this.cwnd = this.ssthresh
  }

  onMark(flight: number, mss: number): void {
    this.onCongestion(flight, mss)
  }

  onRecovered(_flight: number, _mss: number): void {
    // RFC 6937 §3: the rate reduction has brought the flight here. If the loss was taken back meanwhile, there was none.
    if (this.ssthresh < Number.POSITIVE_INFINITY) this.cwnd = this.ssthresh
  }

  onTimeout(flight: number, mss: number, first: boolean): void {
    // RFC 5681 §3.1: ssthresh is not lowered again for the same segment.
    if (first) {
      this.#remember()
      this.ssthresh = Math.max(this.reduced(flight, mss), 2 * mss)
    }
    this.cwnd = mss
  }

  onUndo(): void {
    this.cwnd = Math.max(this.cwnd, this.#priorCwnd)
    this.ssthresh = Math.max(this.ssthresh, this.#priorSsthresh)
  }

  onRestart(idle: Micros, rto: Micros, restart: number, _now: Micros): void {
    if (idle <= rto || this.cwnd <= restart) return
    // Not RFC: the window halves for each timeout of silence, not at once, see docs/deviations.md#idle-window.
    this.ssthresh = Math.max(this.ssthresh, (3 * this.cwnd) / 4)
    for (let rest = idle - rto; rest > 0 && this.cwnd > restart; rest -= rto) this.cwnd = Math.floor(this.cwnd / 2)
    this.cwnd = Math.max(this.cwnd, restart)
  }

  /** RFC 5681 §3.1; returns the octets that are left for congestion avoidance. */
  protected slowStart({ acked }: AckSample): number {
    // Not RFC: one ACK may stand for a whole super-segment, and counts for all of it; see docs/deviations.md#slow-start.
    const octets = Math.min(acked, Math.ceil(this.ssthresh - this.cwnd))
    this.cwnd += octets
    return acked - octets
  }

  /** Congestion avoidance: `octets` of the sample are acknowledged beyond slow start. */
  protected abstract avoid(octets: number, sample: AckSample): void

  /** The new ssthresh after a loss. */
  protected abstract reduced(flight: number, mss: number): number

  #remember(): void {
    this.#priorCwnd = this.cwnd
    this.#priorSsthresh = this.ssthresh
  }
}
