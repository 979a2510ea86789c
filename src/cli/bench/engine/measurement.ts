import { randomFillSync } from 'node:crypto'
import { type Counts, NOTHING, type Stream, type Work } from './stream.ts'

/** What arrives is thrown away this many bytes at a time. */
const BIN = 256 * 1024
/** How often a test looks whether the last bytes have been delivered, in milliseconds. */
const LOOK = 1
/** The last report of a test covers what is left, unless that is less than this, in milliseconds. */
const SHORTEST = 50

/** What passed on one stream in one stretch of time. */
export interface StreamInterval {
  readonly stream: Stream
  readonly bytes: number
  readonly retransmits: number | undefined
  readonly cwnd: number | undefined
  readonly rtt: number | undefined
  readonly packets: number
  readonly lost: number
  readonly jitter: number
}

/** Seconds since the test, or what is omitted of it, began. */
export interface Interval {
  readonly from: number
  readonly to: number
  readonly isOmitted: boolean
  readonly streams: readonly StreamInterval[]
}

export interface MeasurementOptions {
  readonly streams: readonly Stream[]
  /** Seconds that do not count, at the beginning. */
  readonly omit: number
  /** Seconds after which the test is over; undefined leaves it to others. */
  readonly time: number | undefined
  /** Bytes of all streams of one direction after which it is over. */
  readonly bytes: number | undefined
  /** Seconds between reports; 0 for none. */
  readonly interval: number
  /** Bytes of each write. */
  readonly length: number
  /** Bits per second of each stream; 0 without a limit. */
  readonly bitrate: number
  readonly onInterval: (interval: Interval) => void
}

/** What a test came to, for one stream. */
export interface StreamTotal {
  readonly stream: Stream
  readonly counts: Counts
  /** What was counted before the measurement proper: packets and losses of the time that is omitted. */
  readonly omitted: Counts
}

const difference = (now: Counts, before: Counts): Counts => ({
  ...now,
  bytes: now.bytes - before.bytes,
  retransmits: now.retransmits === undefined ? undefined : now.retransmits - (before.retransmits ?? 0),
  packets: now.packets - before.packets,
  lost: now.lost - before.lost,
  outOfOrder: now.outOfOrder - before.outOfOrder,
})

/** Runs the streams of a test and reads their counters when it is time to; knows neither protocol nor paper. */
export class Measurement {
  /** Resolves when the time is over or the bytes have passed; rejects when a stream fails before. */
  readonly finished: Promise<void>
  readonly #options: MeasurementOptions
  #resolve: () => void = () => undefined
  #reject: (error: unknown) => void = () => undefined
  readonly #omitted = new Map<Stream, Counts>()
  readonly #before = new Map<Stream, Counts>()
  #timer: NodeJS.Timeout | undefined
  #isOmitting: boolean
  /** When what is being measured began, and when the last report was, in milliseconds. */
  #began = 0
  #reported = 0
  #turn = 0
  #isOver = false
  #seconds = 0
  #cpu: NodeJS.CpuUsage | undefined
  #cpuBegan = 0
  #cpuShares: readonly [number, number, number] = [0, 0, 0]
  #left: number
  #awaited: number

  constructor(options: MeasurementOptions) {
    this.#options = options
    this.#isOmitting = options.omit > 0
    this.#left = options.bytes ?? Number.POSITIVE_INFINITY
    this.#awaited = options.bytes ?? Number.POSITIVE_INFINITY
    this.finished = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    this.finished.catch(() => undefined)
  }

