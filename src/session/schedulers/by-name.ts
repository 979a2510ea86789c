import { aggregate } from './aggregate.ts'
import { backup } from './backup.ts'
import { firstReady } from './first-ready.ts'
import { minLatency } from './min-latency.ts'
import { redundant } from './redundant.ts'
import type { Scheduler } from './scheduler.ts'
import { weighted } from './weighted.ts'

/** The schedulers there are; each session has its own. */
export const SCHEDULERS = {
  aggregate,
  'first-ready': firstReady,
  'min-latency': minLatency,
  redundant,
  weighted,
  backup,
} as const satisfies Readonly<Record<string, () => Scheduler>>

export type SchedulerName = keyof typeof SCHEDULERS
export const SCHEDULER_NAMES = Object.keys(SCHEDULERS) as readonly SchedulerName[]
