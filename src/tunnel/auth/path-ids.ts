/** How far behind the highest one an id may come: paths are opened at once and overtake each other. */
const WINDOW = 1024
const MAX_ID = 0xffff_ffff

/** Which path ids of a session were used, in bounded memory: one that is far behind the highest counts as used. */
export class PathIds {
  readonly #used = new Set<number>()
  #highest = 0

  /** Whether the id was free; it is used from now on. Id 0 is that of the first path, and used from the beginning. */
  take(id: number): boolean {
    if (!(Number.isInteger(id) && id > 0 && id <= MAX_ID) || id <= this.#highest - WINDOW || this.#used.has(id))
      return false
    this.#used.add(id)
    if (id > this.#highest) {
      this.#highest = id
      for (const used of this.#used) if (used <= id - WINDOW) this.#used.delete(used)
    }
    return true
  }
}
