import type { Parameters } from '../iperf/parameters.ts'
import type { Results } from '../iperf/results.ts'
import type { Interval, Measurement } from './measurement.ts'
import type { Stream } from './stream.ts'

/** A test as it is told to whoever prints it. */
export interface TestStart {
  readonly role: 'client' | 'server'
  readonly peer: string
  readonly peerPort: number
  readonly parameters: Parameters
  readonly streams: readonly Stream[]
}

export interface TestEnd {
  readonly start: TestStart
  readonly measurement: Measurement
  /** What the other end counted; undefined when the test did not come to that. */
  readonly theirs: Results | undefined
}

export interface Observer {
  onStart(start: TestStart): void
  onInterval(start: TestStart, interval: Interval): void
  onEnd(end: TestEnd): void
}
