import type { EventTime } from './syntax.ts'

/** How far off its time an event may happen. */
export interface Tolerance {
  /** Microseconds. */
  readonly micros: number
  /** Or this share of the time since the event before, when that is more. */
  readonly percent: number
}

/** When something is to happen, in microseconds since the script began; `end` equals `start` except for a range. */
export interface Window {
  readonly start: number
  readonly end: number
  /** What relative times of the event are counted from. */
  readonly from: number
  /** Any time will do. */
  readonly isOpen: boolean
}

/** The window of an event; `now` is where relative times are counted from. */
export function windowOf(time: EventTime, now: number): Window {
  if (time.kind === 'any') return { start: now, end: now, from: now, isOpen: true }
  const from = time.relative ? now : 0
  if (time.kind === 'at') return { start: from + time.micros, end: from + time.micros, from, isOpen: false }
  return { start: from + time.from, end: from + time.to, from, isOpen: false }
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
): { readonly expected: string; readonly seen: string } | undefined {
  if (window.isOpen) return undefined
  const share = since === undefined ? 0 : (tolerance.percent / 100) * (window.start - since)
  const allowed = Math.max(tolerance.micros, share)
  if (actual >= window.start - allowed && actual <= window.end + allowed) return undefined
  const { start, end } = window
  const when = end === start ? `at ${seconds(start)}` : `from ${seconds(start)} to ${seconds(end)}`
  return { expected: `${when} s, give or take ${seconds(allowed)} s`, seen: `${seconds(actual)} s` }
}
