import { randomFillSync } from 'node:crypto'
import { Schedule, type Stretch } from './schedule.ts'
import { type Counts, NOTHING, type Stream, type Work } from './stream.ts'

/** What arrives is thrown away this many bytes at a time. */
const BIN = 256 * 1024
/** How often a test looks whether the last bytes have been delivered, in milliseconds. */
const LOOK = 1
/** The last report of a test covers what is left, unless that is less than this, in seconds. */
const SHORTEST = 0.05

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

export interface Interval extends Stretch {
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
  readonly #schedule: Schedule
  #isOver = false
  #cpu: NodeJS.CpuUsage | undefined
  #cpuBegan = 0
  #cpuShares: readonly [number, number, number] = [0, 0, 0]
  #left: number
  #awaited: number

  constructor(options: MeasurementOptions) {
    this.#options = options
    this.#left = options.bytes ?? Number.POSITIVE_INFINITY
    this.#awaited = options.bytes ?? Number.POSITIVE_INFINITY
    this.finished = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    this.finished.catch(() => undefined)
    this.#schedule = new Schedule({
      omit: options.omit,
      time: options.time ?? Number.POSITIVE_INFINITY,
      interval: options.interval,
      onReport: (stretch) => this.#report(stretch),
      onMeasure: () => this.#beginMeasuring(),
      onEnd: () => this.#resolve(),
    })
  }

  start(): void {
    const { streams, length, bitrate } = this.#options
    this.#cpuBegan = performance.now()
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
    this.#schedule.start()
  }

  /** Ends the test, as of `now` in milliseconds: what comes from here on does not count. Harmless when repeated. */
  stop(now: number = performance.now()): void {
    if (this.#isOver) return
    this.#isOver = true
    for (const stream of this.#options.streams) stream.stop()
    this.#schedule.stop(now)
    this.#cpuShares = this.#cpuSince(now)
    this.#resolve()
  }

  /** Seconds that were measured, up to now or the end. */
  get seconds(): number {
    return this.#schedule.seconds
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
    if (this.#schedule.isOmitting) return count
    const taken = Math.min(count, this.#left)
    this.#left -= taken
    return taken
  }

  #onReceived(count: number): void {
    if (this.#schedule.isOmitting) return
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

  #beginMeasuring(): void {
    for (const stream of this.#options.streams) this.#omitted.set(stream, stream.counts())
  }

  #report(stretch: Stretch): void {
    const { interval, onInterval } = this.#options
    const isTooShort = this.#isOver && stretch.from > 0 && stretch.to - stretch.from < SHORTEST
    if (interval === 0 || isTooShort) return
    const streams = this.#options.streams.map((stream): StreamInterval => {
      const counts = stream.counts()
      const passed = difference(counts, this.#before.get(stream) ?? NOTHING)
      this.#before.set(stream, counts)
      return { stream, ...passed }
    })
    onInterval({ ...stretch, streams })
  }

  #cpuSince(now: number): readonly [number, number, number] {
    const micros = (now - this.#cpuBegan) * 1000
    if (this.#cpu === undefined || micros <= 0) return [0, 0, 0]
    const { user, system } = process.cpuUsage(this.#cpu)
    return [(100 * (user + system)) / micros, (100 * user) / micros, (100 * system) / micros]
  }
}
