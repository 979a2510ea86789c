import type { Micros } from '../base/types.ts'
import type { InFrame } from '../link/link.ts'
import { flowOf, type InFlow } from './bpf.ts'

const SECOND = 1_000_000
/** A connection is weighed for so long, or until its next large frame; for a second at most. */
export const WEIGHING = SECOND / 10
/**
 * It is worth a ring when it has brought so much in large frames, and most of what came in such, while more waited than one
 * batch takes: who keeps up without a ring spares the sender its copy, and a program that has begun just now is slow for a
 * while.
 */
const WORTH = 8 * 1024 * 1024
const MOST = 3 / 4

/** A connection that brings nearly all that comes, and what its ring is to hold. */
export interface Candidate {
  readonly flow: InFlow
  readonly shape: RingShapeName
}

/** Super-segments as the kernel hands them over, or the single segments that the addon joins where it does not. */
export type RingShapeName = 'superSegments' | 'segments'

/** Finds the connection that a ring is worth it for, among those whose large frames come by messages. */
export class RingScales {
  readonly #medium: 'ethernet' | 'ip'
  /** The connection that is being weighed, since when, and what it and all have brought. */
  #flow: InFlow | undefined
  #since = 0 as Micros
  #bytes = 0
  #joinedBytes = 0
  #allBytes = 0

  constructor(medium: 'ethernet' | 'ip') {
    this.#medium = medium
  }

  /**
   * A large frame has come, which the addon has joined or the kernel has; `isBehind` where more waited than a batch takes.
   * Undefined while there is nothing to say.
   */
  weigh(frame: InFrame, isJoined: boolean, isBehind: boolean, now: Micros): Candidate | undefined {
    const flow = flowOf(frame, this.#medium)
    if (flow === undefined) return undefined
    if (this.#flow === undefined || now - this.#since > SECOND) {
      this.#flow = flow
      this.#since = now
      this.#bytes = 0
      this.#joinedBytes = 0
      this.#allBytes = 0
      return undefined
    }
    const length = frame.end - frame.start
    this.#allBytes += length
    if (isBehind && isSame(flow, this.#flow)) {
      this.#bytes += length
      if (isJoined) this.#joinedBytes += length
    }
    if (now - this.#since < WEIGHING) return undefined
    const weighed = this.#flow
    this.#flow = undefined
    if (this.#bytes < WORTH || this.#bytes < this.#allBytes * MOST) return undefined
    // Of two kinds in turn, most do not fit the slots of one.
    if (this.#joinedBytes >= this.#bytes * MOST) return { flow: weighed, shape: 'segments' }
    return this.#joinedBytes <= this.#bytes * (1 - MOST) ? { flow: weighed, shape: 'superSegments' } : undefined
  }
}

const isSame = (a: InFlow, b: InFlow): boolean =>
  a.ports === b.ports && a.source === b.source && a.destination === b.destination
