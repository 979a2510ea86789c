import type { StepName, TunnelStep } from '../../lab/tunnel/demo.ts'
import { best, type LaidLine } from '../../lab/tunnel/plan.ts'
import { isIdentical, rateOf } from '../../lab/tunnel/transfer.ts'
import { formatMs, formatRate } from '../units.ts'

/** All that was seen. */
export interface Outcome {
  readonly lines: readonly LaidLine[]
  readonly steps: readonly TunnelStep[]
}

export interface Expectation {
  readonly isMet: boolean
  readonly text: string
}

/** Milliseconds: what any machine must manage, and no more than that; the figures beside it say what it was. */
const MOST_GAP = 1000
const MOST_RETURN = 5000

export const stepOf = ({ steps }: Outcome, name: StepName): TunnelStep => steps.find((step) => step.name === name)!

/** What was to be seen, and whether it was. */
export function expectations(outcome: Outcome): readonly Expectation[] {
  const { lines, steps } = outcome
  const [alone, all, cut] = [stepOf(outcome, 'alone'), stepOf(outcome, 'all'), stepOf(outcome, 'cut')]
  const { name } = best(lines)
  const [one, together] = [rateOf(alone.transfer), rateOf(all.transfer)]
  const { carriedAfter } = cut
  return [
    {
      isMet: together > one,
      text: `all lines carried ${formatRate(together)}, ${name} alone ${formatRate(one)}: ${(together / one).toFixed(2)} times as much`,
    },
    {
      isMet: cut.transfer.gap < MOST_GAP,
      text: `with ${name} cut, nothing came for ${formatMs(cut.transfer.gap)} at most`,
    },
    {
      isMet: carriedAfter !== undefined && carriedAfter < MOST_RETURN,
      text:
        carriedAfter === undefined
          ? `${name} was mended, and did not carry again`
          : `${name} carried again ${formatMs(carriedAfter)} after it was mended`,
    },
    {
      isMet: steps.every(({ transfer }) => isIdentical(transfer)),
      text: 'what arrived has the SHA-256 of what was sent, each time',
    },
  ]
}
