import type { StepName, TunnelStep } from '../../lab/tunnel/demo.ts'
import { best, type LaidLine } from '../../lab/tunnel/plan.ts'
import { isIdentical, rateOf } from '../../lab/tunnel/transfer.ts'
import { formatBytes, formatMs, formatPercent, formatRate, formatSeconds } from '../units.ts'
import { type Outcome, stepOf } from './expectations.ts'

const STEP_COLUMNS = [22, 9, 9, 22, 12] as const
const LINE_COLUMNS = [7, 12, 9, 14, 12] as const

const columns = (widths: readonly number[], cells: readonly string[]): string =>
  cells
    .map((cell, i) => cell.padEnd(widths[i] ?? 0))
    .join(' ')
    .trimEnd()

/** Whole per cents are what such a measurement is good for. */
const wholePercent = (share: number): string => formatPercent(Math.round(share * 100) / 100)

export const STEPS_HEADER = columns(STEP_COLUMNS, ['', 'amount', 'time', 'rate', 'longest gap', 'SHA-256'])
export const LINES_HEADER = columns(LINE_COLUMNS, ['line', 'rate', 'delay', 'way', 'of all', 'while one was cut'])

export function stepTitle(name: StepName, lines: readonly LaidLine[]): string {
  if (name === 'all') return 'all lines'
  return name === 'alone' ? `${best(lines).name} alone` : `all, ${best(lines).name} cut`
}

/** One transfer, measured against the lines that it could use. */
export function stepRow({ name, transfer }: TunnelStep, lines: readonly LaidLine[]): string {
  const rate = rateOf(transfer)
  const most = name === 'alone' ? best(lines).rate : sumOf(lines)
  return columns(STEP_COLUMNS, [
    stepTitle(name, lines),
    formatBytes(transfer.arrived),
    formatSeconds(transfer.seconds),
    // What could be had while a line was cut is no figure of its own.
    name === 'cut' ? formatRate(rate) : `${formatRate(rate)}, ${wholePercent(rate / most)}`,
    formatMs(transfer.gap),
    isIdentical(transfer) ? 'equal' : 'NOT EQUAL',
  ])
}

const sumOf = (lines: readonly LaidLine[]): number => lines.reduce((sum, { rate }) => sum + rate, 0)

export function lineRow(line: LaidLine, at: number, outcome: Outcome): string {
  return columns(LINE_COLUMNS, [
    line.name,
    formatRate(line.rate),
    formatMs(line.rtt / 1000),
    line.isProxied ? 'SOCKS5 proxy' : 'direct',
    wholePercent(stepOf(outcome, 'all').shares[at]!),
    wholePercent(stepOf(outcome, 'cut').shares[at]!),
  ])
}
