import { textOf } from './scalar.ts'
import type { QuotaConfig } from './types.ts'

const BINARY = { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 }
const DECIMAL = { '': 1, k: 1e3, m: 1e6, g: 1e9, t: 1e12 }
const SECONDS = { '': 1, ms: 0.001, s: 1, m: 60, h: 3600, d: 86_400 }
/** Node's timers hold no more than 2^31 milliseconds; in days, whole: */
const LONGEST_DAYS = 23

/** A number, or text of a number and a unit. */
function scaled(value: unknown, units: Readonly<Record<string, number>>): number | undefined {
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(textOf(value))
  const unit = match?.[2]?.toLowerCase() ?? '?'
  if (match === null || !Object.hasOwn(units, unit)) return undefined
  const result = Number(match[1]) * units[unit]!
  return result <= Number.MAX_SAFE_INTEGER ? result : undefined
}

const without = (value: unknown, suffix: RegExp): unknown =>
  typeof value === 'string' ? value.trim().replace(suffix, '') : value

/** Bytes: `65536`, `64K`, `64MiB`; units of 1,024. */
export function parseBytes(value: unknown): number | undefined {
  const bytes = scaled(without(value, /i?b$/i), BINARY)
  return bytes === undefined ? undefined : Math.round(bytes)
}

/** Bits per second: `100M`, `10mbit`, `1Gbit/s`; units of 1,000. */
export function parseRate(value: unknown): number | undefined {
  const rate = scaled(without(value, /\s*(bit\/s|bit|bps)$/i), DECIMAL)
  return rate === undefined || rate < 1 ? undefined : Math.round(rate)
}

/** A time in milliseconds: `10` and `10s` are ten seconds, `500ms`, `2m`, `1h`. */
export function parseTime(value: unknown): number | undefined {
  const seconds = scaled(without(value, /$/), SECONDS)
  return seconds === undefined || seconds > LONGEST_DAYS * 86_400 ? undefined : Math.round(seconds * 1000)
}

/** What a provider sells: `10G` and `10G/month`, `500M/day`; units of 1,000, as bills have them. */
export function parseQuota(value: unknown): QuotaConfig | undefined {
  const match = /^(.*?)(?:\s*\/\s*(day|month))?$/i.exec(textOf(value).trim())
  const bytes = scaled(without(match?.[1], /b$/i), DECIMAL)
  if (bytes === undefined || bytes < 1) return undefined
  return { bytes: Math.round(bytes), period: match?.[2]?.toLowerCase() === 'day' ? 'day' : 'month' }
}
