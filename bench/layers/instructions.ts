import { spawnSync } from 'node:child_process'
import type { MicroOrder } from './one.ts'

const EVENT = 'instructions:u'

/** So much more work is done the second time. */
const MORE = 4

/** What `perf stat` counts while a command runs, or why it does not. */
function count(command: readonly string[]): number | string {
  const { stderr, error } = spawnSync('perf', ['stat', '-x', ';', '-e', EVENT, '--', ...command], { encoding: 'utf8' })
  if (error !== undefined) return 'there is no perf. Run: apt-get install linux-perf'
  const figures = stderr.split('\n').find((text) => text.includes(EVENT))
  const counted = Number(figures?.split(';')[0])
  if (Number.isFinite(counted)) return counted
  return figures === undefined
    ? `perf says: ${stderr.trim().split('\n')[0]}`
    : `perf counts none here (${figures.split(';')[0]}): a virtual machine often has no counters`
}

/** Why instructions cannot be counted here; undefined when they can. */
export function whyNoInstructions(): string | undefined {
  const counted = count(['true'])
  return typeof counted === 'string' ? counted : undefined
}

/** Instructions in user mode of one operation: what `count` operations more than a few take, in runs of their own. */
export function instructionsBetween(
  command: readonly string[],
  order: MicroOrder,
  operations: number,
): number | undefined {
  const [few, many] = [operations, operations * MORE].map((total) =>
    count([...command, JSON.stringify({ ...order, count: total })]),
  )
  if (typeof few !== 'number' || typeof many !== 'number') return undefined
  return (many - few) / (operations * (MORE - 1))
}
