import type { Observation } from './observation.ts'

export const SEVERITIES = ['low', 'medium', 'high'] as const
export type Severity = (typeof SEVERITIES)[number]

/** Says that a rule was broken: by whom or on what, and how one can tell. */
export type Report = (subject: string, evidence: string) => void

/** Watches packets for one kind of trouble. Time comes with the packet; memory is bounded. */
export interface Rule {
  readonly name: string
  readonly severity: Severity
  /** One line for --rules, with the numbers it goes by. */
  readonly summary: string
  /** Entries held, all bounded. */
  readonly size: number
  onPacket(seen: Observation, report: Report): void
}