  start(): void {
    const { streams, length, bitrate } = this.#options
    this.#began = this.#reported = this.#cpuBegan = performance.now()
    this.#cpu = process.cpuUsage()
    const work: Work = {
      block: randomFillSync(new Uint8Array(length)),
      bin: new Uint8Array(BIN),
      bitrate,
      take: (count) => this.#take(count),
      received: (count) => this.#onReceived(count),
    }
    const runs = streams.map((stream) => stream.run(work))
    for (const run of runs) run.catch((error) => this.#fail(error))
    if (this.#options.bytes !== undefined) {
      const sending = runs.filter((_, i) => streams[i]!.isSender)
      if (sending.length > 0)
        void Promise.all(sending).then(
          () => this.#awaitDelivery(),
          () => undefined,
        )
    }
    this.#arm()
  }

  /** Ends the test, as of `now` in milliseconds: what comes from here on does not count. Harmless when repeated. */
  stop(now: number = performance.now()): void {
    if (this.#isOver) return
    this.#isOver = true
    clearTimeout(this.#timer)
    for (const stream of this.#options.streams) stream.stop()
    const isWorthALine = now - this.#reported > SHORTEST || this.#reported === this.#began
    if (this.#options.interval > 0 && isWorthALine) this.#report(now)
    this.#seconds = (now - this.#began) / 1000
    this.#cpuShares = this.#cpuSince(now)
    this.#resolve()
  }

  /** Seconds that were measured, up to now or the end. */
  get seconds(): number {
    return this.#isOver ? this.#seconds : (performance.now() - this.#began) / 1000
  }

  /** Share of one processor that this process took, in per cent: in all, itself, the system for it. */
  get cpu(): readonly [total: number, user: number, system: number] {
    return this.#isOver ? this.#cpuShares : this.#cpuSince(performance.now())
  }

  get totals(): readonly StreamTotal[] {
    return this.#options.streams.map((stream) => {
      const omitted = this.#omitted.get(stream) ?? NOTHING
      return { stream, counts: difference(stream.counts(), omitted), omitted }
    })
  }

  /** Everything that passed so far, to see whether anything passes at all. */
  get progress(): number {
    return this.#options.streams.reduce((sum, stream) => sum + stream.counts().bytes, 0)
  }

  #take(count: number): number {
    // Only what is measured uses up the bytes.
    if (this.#isOmitting) return count
    const taken = Math.min(count, this.#left)
    this.#left -= taken
    return taken
  }

  #onReceived(count: number): void {
    if (this.#isOmitting) return
    this.#awaited -= count
    if (this.#awaited <= 0) this.#resolve()
  }

  #fail(error: unknown): void {
    if (!this.#isOver) this.#reject(error)
  }

  /** All is written; the test is over when it has arrived. */
  #awaitDelivery(): void {
    if (this.#isOver) return
    if (this.#options.streams.every((stream) => stream.isDelivered)) this.#resolve()
    else setTimeout(() => this.#awaitDelivery(), LOOK)
  }

  /** One timer for everything that is due: the end of what is omitted, the next report, the end. */
  #arm(): void {
    const { omit, time, interval } = this.#options
    const end = this.#isOmitting ? omit : (time ?? Number.POSITIVE_INFINITY)
    const report = interval > 0 ? interval * (this.#turn + 1) : Number.POSITIVE_INFINITY
    const due = Math.min(end, report)
    if (!Number.isFinite(due)) return
    this.#timer = setTimeout(() => this.#onTimer(end), this.#began + due * 1000 - performance.now())
  }

  #onTimer(end: number): void {
    const now = performance.now()
    const elapsed = (now - this.#began) / 1000
    if (elapsed >= end) {
      if (!this.#isOmitting) {
        this.#resolve()
        return
      }
      if (this.#options.interval > 0) this.#report(now)
      this.#beginMeasuring(now)
    } else if (elapsed >= this.#options.interval * (this.#turn + 1)) {
      this.#report(now)
      this.#turn = Math.floor(elapsed / this.#options.interval)
    }
    this.#arm()
  }

  #beginMeasuring(now: number): void {
    for (const stream of this.#options.streams) this.#omitted.set(stream, stream.counts())
    this.#isOmitting = false
    this.#began = this.#reported = now
    this.#turn = 0
  }

  #report(now: number): void {
    const from = (this.#reported - this.#began) / 1000
    const streams = this.#options.streams.map((stream): StreamInterval => {
      const counts = stream.counts()
      const passed = difference(counts, this.#before.get(stream) ?? NOTHING)
      this.#before.set(stream, counts)
      return { stream, ...passed }
    })
    this.#reported = now
    this.#options.onInterval({ from, to: (now - this.#began) / 1000, isOmitted: this.#isOmitting, streams })
  }

  #cpuSince(now: number): readonly [number, number, number] {
    const micros = (now - this.#cpuBegan) * 1000
    if (this.#cpu === undefined || micros <= 0) return [0, 0, 0]
    const { user, system } = process.cpuUsage(this.#cpu)
    return [(100 * (user + system)) / micros, (100 * user) / micros, (100 * system) / micros]
  }
}
