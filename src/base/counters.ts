/**
 * Counts events by name; a drop reason is its counter's name.
 *
 * Only what is unusual is counted here, so that a Map is fast enough; what
 * happens for every packet is a plain field of its owner.
 */
export class Counters {
  readonly #counts = new Map<string, number>()

  count(name: string, by = 1): void {
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + by)
  }

  get(name: string): number {
    return this.#counts.get(name) ?? 0
  }

  /** Every counter that is not zero, sorted by name. */
  toJSON(): Record<string, number> {
    return Object.fromEntries([...this.#counts].sort(([a], [b]) => (a < b ? -1 : 1)))
  }
}
