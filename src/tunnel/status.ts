import type { Path } from '../session/paths/path.ts'
import type { PathRole } from '../session/records/frame.ts'
import type { TallyRecord } from './services/tally.ts'

/**
 * What a daemon says of itself: on its control socket, and with `gotcp tunnel status --json`. Times are milliseconds,
 * sizes octets, rates bits per second; null is not known, or not there. Fields are added, and never changed.
 */
export interface TunnelStatus {
  readonly name: string
  readonly mode: 'server' | 'client'
  readonly state: DaemonState
  readonly pid: number
  readonly file: string
  /** When it was started, Unix time. */
  readonly since: number
  readonly scheduler: string
  readonly control: string | null
  readonly metrics: string | null
  /** Where paths come in, and the fingerprints of the certificates that are shown there; empty at a client. */
  readonly listening: readonly string[]
  readonly fingerprints: readonly string[]
  /** A client has one, whether it is up or not. */
  readonly sessions: readonly SessionStatus[]
  readonly services: readonly ServiceStatusRecord[]
  /** Openings that no service heard of. */
  readonly refusals: { readonly unknown: number; readonly forbidden: number }
  /** By what came of them; empty at a client. */
  readonly handshakes: Readonly<Record<string, number>>
  /** What waits for the daemon to be started again. */
  readonly restart_needed: readonly string[]
  readonly warnings: readonly string[]
}

export type DaemonState = 'running' | 'reloading' | 'draining'

/** A session, from this side. */
export interface SessionStatus {
  readonly user: string
  /** The other side: the addresses of a client's paths, or of the server. */
  readonly peer: string
  /** `frozen`: all its paths are gone or silent, and its streams wait. `down`: there is none yet, or not any more. */
  readonly state: 'up' | 'frozen' | 'down'
  /** When it began, Unix time. */
  readonly since: number | null
  /** Streams and flows that are open. */
  readonly open: number
  readonly sent_bytes: number
  readonly received_bytes: number
  readonly datagrams_sent: number
  readonly datagrams_received: number
  readonly datagrams_dropped: number
  readonly paths: readonly PathStatus[]
}

/** `connecting`: an attempt is going on. `waiting`: the next one is due later. `stalled`: it is there, and silent. */
export type PathState = 'connecting' | 'waiting' | 'up' | 'stalled' | 'closing' | 'stopped'

export interface PathStatus {
  readonly name: string
  /** The number by which both sides know it. */
  readonly id: number | null
  readonly state: PathState
  readonly role: PathRole
  readonly weight: number
  /** Where it leads to, or comes from. */
  readonly endpoint: string
  /** How it gets there: `directly`, `by eth0`, `through socks5://host:1080`; null at a server, which cannot know. */
  readonly way: string | null
  readonly up_ms: number | null
  readonly srtt_ms: number | null
  readonly rttvar_ms: number | null
  readonly min_rtt_ms: number | null
  /** What the kernel measured on the way to the next hop, and what it sent again there. */
  readonly kernel_rtt_ms: number | null
  readonly retransmits: number | null
  /** What it carries now. */
  readonly rate_out: number
  readonly rate_in: number
  /** What it has delivered at its best of late. */
  readonly capacity: number | null
  /** Of what all paths of the session carry now; while nothing moves, of what they have carried. 0 to 1. */
  readonly share: number
  readonly sent_bytes: number
  readonly received_bytes: number
  readonly records_sent: number
  readonly records_received: number
  /** Written, and not sent by the kernel yet. */
  readonly queued_bytes: number | null
  /** Without an acknowledgement. */
  readonly in_flight_bytes: number
  readonly reinjected_bytes: number
  readonly stalls: number
  readonly attempts: number
  readonly connections: number
  readonly last_error: ErrorStatus | null
  readonly retry_ms: number | null
  readonly quota: QuotaStatus | null
}

export interface ErrorStatus {
  readonly code: string | null
  readonly message: string
}

/** What a path may carry in this day or month, and has. */
export interface QuotaStatus {
  readonly bytes: number
  readonly period: 'day' | 'month'
  readonly used: number
  /** When the period ends, Unix time. */
  readonly until: number
  readonly exhausted: boolean
}

export interface ServiceStatusRecord {
  readonly name: string
  readonly kind: string
  readonly listening: string | null
  readonly target: string | null
  readonly open: number
  readonly total: number
  readonly refused: number
  readonly received_bytes: number
  readonly sent_bytes: number
  readonly errors: TallyRecord['errors']
  readonly dropped: TallyRecord['dropped']
  /** How long datagrams that came had waited at the other end: those of late, and the oldest of all; null without any. */
  readonly age_ms: { readonly mean: number; readonly most: number } | null
}

/** Bits per second below which a path carries nothing but what keeps it alive. */
const IDLE_RATE = 10_000

/** Which part of the whole each path carries: now, or, while nothing moves, since the beginning. */
export function withShares(paths: readonly PathStatus[]): readonly PathStatus[] {
  const rate = ({ rate_in, rate_out }: PathStatus): number => rate_in + rate_out
  const total = ({ sent_bytes, received_bytes }: PathStatus): number => sent_bytes + received_bytes
  // What paths say to stay alive is no traffic.
  const isMoving = paths.some((path) => rate(path) > IDLE_RATE)
  const measure = isMoving ? rate : total
  const all = paths.reduce((sum, path) => sum + measure(path), 0)
  return paths.map((path) => ({ ...path, share: all === 0 ? 0 : measure(path) / all }))
}

/** Whether anything carries a session that there is. */
export const sessionState = (paths: readonly Pick<Path, 'state'>[]): 'up' | 'frozen' =>
  paths.some(({ state }) => state === 'open') ? 'up' : 'frozen'

export const errorStatus = (error: Error | undefined): ErrorStatus | null =>
  error === undefined ? null : { code: (error as NodeJS.ErrnoException).code ?? null, message: error.message }

/** Of sessions that wait for ever, since no path of theirs may carry anything. */
export function mutedWarnings(sessions: readonly SessionStatus[]): readonly string[] {
  const isThere = ({ state }: PathStatus): boolean => state === 'up' || state === 'stalled'
  return sessions
    .filter(({ paths }) => paths.some(isThere) && paths.filter(isThere).every(({ role }) => role === 'never'))
    .map(
      ({ user }) => `nothing of ${user} is carried: all paths that are up have the role never; give one another role`,
    )
}
