import { BoundedMap } from '../../base/bounded-map.ts'

const MAX_KEYS = 2048
/** More members than this are counted only as far as a threshold needs. */
const MIN_MEMBERS = 256

/** Which different members each key showed within the last `span` milliseconds. */
export class DistinctWindow {
  readonly #span: number
  readonly #members: number
  readonly #keys = new BoundedMap<string, Map<string, number>>(MAX_KEYS)

  /** Counts at least to `threshold`; what comes beyond its bound pushes out the oldest. */
  constructor(span: number, threshold: number) {
    this.#span = span
    this.#members = Math.max(MIN_MEMBERS, threshold)
  }

  get size(): number {
    return this.#keys.size
  }

  /** Adds a member; the members of the key that are still fresh, with the time of each, oldest first. */
  add(key: string, member: string, now: number): ReadonlyMap<string, number> {
    const members = this.#keys.getOr(key, () => new Map())
    members.delete(member)
    members.set(member, now)
    for (const [oldest, at] of members) {
      if (now - at <= this.#span && members.size <= this.#members) break
      members.delete(oldest)
    }
    return members
  }

  remove(key: string, member: string): void {
    this.#keys.get(key)?.delete(member)
  }
}

interface Count {
  since: number
  events: number
}

/** How often each key did something since its current window of `span` milliseconds began. */
export class RateWindow {
  readonly #span: number
  readonly #keys = new BoundedMap<string, Count>(MAX_KEYS)

  constructor(span: number) {
    this.#span = span
  }

  get size(): number {
    return this.#keys.size
  }

  /** Adds an event; the count so far and the milliseconds it took. */
  add(key: string, now: number): { readonly events: number; readonly elapsed: number } {
    const count = this.#keys.getOr(key, () => ({ since: now, events: 0 }))
    if (now - count.since > this.#span || now < count.since) {
      count.since = now
      count.events = 0
    }
    count.events++
    return { events: count.events, elapsed: now - count.since }
  }
}

/** `1.20 s`, for evidence. */
export const inSeconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`
