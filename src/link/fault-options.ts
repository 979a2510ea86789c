import { rangeError } from '../base/argument-errors.ts'
import type { Micros } from '../base/types.ts'

/** What goes wrong in one direction. Probabilities are per packet, 0 to 1; times are microseconds, as `fromMs` makes them. */
export interface Faults {
  /** The packet vanishes: this share of all, in the long run. Default 0. */
  readonly loss?: number
  /** Packets that a bad time of the line lasts on average; it loses none in good times (Gilbert-Elliott). Default 1: each for itself. */
  readonly burst?: number
  /** How likely a packet is lost in a bad time. Default 1. */
  readonly burstLoss?: number
  /** Nothing passes. Default false. */
  readonly down?: boolean
  /** The largest IP packet that passes; a larger one vanishes without a word. Default: no limit. */
  readonly mtu?: number
  /** The packet arrives twice. Default 0. */
  readonly duplicate?: number
  /** The packet is overtaken by those after it. Default 0. */
  readonly reorder?: number
  /** How many packets overtake it. Default 3. */
  readonly reorderDepth?: number
  /** How long it waits for them at most. Default 10 ms. */
  readonly reorderDelay?: Micros
  /** One bit of it is wrong, where a checksum can tell. Default 0. */
  readonly corrupt?: number
  /** How long every packet travels. Default 0. */
  readonly delay?: Micros
  /** Up to so much longer, evenly spread; it does not change the order. Default 0. */
  readonly jitter?: Micros
  /** Bits per second that the line carries. Default: no limit. */
  readonly rate?: number
  /**
   * Bytes that may wait: for the line where there is a rate (default 256 KiB), else
   * on the way (default 64 MiB). What finds the queue full is lost, as in a router.
   */
  readonly queueBytes?: number
  /** Packets that may wait likewise. Default: no limit. */
  readonly queuePackets?: number
  /** Controlled delay (RFC 8289): how long packets may wait for the line as a rule; 5 ms is usual. Default 0: a plain queue. */
  readonly codel?: Micros
  /** How long they may wait longer before it is no burst any more. Default 100 ms. */
  readonly codelInterval?: Micros
  /** CoDel marks those packets that may be marked (RFC 3168) instead of dropping them. Default true. */
  readonly ecn?: boolean
}

/** Faults for both directions, and what differs in one of them. */
export interface FaultOptions extends Faults {
  /** The same seed and the same packets at the same times give the same faults. Default 1. */
  readonly seed?: number
  /** For frames on the way down, in place of the fields beside. */
  readonly send?: Faults
  /** For frames on the way up. */
  readonly receive?: Faults
}

export type ResolvedFaults = Required<Faults>

const PROBABILITIES = ['loss', 'burstLoss', 'duplicate', 'reorder', 'corrupt'] as const
const AMOUNTS = ['reorderDelay', 'delay', 'jitter', 'queueBytes', 'codel'] as const
const COUNTS = ['reorderDepth', 'burst', 'mtu', 'queuePackets', 'codelInterval'] as const
const NO_LIMIT = Number.POSITIVE_INFINITY
const DEFAULTS: ResolvedFaults = {
  loss: 0,
  burst: 1,
  burstLoss: 1,
  down: false,
  mtu: NO_LIMIT,
  duplicate: 0,
  reorder: 0,
  reorderDepth: 3,
  reorderDelay: 10_000 as Micros,
  corrupt: 0,
  delay: 0 as Micros,
  jitter: 0 as Micros,
  rate: NO_LIMIT,
  queueBytes: 0,
  queuePackets: NO_LIMIT,
  codel: 0 as Micros,
  codelInterval: 100_000 as Micros,
  ecn: true,
}
const RATE_QUEUE = 256 * 1024
const FLIGHT_QUEUE = 64 * 1024 * 1024

/**
 * The faults of one direction with every default filled in.
 *
 * @throws {RangeError} naming the field that is out of its range, the limit and the value.
 */
export function resolveFaults(both: Faults, own: Faults = {}): ResolvedFaults {
  const faults = { ...DEFAULTS }
  for (const field of Object.keys(DEFAULTS) as (keyof Faults)[]) {
    Object.assign(faults, { [field]: own[field] ?? both[field] ?? DEFAULTS[field] })
  }
  for (const field of PROBABILITIES) {
    if (!(faults[field] >= 0 && faults[field] <= 1)) refuse(field, 'from 0 to 1', faults[field])
  }
  for (const field of AMOUNTS) {
    if (!(faults[field] >= 0)) refuse(field, '0 or more', faults[field])
  }
  for (const field of COUNTS) {
    if (!(faults[field] >= 1)) refuse(field, '1 or more', faults[field])
  }
  if (!(faults.rate > 0)) refuse('rate', 'more than 0', faults.rate)
  if (faults.queueBytes > 0) return faults
  return { ...faults, queueBytes: faults.rate === NO_LIMIT ? FLIGHT_QUEUE : RATE_QUEUE }
}

function refuse(field: keyof Faults, range: string, value: number): never {
  throw rangeError(`Cannot set faults: ${field} must be ${range}, got ${value}`)
}
