import type { Path } from '../session/paths/path.ts'
import type { ConfigChanges } from './config/diff.ts'
import type { TunnelConfig } from './config/types.ts'
import type { LiveSession } from './live-session.ts'
import type { UserTotals } from './paths/path-meter.ts'
import type { Change } from './reload.ts'
import type { Services } from './services/services.ts'
import type { SessionStatus } from './status.ts'

/** A path that is connected, by the name it has in the status. */
export interface LivePath {
  readonly name: string
  readonly path: Path
  readonly live: LiveSession
}

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
  /** What must be done before the process leaves at once. */
  leave(): void
  /** An interval of the meters is over; `now` in milliseconds. */
  tick(now: number): void
  sessions(): readonly SessionStatus[]
  livePaths(): readonly LivePath[]
  /** What each user has carried since the start. */
  totals(): ReadonlyMap<string, UserTotals>
  /** Octets that windows may still grow by, of all sessions together. */
  readonly budget: number
  /** Connections before the handshake, by what came of them; empty for a client. */
  readonly connections: Readonly<Record<string, number>>
  /** Does what a new configuration asks for, and leaves alone what has not changed. */
  apply(config: TunnelConfig, changes: ConfigChanges): Promise<readonly Change[]>
}
