import type { SessionFlow, SessionStream } from '../../session/streams/stream-types.ts'
import type { TallyRecord } from './tally.ts'

/** What a service is, and on which side: the first four ask, the last three answer. */
export type ServiceKind =
  | 'tcp-listen'
  | 'udp-listen'
  | 'socks5'
  | 'http'
  | 'tcp-connect'
  | 'udp-connect'
  | 'proxy'
  | 'bench'

/** What a service says of itself. */
export interface ServiceStatus extends TallyRecord {
  readonly name: string
  readonly kind: ServiceKind
  /** Where it listens; undefined for one that answers. */
  readonly listening: string | undefined
  /** Where it leads to; undefined for one that asks. */
  readonly target: string | undefined
}

export interface CloseOptions {
  /** Milliseconds that what is open may take to end by itself; then it is reset. Default 0. */
  readonly drain?: number
}

/** One service of the tunnel. */
export interface Service {
  readonly name: string
  status(): ServiceStatus
  /** Takes nothing new, and resolves when nothing of it is left. */
  close(options?: CloseOptions): Promise<void>
}

/** A service that the other side's streams and flows lead to. Without a method for one kind it takes none. */
export interface AnsweringService extends Service {
  onStream?(stream: SessionStream): void
  onFlow?(flow: SessionFlow): void
}
