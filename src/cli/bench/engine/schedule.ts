/** A stretch of a measurement, in seconds since what it belongs to began. */
export interface Stretch {
  readonly from: number
  readonly to: number
  /** Before the measurement proper. */
  readonly isOmitted: boolean
}

export interface ScheduleOptions {
  /** Seconds at the beginning that do not count. */
  readonly omit: number
  /** Seconds that count; infinite leaves the end to others. */
  readonly time: number
  /** Seconds between reports; 0 for none but those at the ends. */
  readonly interval: number
  /** A stretch is over. */
  readonly onReport: (stretch: Stretch) => void
  /** What was to be omitted is over. */
  readonly onMeasure: () => void
  /** The time is over; nothing more happens until `stop`. */
  readonly onEnd: () => void
}

/** The clock of a measurement: one timer for what is omitted, for the reports, and for the end. */
export class Schedule {
  readonly #options: ScheduleOptions
  #timer: NodeJS.Timeout | undefined
  #isOmitting: boolean
  /** When what is being measured began, and when the last report was, in milliseconds. */
  #began = 0
  #reported = 0
  /** Reports since then. */
  #turn = 0
  #stoppedAt: number | undefined

  constructor(options: ScheduleOptions) {
    this.#options = options
    this.#isOmitting = options.omit > 0
  }

  get isOmitting(): boolean {
    return this.#isOmitting
  }

  /** Seconds that count, up to now or the end. */
  get seconds(): number {
    return ((this.#stoppedAt ?? performance.now()) - this.#began) / 1000
  }

  start(): void {
    this.#began = this.#reported = performance.now()
    this.#arm()
  }

  /** Reports what is left, as of `now` in milliseconds. Harmless when repeated. */
  stop(now: number): void {
    if (this.#stoppedAt !== undefined) return
    clearTimeout(this.#timer)
    this.#stoppedAt = now
    this.#report(now)
  }

  /** In seconds. */
  get #end(): number {
    return this.#isOmitting ? this.#options.omit : this.#options.time
  }

  get #nextReport(): number {
    const { interval } = this.#options
    return interval > 0 ? interval * (this.#turn + 1) : Number.POSITIVE_INFINITY
  }

  #arm(): void {
    const due = Math.min(this.#end, this.#nextReport)
    if (!Number.isFinite(due)) return
    this.#timer = setTimeout(() => this.#onTimer(), this.#began + due * 1000 - performance.now())
  }

  /** A timer may come a little early: then nothing is due yet. */
  #onTimer(): void {
    const now = performance.now()
    const elapsed = (now - this.#began) / 1000
    if (elapsed >= this.#end) {
      if (!this.#isOmitting) {
        this.#options.onEnd()
        return
      }
      this.#report(now)
      this.#isOmitting = false
      this.#began = now
      this.#turn = 0
      this.#options.onMeasure()
    } else if (elapsed >= this.#nextReport) {
      this.#report(now)
      this.#turn = Math.floor(elapsed / this.#options.interval)
    }
    this.#arm()
  }

  #report(now: number): void {
    const from = (this.#reported - this.#began) / 1000
    this.#reported = now
    this.#options.onReport({ from, to: (now - this.#began) / 1000, isOmitted: this.#isOmitting })
  }
}
