/** No window of time: what happens may take as long as it likes. */
export interface Tolerance {
  /** Microseconds that an event may be off. */
  readonly micros: number
  /** Or this share of the time since the event before, when that is more. */
  readonly percent: number
}

/** When something was to happen, in microseconds since the script began; `end` equals `start` except for a range. */
export interface Window {
  readonly start: number
  readonly end: number
}

/** What a timing error says of itself. */
export interface TimingError {
  readonly expected: string
  readonly seen: string
}

const seconds = (micros: number): string => (micros / 1_000_000).toFixed(6)

/**
 * Whether something that happened at `actual` happened when it was to happen; otherwise what was expected and seen.
 * `since` is the time of the event before, which lends some of the time between them to the tolerance.
 */
export function timingError(
  window: Window,
  actual: number,
  since: number | undefined,
  tolerance: Tolerance,
): TimingError | undefined {
  const share = since === undefined ? 0 : (tolerance.percent / 100) * (window.start - since)
  const allowed = Math.max(tolerance.micros, share)
  if (actual >= window.start - allowed && actual <= window.end + allowed) return undefined
  const when =
    window.end === window.start
      ? `at ${seconds(window.start)}`
      : `from ${seconds(window.start)} to ${seconds(window.end)}`
  return { expected: `${when} s, give or take ${seconds(allowed)} s`, seen: `at ${seconds(actual)} s` }
}
