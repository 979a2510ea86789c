/** Numbers as iperf3 prints them, so that whoever reads its tables, program or person, reads ours as well. */

const figures = (value: number): string =>
  (value < 9.995 ? value.toFixed(2) : value < 99.95 ? value.toFixed(1) : value.toFixed(0)).padStart(4)

function scale(value: number, step: number, units: readonly string[]): string {
  let scaled = value
  let unit = 0
  while (scaled >= step && unit < units.length - 1) {
    scaled /= step
    unit++
  }
  return `${figures(scaled)} ${units[unit]}`
}

/** `1.10 GBytes`, in steps of 1024. */
export const transfer = (bytes: number): string => scale(bytes, 1024, ['Bytes', 'KBytes', 'MBytes', 'GBytes', 'TBytes'])

/** `9.41 Gbits/sec`, in steps of 1000. */
export const bitrate = (bytes: number, seconds: number): string =>
  scale(seconds > 0 ? (bytes * 8) / seconds : 0, 1000, ['bits/sec', 'Kbits/sec', 'Mbits/sec', 'Gbits/sec', 'Tbits/sec'])

/** `  0.00-1.00   sec`. */
export const span = (from: number, to: number): string =>
  `${from.toFixed(2).padStart(6)}-${to.toFixed(2).padEnd(6)} sec`

/** `45.2 k/s`. */
export const perSecond = (count: number, seconds: number): string =>
  scale(seconds > 0 ? count / seconds : 0, 1000, ['/s', 'k/s', 'M/s'])

/** `21.3 us`, `1.20 ms`; a dash where there is nothing. */
export function duration(ms: number | undefined): string {
  if (ms === undefined) return '-'
  return scale(ms * 1000, 1000, ['us', 'ms', 's']).trimStart()
}
