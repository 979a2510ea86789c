import { addMicros, earliest, type Micros, NEVER } from '../base/types.ts'
import { REINJECT_EXTRA, REINJECT_SHARE } from './limits.ts'
import type { Path } from './paths/path.ts'
import type { SentRecord } from './records/carried.ts'
import type { SessionCounters } from './session-types.ts'
import { StreamSpan } from './streams/stream-span.ts'

/** What the other side lets us send over all streams, and what was. */
export interface SessionCredit {
  limit: number
  sent: number
}

/**
 * A copy that only the end waits for is worth its octets where it takes less than half as long, and so many microseconds
 * less.
 */
const WORTH = 4_000
/** Of the budget, this share at most goes for streams that only wait for credit: the rest is for what is late then. */
const WAIT_SHARE = 0.5

/**
 * Octets that a slow path has, and that hold up others, go once more on a path that is sooner there, within a budget: when
 * they are late and the receiver's window waits for them, or when there is nothing else to send.
 */
export class Hurry {
  /** When something may be late. */
  at: Micros = NEVER
  readonly #credit: SessionCredit
  readonly #counters: SessionCounters
  #octets = 0

  constructor(credit: SessionCredit, counters: SessionCounters) {
    this.#credit = credit
    this.#counters = counters
  }

  /**
   * Looks for what is late and, while nothing else may be sent, for what could be there sooner; gives it to other paths as a
   * copy.
   */
  run(paths: readonly Path[], isIdle: boolean, now: Micros): void {
    this.at = NEVER
    if (paths.length < 2) return
    for (const path of paths) {
      if (isIdle && path.inFlight > 0) this.#finish(paths, path, now)
      const { srtt, rttvar } = path.estimator
      const patience = Math.ceil(1.5 * srtt + 4 * rttvar)
      path.findSent((record) => {
        const at = addMicros(record.sentAt, patience)
        const span = this.#awaited(record)
        // Those behind it were sent later.
        if (span === undefined) return at > now
        if (at > now) this.at = earliest(this.at, at)
        else this.#give(span, sooner(paths, path, span, now - record.sentAt))
        return true
      })
    }
  }

  /**
   * Nothing follows what is on this path: it goes as well where it is there much sooner than it will be here. What should be
   * there by now may be late by as much again.
   */
  #finish(paths: readonly Path[], path: Path, now: Micros): void {
    const { srtt, minRtt } = path.estimator
    const oneWay = srtt - minRtt / 2
    if (oneWay <= 2 * WORTH) return
    const idle = paths.filter((other) => other !== path && isIdle(other, now) && mayTake(other, path))
    if (idle.length === 0) return
    path.findSent(({ sentAt, items }) => {
      const due = addMicros(sentAt, Math.ceil(oneWay))
      for (const item of items) {
        if (!(item instanceof StreamSpan) || item.isHurried || item.isSettled) continue
        const best = sooner(idle, path, item, Math.abs(due - now) / 2 - WORTH)
        if (best !== undefined) this.#give(item, best, item.stream.send.unsent > 0 ? WAIT_SHARE : 1)
        else this.at = earliest(this.at, addMicros(due > now ? due : now, 2 * WORTH))
      }
      return false
    })
  }

  /** What it carries that everything else of its stream waits for. */
  #awaited(record: SentRecord): StreamSpan | undefined {
    for (const item of record.items) if (item instanceof StreamSpan && this.#holdsUp(item)) return item
    return undefined
  }

  #holdsUp({ stream, from, to, isHurried }: StreamSpan): boolean {
    const { send, credit } = stream
    if (isHurried || stream.isOver || from > send.acked || to <= send.acked) return false
    const isFull = send.sent - send.acked > (credit - send.acked) / 2
    return isFull || this.#credit.sent >= this.#credit.limit
  }

  #give(span: StreamSpan, path: Path | undefined, share = 1): void {
    if (path === undefined || this.#octets + span.octets > share * this.#budget) return
    span.isHurried = true
    this.#octets += span.octets
    path.addCopy(span)
  }

  get #budget(): number {
    return this.#counters.octetsOut * REINJECT_SHARE + REINJECT_EXTRA
  }
}

const isIdle = (path: Path, now: Micros): boolean => path.inFlight + path.copied < path.estimator.cap(now) / 2

/** A secondary path carries what primary ones have no room for, and not what they are slow with. */
const mayTake = (path: Path, from: Path): boolean => path.role === from.role || path.role === 'primary'

/** Who is late by so much may be as late again: the path on which it is there first, if that is sooner. */
function sooner(paths: readonly Path[], slow: Path, { octets }: StreamSpan, late: number): Path | undefined {
  let best: Path | undefined
  let bestAt = late
  for (const path of paths) {
    const at = path.estimator.arrival(path.inFlight + path.copied, octets)
    if (path === slow || !path.isWritable || at >= bestAt) continue
    best = path
    bestAt = at
  }
  return best
}
