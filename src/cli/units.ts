/** Numbers as people read them. JSON always gets them raw. */

const significant = (value: number): string =>
  value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2)

/** A count with a unit, in steps of `step`: three significant figures. */
function scale(value: number, step: number, units: readonly string[]): string {
  let scaled = value
  let unit = 0
  while (scaled >= step - 0.5 && unit < units.length - 1) {
    scaled /= step
    unit++
  }
  return `${unit === 0 ? scaled.toFixed(0) : significant(scaled)} ${units[unit]}`
}

/** Bits per second in SI units: `941 Mbit/s`. */
export const formatRate = (bitsPerSecond: number): string =>
  scale(bitsPerSecond, 1000, ['bit/s', 'kbit/s', 'Mbit/s', 'Gbit/s', 'Tbit/s'])

/** Bytes in IEC units: `1.25 MiB`. */
export const formatBytes = (bytes: number): string => scale(bytes, 1024, ['B', 'KiB', 'MiB', 'GiB', 'TiB'])

/** Milliseconds with three significant figures: `0.412 ms`. */
export function formatMs(ms: number): string {
  if (!Number.isFinite(ms)) return '- ms'
  return `${ms >= 1 ? significant(ms) : ms.toFixed(3)} ms`
}

/** A stretch of time: `431 ms`, `2.31 s`, `3m 20s`. */
export function formatSeconds(seconds: number): string {
  if (seconds < 1) return formatMs(seconds * 1000)
  if (seconds < 60) return `${significant(seconds)} s`
  const whole = Math.round(seconds)
  return `${Math.floor(whole / 60)}m ${whole % 60}s`
}

const DAY = 86_400
/** How long ago, or how long yet, in whole seconds: `5 s`, `3m 20s`, `2h 5m`, `4d 7h`. */
export function formatAge(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  if (whole < 60) return `${whole} s`
  if (whole < 3600) return `${Math.floor(whole / 60)}m ${whole % 60}s`
  if (whole < DAY) return `${Math.floor(whole / 3600)}h ${Math.floor((whole % 3600) / 60)}m`
  return `${Math.floor(whole / DAY)}d ${Math.floor((whole % DAY) / 3600)}h`
}

export const formatPercent = (share: number): string => `${Number((share * 100).toPrecision(3))}%`

/** The time of day here: `12:00:01`. */
export const formatTimeOfDay = (at: Date): string =>
  [at.getHours(), at.getMinutes(), at.getSeconds()].map((part) => String(part).padStart(2, '0')).join(':')

/** `1 packet`, `2 packets`. */
export const plural = (count: number, noun: string): string => `${count} ${noun}${count === 1 ? '' : 's'}`
