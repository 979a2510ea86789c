import type { Micros } from '../base/types.ts'
import type { Path } from './paths/path.ts'
import { hasRoom, type Scheduler } from './schedulers/scheduler.ts'

/** Which of a session's paths may carry something now, by their roles. */
export class Carriers {
  /** Those that carry what they can. */
  #primary: Path[] = []
  /** Those, and the secondary ones; backup paths when there are neither. */
  #willing: Path[] = []
  readonly #paths: ReadonlySet<Path>

  constructor(paths: ReadonlySet<Path>) {
    this.#paths = paths
  }

  get willing(): readonly Path[] {
    return this.#willing
  }

  /** Looks anew at roles and states. */
  sort(): void {
    const usable = this.#usable()
    this.#primary = usable.filter(({ role }) => role === 'primary')
    this.#willing = usable.filter(({ role }) => role === 'primary' || role === 'secondary')
    if (this.#willing.length === 0) this.#willing = usable.filter(({ role }) => role === 'backup')
  }

  /** The path for the next record: a secondary one only when no primary one has room. */
  pick(scheduler: Scheduler, window: number, now: Micros): Path | undefined {
    if (this.#primary.length > 0) {
      const path = scheduler.pick({ paths: this.#primary, window, now })
      if (path !== undefined || this.#primary.some((p) => hasRoom(p, now))) return path
    }
    if (this.#willing.length === 0 || this.#willing.length === this.#primary.length) return undefined
    return scheduler.pick({ paths: this.#willing, window, now })
  }

  /** Octets in flight on those that may carry. */
  get inFlight(): number {
    let octets = 0
    for (const path of this.#willing) octets += path.inFlight
    return octets
  }

  /** For what must be there soon, whatever it costs. */
  fastest(): Path | undefined {
    let best: Path | undefined
    for (const path of this.#willing.length > 0 ? this.#willing : this.#usable()) {
      if (!path.isChoked && (best === undefined || path.estimator.srtt < best.estimator.srtt)) best = path
    }
    return best
  }

  #usable(): Path[] {
    return [...this.#paths].filter((path) => path.isUsable)
  }
}
