import { Counters } from '../../base/counters.ts'
import { type AgeRecord, Ages } from './ages.ts'
import { resetName } from './reset-reason.ts'

/** Octets that passed in one direction. */
export interface Octets {
  octets: number
}

/** What a service counts, from its start. */
export interface TallyRecord {
  /** Streams or flows that are open now. */
  readonly open: number
  /** All that have been asked for. */
  readonly total: number
  /** Those of them that were turned away: by a limit, by a rule, or by what lies beyond. */
  readonly refused: number
  /** From whoever asked towards what was asked for, whichever side counts. */
  readonly bytesIn: number
  /** Back again. */
  readonly bytesOut: number
  /** What ended before its time, by the name of its reset code. */
  readonly errors: Readonly<Record<string, number>>
  /** Datagrams that were dropped, by reason. */
  readonly dropped: Readonly<Record<string, number>>
  /** Of datagrams that came from the other side; undefined until one has. */
  readonly ages: AgeRecord | undefined
}

/** The counters of one service. */
export class Tally {
  open = 0
  total = 0
  refused = 0
  readonly in: Octets = { octets: 0 }
  readonly out: Octets = { octets: 0 }
  readonly dropped = new Counters()
  readonly ages = new Ages()
  readonly #errors = new Counters()

  /** One is asked for. */
  begin(): void {
    this.open++
    this.total++
  }

  /** It has ended; `code` when that was before its time, and `isAccepted` unless it never led anywhere. */
  end(code: number | undefined, isAccepted = true): void {
    this.open--
    if (!isAccepted) this.refused++
    if (code !== undefined) this.#errors.count(resetName(code))
  }

  /** One was asked for, and turned away at once. */
  refuse(code: number): void {
    this.begin()
    this.end(code, false)
  }

  toJSON(): TallyRecord {
    const { open, total, refused } = this
    return {
      open,
      total,
      refused,
      bytesIn: this.in.octets,
      bytesOut: this.out.octets,
      errors: this.#errors.toJSON(),
      dropped: this.dropped.toJSON(),
      ages: this.ages.toJSON(),
    }
  }
}

/** What two have counted together, of which one is of datagrams at most. */
export function addTallies(a: TallyRecord, b: TallyRecord): TallyRecord {
  return {
    open: a.open + b.open,
    total: a.total + b.total,
    refused: a.refused + b.refused,
    bytesIn: a.bytesIn + b.bytesIn,
    bytesOut: a.bytesOut + b.bytesOut,
    errors: addCounts(a.errors, b.errors),
    dropped: addCounts(a.dropped, b.dropped),
    ages: a.ages ?? b.ages,
  }
}

function addCounts(a: TallyRecord['errors'], b: TallyRecord['errors']): TallyRecord['errors'] {
  const sum = new Counters()
  for (const [name, count] of [...Object.entries(a), ...Object.entries(b)]) sum.count(name, count)
  return sum.toJSON()
}
