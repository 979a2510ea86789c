import type { Micros } from './types.ts'

/**
 * One thing that happened inside a stack: a segment, a state change, a timer, a drop.
 * JSON output, the lab's page and tests all read this one record.
 */
export interface ProbeEvent {
  /** When, on the stack's clock. */
  readonly t_us: Micros
  /** What: `drop`, `neighbour`, `conflict`, `segment_in`, `state`, … */
  readonly ev: string
  readonly [field: string]: string | number | boolean | null | undefined
}

/** Receives the events of a stack; whoever emits them asks first whether one is set, so that silence costs nothing. */
export type Probe = (event: ProbeEvent) => void
