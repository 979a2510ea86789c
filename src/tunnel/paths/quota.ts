import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import type { QuotaConfig } from '../config/types.ts'
import type { QuotaStatus } from '../status.ts'

/** How often what was used is written down, in milliseconds: what a killed process forgets. */
const SAVE_EVERY = 10_000

/** What a path has used of its quota, as it is written down. */
interface Kept {
  /** When the period began, Unix time in milliseconds. */
  start: number
  used: number
}

/**
 * How much of their quotas paths have used in this day or month (UTC), kept over restarts in a file. Times are Unix times in
 * milliseconds. A clock that goes back begins no period anew.
 */
export class QuotaBook {
  readonly #file: string
  readonly #kept: Map<string, Kept>
  #isChanged = false
  #savedAt = 0

  /** Reads what is there; a file that makes no sense is as good as none. */
  constructor(file: string) {
    this.#file = file
    this.#kept = new Map(Object.entries(readKept(file)))
  }

  /** A path has carried so many octets more. */
  add(path: string, config: QuotaConfig, octets: number, now: number): void {
    if (octets === 0) return
    this.#entry(path, config, now).used += octets
    this.#isChanged = true
  }

  status(path: string, config: QuotaConfig, now: number): QuotaStatus {
    const { start, used } = this.#entry(path, config, now)
    const { bytes, period } = config
    return { bytes, period, used, until: endOf(start, period), exhausted: used >= bytes }
  }

  /** Writes down what is new, once in a while. */
  tick(now: number): void {
    if (now - this.#savedAt >= SAVE_EVERY || now < this.#savedAt) this.save(now)
  }

  /** Writes down what is new: all of it, or what was there stays. */
  save(now: number): void {
    this.#savedAt = now
    if (!this.#isChanged) return
    this.#isChanged = false
    mkdirSync(dirname(this.#file), { recursive: true, mode: 0o700 })
    const fresh = `${this.#file}.new`
    writeFileSync(fresh, `${JSON.stringify({ version: 1, paths: Object.fromEntries(this.#kept) })}\n`, { mode: 0o600 })
    renameSync(fresh, this.#file)
  }

  #entry(path: string, { period }: QuotaConfig, now: number): Kept {
    const start = startOf(now, period)
    const kept = this.#kept.get(path)
    if (kept !== undefined && start <= startOf(kept.start, period)) return kept
    const fresh = { start, used: 0 }
    this.#kept.set(path, fresh)
    this.#isChanged = true
    return fresh
  }
}

/** When the day or month began that a time lies in. */
function startOf(time: number, period: QuotaConfig['period']): number {
  const date = new Date(time)
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth(), period === 'day' ? date.getUTCDate() : 1)
}

function endOf(start: number, period: QuotaConfig['period']): number {
  const date = new Date(start)
  const [year, month, day] = [date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()]
  return period === 'day' ? Date.UTC(year, month, day + 1) : Date.UTC(year, month + 1)
}

function readKept(file: string): Record<string, Kept> {
  try {
    const { paths } = JSON.parse(readFileSync(file, 'utf8')) as { paths: Record<string, Partial<Kept>> }
    const whole = Object.entries(paths).filter(([, { start, used }]) => Number.isFinite(start) && Number.isFinite(used))
    return Object.fromEntries(whole) as Record<string, Kept>
  } catch {
    return {}
  }
}
