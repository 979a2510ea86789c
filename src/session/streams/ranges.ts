/** A set of whole numbers kept as sorted, disjoint ranges [from, to): few ranges, however many numbers. */
export class RangeSet {
  /** from, to, from, to, … */
  readonly #edges: number[] = []

  get isEmpty(): boolean {
    return this.#edges.length === 0
  }

  /** The least number; only when it is not empty. */
  get first(): number {
    return this.#edges[0]!
  }

  /** Where the range ends that begins with `first`. */
  get firstEnd(): number {
    return this.#edges[1]!
  }

  has(value: number): boolean {
    const i = this.#after(value)
    return i % 2 === 1
  }

  add(from: number, to: number): void {
    if (from >= to) return
    const edges = this.#edges
    const last = edges.length - 1
    // In order, as nearly always.
    if (last < 0 || from > edges[last]!) {
      edges.push(from, to)
      return
    }
    let start = this.#before(from)
    let end = this.#after(to)
    // An odd index is inside a range, which then keeps its own edge.
    const low = start % 2 === 1 ? edges[--start]! : from
    const high = end % 2 === 1 ? edges[end++]! : to
    edges.splice(start, end - start, low, high)
  }

  remove(from: number, to: number): void {
    const edges = this.#edges
    if (from >= to || edges.length === 0) return
    const start = this.#before(from)
    const end = this.#after(to)
    const kept: number[] = []
    if (start % 2 === 1) kept.push(from)
    if (end % 2 === 1) kept.push(to)
    edges.splice(start, end - start, ...kept)
    this.#dropEmpty(start)
  }

  clear(): void {
    this.#edges.length = 0
  }

  /** The ranges of [from, to) that are not in it, in order. */
  missing(from: number, to: number, each: (from: number, to: number) => void): void {
    const edges = this.#edges
    let at = from
    // From the range that holds `from`, or else the next.
    for (let i = this.#after(from) & ~1; i < edges.length && edges[i]! < to; i += 2) {
      if (edges[i]! > at) each(at, edges[i]!)
      at = edges[i + 1]!
    }
    if (at < to) each(at, to)
  }

  *[Symbol.iterator](): IterableIterator<readonly [from: number, to: number]> {
    for (let i = 0; i < this.#edges.length; i += 2) yield [this.#edges[i]!, this.#edges[i + 1]!]
  }

  /** A removal at the very edge of a range leaves an empty one behind. */
  #dropEmpty(near: number): void {
    const edges = this.#edges
    for (let i = Math.max(0, (near & ~1) - 2); i < edges.length && i <= near + 2; ) {
      if (edges[i] === edges[i + 1]) edges.splice(i, 2)
      else i += 2
    }
  }

  /** The first index whose edge is at least `value`. */
  #before(value: number): number {
    let low = 0
    let high = this.#edges.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#edges[middle]! < value) low = middle + 1
      else high = middle
    }
    return low
  }

  /** The first index whose edge is beyond `value`. */
  #after(value: number): number {
    let low = 0
    let high = this.#edges.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#edges[middle]! <= value) low = middle + 1
      else high = middle
    }
    return low
  }
}
