import type { Services } from './services/services.ts'
import type { SessionStatus } from './status.ts'

/** What a daemon needs of a tunnel's client or server, so that it need not know which of them it runs. */
export interface Side {
  readonly services: Services
  /** Where paths come in; empty for a client. */
  readonly listening: readonly string[]
  readonly fingerprints: readonly string[]
  /** Handshakes by what came of them; empty for a client. */
  readonly handshakes: Readonly<Record<string, number>>
  /** @throws {NetError} when something cannot listen, or makes no sense; nothing is left then. */
  start(): Promise<void>
  stop(drain: number): Promise<void>
  /** An interval of the meters is over; `now` in milliseconds. */
  tick(now: number): void
  sessions(): readonly SessionStatus[]
}
