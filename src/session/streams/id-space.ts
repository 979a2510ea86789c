import { MAX_AHEAD } from '../limits.ts'
import { FLOW_BIT, ID_STEP, SERVER_BIT } from '../records/frame.ts'
import { RangeSet } from './ranges.ts'

/**
 * `new`: never seen. `known`: seen before, and perhaps gone. `ours`: one that we opened. `wrong`: one that only we may
 * open and did not, or too far ahead to be honest.
 */
export type IdKind = 'new' | 'known' | 'ours' | 'wrong'

/** Numbers of streams and flows: ours, and which of the other side's were seen. */
export class IdSpace {
  readonly #ownBit: number
  readonly #next = [0, 0]
  readonly #seen = [new RangeSet(), new RangeSet()] as const

  constructor(isServer: boolean) {
    this.#ownBit = isServer ? SERVER_BIT : 0
  }

  /** A number for a stream or a flow of ours; numbers are never used again. */
  allocate(isFlow: boolean): number {
    const index = this.#next[isFlow ? 1 : 0]!++
    return index * ID_STEP + (isFlow ? FLOW_BIT : 0) + this.#ownBit
  }

  isOurs(id: number): boolean {
    return id % 2 === this.#ownBit
  }

  classify(id: number): IdKind {
    const index = Math.floor(id / ID_STEP)
    if (this.isOurs(id)) return index < this.#next[kindOf(id)]! ? 'ours' : 'wrong'
    const seen = this.#seen[kindOf(id)]
    if (seen.has(index)) return 'known'
    // The first that was not seen is before all gaps.
    const first = seen.isEmpty || seen.first > 0 ? 0 : seen.firstEnd
    return index > first + MAX_AHEAD ? 'wrong' : 'new'
  }

  /** The other side uses it from now on. */
  see(id: number): void {
    const index = Math.floor(id / ID_STEP)
    this.#seen[kindOf(id)].add(index, index + 1)
  }
}

/** Streams and flows are numbered each for themselves. */
const kindOf = (id: number): 0 | 1 => (id % ID_STEP >= FLOW_BIT ? 1 : 0)
