import type { MarkChecker } from './mark.ts'

/** Bytes that are written at once, and that are read at most at once. */
export const WRITE = 256 * 1024
export const READ = 1024 * 1024

/** One way of speaking with our TCP: what a client of the benchmark does. */
export interface Api {
  /** Pours the stream into the sink for so many milliseconds; what the sink says of it. */
  send(ms: number): Promise<MarkChecker>
  /** Takes the stream of the source, which lasts so long. */
  receive(ms: number): Promise<MarkChecker>
  /** One byte there and one back over one connection, again and again while `goesOn`, called after each; the wrong answers. */
  requests(goesOn: () => boolean): Promise<number>
  /** The same with a connection for each. */
  connections(goesOn: () => boolean): Promise<number>
}

/** What the sink reports of a stream of `sent` bytes: how many it had, and how many were wrong. */
export function reported(report: BigUint64Array, seen: MarkChecker, sent: number): MarkChecker {
  seen.bytes = Number(report[0])
  seen.wrong = Number(report[1]) + (seen.bytes === sent ? 0 : 1)
  return seen
}
