/** Values are kept in steps of 1/64 of the power of two they lie in: an error below 1.6 per cent. */
const STEPS = 64
/** The finest step, in milliseconds: 50 ns. Above 2^32 of them, about three and a half minutes, all count as one. */
const UNIT = 0.00005
const POWERS = 27

/** How often each latency was seen, in memory that does not grow: what percentiles are read from. */
export class Histogram {
  readonly #counts = new Float64Array((POWERS + 1) * STEPS)
  count = 0
  min = Number.POSITIVE_INFINITY
  max = 0
  #sum = 0
  #squares = 0

  /** Milliseconds. */
  add(value: number): void {
    this.#counts[indexOf(value)]!++
    this.count++
    this.#sum += value
    this.#squares += value * value
    if (value < this.min) this.min = value
    if (value > this.max) this.max = value
  }

  /** Takes over what another has counted. */
  merge(other: Histogram): void {
    for (const [i, count] of other.#counts.entries()) this.#counts[i]! += count
    this.count += other.count
    this.#sum += other.#sum
    this.#squares += other.#squares
    this.min = Math.min(this.min, other.min)
    this.max = Math.max(this.max, other.max)
  }

  clear(): void {
    this.#counts.fill(0)
    this.count = this.#sum = this.#squares = this.max = 0
    this.min = Number.POSITIVE_INFINITY
  }

  get mean(): number | undefined {
    return this.count === 0 ? undefined : this.#sum / this.count
  }

  /** The standard deviation. */
  get deviation(): number | undefined {
    const { mean } = this
    return mean === undefined ? undefined : Math.sqrt(Math.max(0, this.#squares / this.count - mean * mean))
  }

  /** The value that a share of all, 0.99 for one, does not exceed; undefined while there is none. */
  percentile(share: number): number | undefined {
    if (this.count === 0) return undefined
    let left = Math.max(1, Math.ceil(share * this.count))
    for (const [i, count] of this.#counts.entries()) {
      left -= count
      if (left <= 0) return Math.min(this.max, Math.max(this.min, middleOf(i)))
    }
    return this.max
  }
}

function indexOf(value: number): number {
  const units = Math.min(0xffffffff, Math.max(0, Math.round(value / UNIT)))
  if (units < STEPS) return units
  // The highest bit chooses the power, the six bits below it the step.
  const power = 31 - Math.clz32(units) - 6
  return (power + 1) * STEPS + ((units >>> power) & (STEPS - 1))
}

/** The middle of what a step stands for. */
function middleOf(index: number): number {
  if (index < STEPS) return index * UNIT
  const power = Math.floor(index / STEPS) - 1
  return ((STEPS + (index % STEPS)) * 2 ** power + (2 ** power - 1) / 2) * UNIT
}
