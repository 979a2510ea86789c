import { REMEMBERED_PATHS } from '../limits.ts'
import type { Path } from './path.ts'

/** The paths of a session, those that just went included. */
export class PathBook {
  readonly open = new Set<Path>()
  readonly #byId = new Map<number, Path>()
  readonly #gone: Path[] = []

  add(path: Path): void {
    this.open.add(path)
    this.#byId.set(path.id, path)
  }

  remove(path: Path): void {
    this.open.delete(path)
    this.#gone.unshift(path)
    for (const old of this.#gone.splice(REMEMBERED_PATHS)) this.#byId.delete(old.id)
  }

  /** The slowest one's round trip: what is on its way may be on that one. 0 when none can be used. */
  get roundTrip(): number {
    let longest = 0
    for (const path of this.open) if (path.isUsable) longest = Math.max(longest, path.estimator.srtt)
    return longest
  }

  /** The path of that number, or undefined when it never was, or long ago. */
  find(id: number): Path | undefined {
    return this.#byId.get(id)
  }
}
