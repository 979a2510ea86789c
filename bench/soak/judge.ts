import type { Memory } from '../memory.ts'

/** What was found at one time of rest. */
export interface Sample extends Memory {
  /** Since the beginning. */
  readonly minutes: number
}

/** How much more, in the second half of a soak, still counts as flat: a share of what there is, and some bytes. */
export const BOUNDS: Readonly<Record<keyof Memory, { readonly share: number; readonly bytes: number }>> = {
  heap: { share: 0.03, bytes: 1 << 20 },
  external: { share: 0.03, bytes: 1 << 20 },
  buffers: { share: 0.03, bytes: 1 << 20 },
  rss: { share: 0.05, bytes: 8 << 20 },
}

/** With fewer in the second half, chance would judge. */
const LEAST_SAMPLES = 6

/** How one figure went in the second half. */
export interface Trend {
  readonly name: keyof Memory
  /** By the slope of its samples, in bytes. */
  readonly growth: number
  readonly bound: number
  readonly isFlat: boolean
}

/** The slope by Theil and Sen: the median of the slopes between all pairs, which single outliers do not move. */
export function slopeOf(points: readonly (readonly [x: number, y: number])[]): number {
  const slopes: number[] = []
  for (let i = 0; i < points.length; i++) {
    for (let j = i + 1; j < points.length; j++) {
      const dx = points[j]![0] - points[i]![0]
      if (dx > 0) slopes.push((points[j]![1] - points[i]![1]) / dx)
    }
  }
  slopes.sort((a, b) => a - b)
  const middle = slopes.length >> 1
  return slopes.length % 2 === 1 ? slopes[middle]! : ((slopes[middle - 1] ?? 0) + (slopes[middle] ?? 0)) / 2
}

/** How memory went in the second half; undefined when there are too few samples to tell. */
export function trendsOf(samples: readonly Sample[]): Trend[] | undefined {
  const half = samples.slice(samples.length >> 1)
  if (half.length < LEAST_SAMPLES) return undefined
  const span = half.at(-1)!.minutes - half[0]!.minutes
  return (Object.keys(BOUNDS) as (keyof Memory)[]).map((name) => {
    const growth = span * slopeOf(half.map((sample) => [sample.minutes, sample[name]]))
    const mean = half.reduce((sum, sample) => sum + sample[name], 0) / half.length
    const bound = mean * BOUNDS[name].share + BOUNDS[name].bytes
    return { name, growth, bound, isFlat: growth <= bound }
  })
}
