import type { Crew } from './crew.ts'
import type { Sheet } from './sheet.ts'

/** How often and how long everything is measured, and what else was asked for. */
export interface Plan {
  readonly isQuick: boolean
  /** Also what takes long: transfers of 1 GB. */
  readonly isFull: boolean
  readonly rounds: number
  readonly ms: number
  /** Before the first round that counts: V8 compiles what it has seen run. */
  readonly warmUp: number
  /** Gota's program, where it is. */
  readonly gota: string | undefined
}

/** One thing that is asked of the tunnel. */
export interface Part {
  readonly name: string
  /** Why it cannot be measured here, and what would help. */
  missing(): string | undefined
  measure(crew: Crew, plan: Plan): Promise<Sheet>
}

/** Says on stderr how far it is. */
export const progress = (text: string): void => console.error(`bench: ${text}`)
