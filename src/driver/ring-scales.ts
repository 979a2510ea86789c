import type { Micros } from '../base/types.ts'
import type { InFrame } from '../link/link.ts'
import { flowOf, type InFlow } from './bpf.ts'
import type { LoopRest } from './loop-rest.ts'

const SECOND = 1_000_000
/** A slot of super-segments is not wasted on a frame of this size. */
export const LARGE_FRAME = 16 * 1024
/** A connection is weighed for so long, or until its next large frame; for a second at most. */
export const WEIGHING = SECOND / 10
/**
 * It is worth a ring when it has brought so much in large frames, and most of what came in such, while more waited than one
 * batch takes and the event loop had hardly time to rest: who keeps up without a ring spares the sender its copy, and a
 * program that has begun just now is slow for a while.
 */
const WORTH = 8 * 1024 * 1024
const MOST = 3 / 4
const REST = 1 / 20

/** A connection that brings nearly all that comes, and what its ring is to hold. */
export interface Candidate {
  readonly flow: InFlow
  readonly shape: RingShapeName
}

/** Super-segments as the kernel hands them over, or the single segments that the addon joins where it does not. */
export type RingShapeName = 'superSegments' | 'segments'

/** Finds the connection that a ring is worth it for, among those whose frames come by messages. */
export class RingScales {
  readonly #medium: 'ethernet' | 'ip'
  /** The connection that is being weighed, since when, and what it and all have brought in super-segments and in joined ones. */
  #flow: InFlow | undefined
  #since = 0 as Micros
  #bytes = 0
  #allBytes = 0
  #joinedBytes = 0
  #allJoinedBytes = 0
  /** It has brought a super-segment of whatever size, which slots of single segments would have no room for. */
  #isMixed = false

  /** How long the event loop had rested when the weighing began. */
  #rested = 0
  readonly #loopRest: LoopRest

  constructor(medium: 'ethernet' | 'ip', loopRest: LoopRest) {
    this.#medium = medium
    this.#loopRest = loopRest
  }

  /**
   * A super-segment has come, or a large frame that the addon has joined; `isBehind` where more waited than a batch takes.
   * Undefined while there is nothing to say.
   */
  weigh(frame: InFrame, isJoined: boolean, isBehind: boolean, now: Micros): Candidate | undefined {
    const flow = flowOf(frame, this.#medium)
    if (flow === undefined) return undefined
    const length = frame.end - frame.start
    if (this.#flow === undefined || now - this.#since > SECOND) {
      if (length >= LARGE_FRAME) this.#begin(flow, !isJoined, now)
      return undefined
    }
    const isOwn = isSame(flow, this.#flow)
    if (isOwn && !isJoined) this.#isMixed = true
    if (length >= LARGE_FRAME) {
      const own = isOwn && isBehind ? length : 0
      if (isJoined) {
        this.#joinedBytes += own
        this.#allJoinedBytes += length
      } else {
        this.#bytes += own
        this.#allBytes += length
      }
    }
    return now - this.#since < WEIGHING ? undefined : this.#verdict(this.#flow, now)
  }

  #begin(flow: InFlow, isMixed: boolean, now: Micros): void {
    this.#flow = flow
    this.#since = now
    this.#rested = this.#loopRest()
    this.#isMixed = isMixed
    this.#bytes = 0
    this.#allBytes = 0
    this.#joinedBytes = 0
    this.#allJoinedBytes = 0
  }

  #verdict(flow: InFlow, now: Micros): Candidate | undefined {
    this.#flow = undefined
    const rest = (this.#loopRest() - this.#rested) * 1000
    if (rest > (now - this.#since) * REST) return undefined
    if (isMost(this.#bytes, this.#allBytes)) return { flow, shape: 'superSegments' }
    const isSegments = isMost(this.#joinedBytes, this.#allBytes + this.#allJoinedBytes) && !this.#isMixed
    return isSegments ? { flow, shape: 'segments' } : undefined
  }
}

const isMost = (bytes: number, allBytes: number): boolean => bytes >= WORTH && bytes >= allBytes * MOST

const isSame = (a: InFlow, b: InFlow): boolean =>
  a.ports === b.ports && a.source === b.source && a.destination === b.destination
