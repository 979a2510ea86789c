import { cell as figures, median } from '../table.ts'
import { allowed, type Cell, sumOf } from './cells.ts'
import type { Measured } from './ways.ts'

/** One run of a cell: of each line alone where that is asked for, and of all at once. */
export interface Run {
  readonly alone: readonly Measured[]
  readonly mptcp?: Measured
  readonly gotcp?: Measured
}

/** How the runs of a cell become a row of a table. */
export interface Rows {
  /** Each line is measured alone, too. */
  readonly needsAlone: boolean
  readonly head: readonly string[]
  row(cell: Cell, runs: readonly Run[]): readonly string[]
}

/** A mended line carries again once the last half second had this share of what all lines have. */
const CARRIES = 0.75
const HALF_SECOND = 5

function text(
  runs: readonly Run[],
  subject: 'mptcp' | 'gotcp',
  figure: (taken: Measured) => number,
  digits = 0,
): string {
  const values = valuesOf(runs, subject, figure)
  if (values.length === 0) return '-'
  return Number.isFinite(median(values)) ? figures(values, digits) : 'not before the end'
}

function valuesOf(runs: readonly Run[], subject: 'mptcp' | 'gotcp', figure: (taken: Measured) => number): number[] {
  return runs.flatMap(({ [subject]: taken }) => (taken === undefined ? [] : [figure(taken)]))
}

const rate = ({ mbps }: Measured): number => mbps
const gap = (taken: Measured): number => taken.gap
const seconds = ({ octets, mbps }: Measured): number => (octets * 8) / mbps / 1e6

export const goodput: Rows = {
  needsAlone: true,
  head: ['Mbit/s over', 'lines', 'alone, added up', 'best alone', 'MPTCP', 'of alone', 'gotcp', 'of alone'],
  row({ lines }, runs) {
    const sums = runs.map(({ alone }) => alone.reduce((total, { mbps }) => total + mbps, 0))
    const best = runs.map(({ alone }) => Math.max(0, ...alone.map(rate)))
    const share = (subject: 'mptcp' | 'gotcp'): string => {
      const part = median(valuesOf(runs, subject, rate)) / median(sums)
      return Number.isFinite(part) ? `${(100 * part).toFixed(0)} %` : '-'
    }
    const alone = [figures(sums, 1), figures(best, 1)]
    return [
      `${sumOf(lines)}`,
      ...alone,
      text(runs, 'mptcp', rate, 1),
      share('mptcp'),
      text(runs, 'gotcp', rate, 1),
      share('gotcp'),
    ]
  },
}

export const faults: Rows = {
  needsAlone: false,
  head: ['milliseconds', 'longest gap, MPTCP', 'longest gap, gotcp', 'carries again, MPTCP', 'carries again, gotcp'],
  row(cell, runs) {
    const again = (taken: Measured): number => carriesAgain(cell, taken)
    const isMended = cell.upAt !== undefined
    const back = isMended ? [text(runs, 'mptcp', again), text(runs, 'gotcp', again)] : ['', '']
    return [text(runs, 'mptcp', gap), text(runs, 'gotcp', gap), ...back]
  },
}

export const simultaneous: Rows = {
  needsAlone: false,
  head: ['seconds for 16 MiB over', 'allowed', 'MPTCP', 'gotcp'],
  row: (cell, runs) => [allowed(cell).toFixed(2), text(runs, 'mptcp', seconds, 2), text(runs, 'gotcp', seconds, 2)],
}

/** Milliseconds from the mending of the line until all carry; infinite when that did not come. */
function carriesAgain({ lines, upAt = 0 }: Cell, { tenths, firstAt, linesAt }: Measured): number {
  const mended = linesAt + 1000 * upAt - firstAt
  for (let i = Math.ceil(mended / 100); i < tenths.length; i++) {
    const last = tenths.slice(Math.max(0, i + 1 - HALF_SECOND), i + 1)
    const mbit = last.reduce((total, tenth) => total + tenth, 0) / HALF_SECOND
    if (mbit >= CARRIES * sumOf(lines)) return 100 * (i + 1) - mended
  }
  return Number.POSITIVE_INFINITY
}
