import type { BudgetLease } from './credit/budget.ts'
import type { SchedulerName } from './schedulers/by-name.ts'

export type SessionRole = 'client' | 'server'

export interface SessionOptions {
  readonly role: SessionRole
  /** Default `aggregate`. */
  readonly scheduler?: SchedulerName
  /** What may be under way to us in all, at most, octets. Default 64 MiB. */
  readonly window?: number
  /** What the other side told us then: octets that we may send before it says more. Default 1 MiB. */
  readonly credit?: number
  /** The same for one stream. Default 16 MiB. */
  readonly streamWindow?: number
  /** Streams and flows that the other side may have open at once. Default 10,000. */
  readonly maxStreams?: number
  /** How often a path with nothing to carry is asked whether it lives, microseconds. Default 1 s and 15 s. */
  readonly ping?: { readonly busy: number; readonly idle: number }
  /** Octets per second over all paths, each way. Default: no limit. */
  readonly rate?: number | undefined
  /** Its part of the memory of all sessions, whose `first` octets the other side was told when the session began. Default: 1 MiB of its own budget. */
  readonly memory?: BudgetLease
  /** Called when `poll` should be called soon: octets came (`isUrgent`), or a user did something. */
  readonly onWork?: (isUrgent: boolean) => void
}

/** What a session counts; octets of streams are payload. */
export interface SessionCounters {
  streamsOpened: number
  streamsAccepted: number
  streamsRefused: number
  octetsOut: number
  octetsIn: number
  /** Arrived twice: on two paths, or after a path was given up too early. */
  repeatedIn: number
  datagramsOut: number
  datagramsIn: number
  datagramsDropped: number
  /** Paths that were ended because what came on them was no session's. */
  faults: number
}

export const noCounts = (): SessionCounters => ({
  streamsOpened: 0,
  streamsAccepted: 0,
  streamsRefused: 0,
  octetsOut: 0,
  octetsIn: 0,
  repeatedIn: 0,
  datagramsOut: 0,
  datagramsIn: 0,
  datagramsDropped: 0,
  faults: 0,
})

/** Where a session stands; octets unless said otherwise. */
export interface SessionLoad {
  /** What the other side still lets us send, over all streams. */
  readonly credit: number
  /** What we still let it send, of a window of that size. */
  readonly granted: number
  readonly window: number
  /** What came in order and nobody has read. */
  readonly unread: number
  /** Between the first octet that has not come and the last that has; and what of it came, in so many pieces. */
  readonly missing: number
  readonly pieces: number
}

/** What happened to a path. */
export type PathEvent = 'stalled' | 'recovered' | 'closed'
