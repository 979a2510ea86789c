import { type Ipv4Addr, MAC_NONE, type MacAddr } from '../base/address.ts'
import type { Timed } from '../base/timer-queue.ts'
import { type Micros, NEVER } from '../base/types.ts'
import { PacketQueue, type QueueLimits } from './packet-queue.ts'

/**
 * What is known of a neighbour, in the words of RFC 4861 §7.3.2.
 * INCOMPLETE: asked for, packets wait. REACHABLE: it spoke lately. STALE: it has not; the next use asks it
 * again. PROBE: being asked at its known address while packets flow. FAILED: it did not answer.
 */
export type NeighbourState = 'INCOMPLETE' | 'REACHABLE' | 'STALE' | 'PROBE' | 'FAILED'

/** One row of the neighbour cache. */
export class Neighbour implements Timed {
  readonly ip: Ipv4Addr
  mac: MacAddr = MAC_NONE
  state: Exclude<NeighbourState, 'STALE'> = 'FAILED'
  /** When the neighbour last proved its address. */
  confirmedAt = 0 as Micros
  /** When we last sent to it, or -1. */
  usedAt = -1 as Micros
  /** When it was last asked; requests to one destination are a second apart (RFC 1122 §2.3.2.1). */
  askedAt = Number.NEGATIVE_INFINITY as Micros
  /** Requests of this round without an answer. */
  tries = 0
  /** Rounds that ended without an answer; each doubles the pause between requests. */
  failures = 0
  /** The next request, or the end of the round. */
  deadline: Micros = NEVER
  readonly queue: PacketQueue
  heapIndex = -1

  constructor(ip: Ipv4Addr, limits: QueueLimits) {
    this.ip = ip
    this.queue = new PacketQueue(limits)
  }

  pollAt(): Micros {
    return this.deadline
  }
}
