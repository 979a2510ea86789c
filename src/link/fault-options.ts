import type { Micros } from '../base/types.ts'

/** What goes wrong in one direction. Probabilities are per packet, 0 to 1; times are microseconds, as `fromMs` makes them. */
export interface Faults {
  /** The packet vanishes. Default 0. */
  readonly loss?: number
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

const PROBABILITIES = ['loss', 'duplicate', 'reorder', 'corrupt'] as const
const AMOUNTS = ['reorderDelay', 'delay', 'jitter', 'queueBytes'] as const
const RATE_QUEUE = 256 * 1024
const FLIGHT_QUEUE = 64 * 1024 * 1024

/**
 * The faults of one direction with every default filled in.
 *
 * @throws {RangeError} naming the field that is out of its range, the limit and the value.
 */
export function resolveFaults(both: Faults, own: Faults = {}): ResolvedFaults {
  const faults: ResolvedFaults = {
    loss: own.loss ?? both.loss ?? 0,
    duplicate: own.duplicate ?? both.duplicate ?? 0,
    reorder: own.reorder ?? both.reorder ?? 0,
    reorderDepth: own.reorderDepth ?? both.reorderDepth ?? 3,
    reorderDelay: own.reorderDelay ?? both.reorderDelay ?? (10_000 as Micros),
    corrupt: own.corrupt ?? both.corrupt ?? 0,
    delay: own.delay ?? both.delay ?? (0 as Micros),
    jitter: own.jitter ?? both.jitter ?? (0 as Micros),
    rate: own.rate ?? both.rate ?? Number.POSITIVE_INFINITY,
    queueBytes: own.queueBytes ?? both.queueBytes ?? 0,
  }
  for (const field of PROBABILITIES) {
    if (!(faults[field] >= 0 && faults[field] <= 1)) refuse(field, 'from 0 to 1', faults[field])
  }
  for (const field of AMOUNTS) {
    if (!(faults[field] >= 0)) refuse(field, '0 or more', faults[field])
  }
  if (!(faults.rate > 0)) refuse('rate', 'more than 0', faults.rate)
  if (!(faults.reorderDepth >= 1)) refuse('reorderDepth', '1 or more', faults.reorderDepth)
  if (faults.queueBytes > 0) return faults
  return { ...faults, queueBytes: faults.rate === Number.POSITIVE_INFINITY ? FLIGHT_QUEUE : RATE_QUEUE }
}

function refuse(field: keyof Faults, range: string, value: number): never {
  throw new RangeError(`Cannot set faults: ${field} must be ${range}, got ${value}`)
}
