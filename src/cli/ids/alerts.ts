import { BoundedMap } from '../../base/bounded-map.ts'
import type { Rule, Severity } from './rule.ts'

const MAX_ALERTS = 1024
/** A repeated alert is said again after that many milliseconds. */
const SAY_AGAIN = 10_000

/** One rule broken by one subject, however often. */
export interface Alert {
  readonly rule: string
  readonly severity: Severity
  readonly subject: string
  /** The latest. */
  evidence: string
  count: number
  readonly firstMs: number
  lastMs: number
}

interface Entry extends Alert {
  saidCount: number
  saidMs: number
}

/** Collects alerts and collapses repeats; bounded, the longest unheard of goes. */
export class Alerts {
  readonly #entries = new BoundedMap<string, Entry>(MAX_ALERTS)
  readonly #say: (alert: Alert) => void

  /** `say` hears each alert the first time, and again at most every ten seconds with its count. */
  constructor(say: (alert: Alert) => void) {
    this.#say = say
  }

  report(rule: Rule, subject: string, evidence: string, now: number): void {
    const { name, severity } = rule
    const key = `${name} ${subject}`
    const entry = this.#entries.get(key)
    if (entry === undefined) {
      const first = { rule: name, severity, subject, evidence, count: 1, firstMs: now, lastMs: now }
      this.#entries.set(key, { ...first, saidCount: 1, saidMs: now })
      this.#say(first)
      return
    }
    entry.count++
    entry.evidence = evidence
    entry.lastMs = now
    if (now - entry.saidMs >= SAY_AGAIN) this.#repeat(entry)
  }

  /** Says once more what was repeated since it was last said. */
  finish(): void {
    for (const entry of this.#entries.values()) if (entry.count > entry.saidCount) this.#repeat(entry)
  }

  /** What is still remembered, the oldest heard of first. */
  list(): readonly Alert[] {
    return [...this.#entries.values()]
  }

  #repeat(entry: Entry): void {
    entry.saidCount = entry.count
    entry.saidMs = entry.lastMs
    this.#say(entry)
  }
}
