import type { Path } from '../../session/paths/path.ts'

/** Octets and events of one path, over all connections that it had. */
export interface PathTotals {
  sent: number
  received: number
  recordsOut: number
  recordsIn: number
  reinjected: number
  stalls: number
}

/** The same of all that a user does, and datagrams. */
export interface UserTotals extends PathTotals {
  datagramsOut: number
  datagramsIn: number
  datagramsDropped: number
}

const nothing = (): PathTotals => ({ sent: 0, received: 0, recordsOut: 0, recordsIn: 0, reinjected: 0, stalls: 0 })

export const noTotals = (): UserTotals => ({ ...nothing(), datagramsOut: 0, datagramsIn: 0, datagramsDropped: 0 })

/** Adds to `totals` what is in `more` under the same names. */
export function addTotals(totals: UserTotals, more: Partial<UserTotals>): void {
  for (const key of Object.keys(totals) as (keyof UserTotals)[]) totals[key] += more[key] ?? 0
}

/** Adds up what one path of the configuration carries, whichever connection it has, and how fast that is now. */
export class PathMeter {
  readonly totals: PathTotals = nothing()
  /** Octets per second in the last interval. */
  rateOut = 0
  rateIn = 0
  #path: Path | undefined = undefined
  #seen = nothing()
  #at = 0
  #before = { sent: 0, received: 0 }

  /** Counts what has come together on the path, and on the one before it. */
  observe(path: Path | undefined): void {
    if (this.#path !== undefined) this.#add(this.#path)
    if (path === this.#path) return
    this.#path = path
    this.#seen = nothing()
    if (path !== undefined) this.#add(path)
  }

  /** An interval is over; `now` in milliseconds. */
  tick(path: Path | undefined, now: number): void {
    this.observe(path)
    const { sent, received } = this.totals
    const seconds = (now - this.#at) / 1000
    if (this.#at > 0 && seconds > 0) {
      this.rateOut = (sent - this.#before.sent) / seconds
      this.rateIn = (received - this.#before.received) / seconds
    }
    this.#at = now
    this.#before = { sent, received }
  }

  #add({ counters }: Path): void {
    const { octetsOut: sent, octetsIn: received, recordsOut, recordsIn, reinjected, stalls } = counters
    const now: PathTotals = { sent, received, recordsOut, recordsIn, reinjected, stalls }
    for (const key of Object.keys(now) as (keyof PathTotals)[]) this.totals[key] += now[key] - this.#seen[key]
    this.#seen = now
  }
}
