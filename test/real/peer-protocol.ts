/** What the kernel's side of a connection does. */
export interface PeerPlan {
  /** Bytes of the stream to send. */
  readonly send: number
  /** Half-closes when all is sent (`first`), or when our end has come (`last`). */
  readonly end: 'first' | 'last'
  /** Of the stream it sends; ours is 1, its own 2. */
  readonly seed?: number
  /** Rests so long after each piece it reads, so that its window closes. */
  readonly pauseMs?: number
  /** Rests so long after the first piece. */
  readonly restMs?: number
  /** Resets the connection when so many bytes have come. */
  readonly resetAt?: number
  readonly noDelay?: boolean
}

/** What came of a listener's or a client's connections together. */
export interface PeerTally {
  readonly connections: number
  readonly open: number
  readonly received: number
  readonly sent: number
  /** The first wrong byte of the first connection with one; -1 for none. */
  readonly wrongAt: number
  /** Connections that were ended in order by our side. */
  readonly ends: number
  readonly errors: readonly string[]
}

export type PeerOrder =
  | { readonly id: number; readonly op: 'listen'; readonly host: string; readonly plan: PeerPlan }
  | {
      readonly id: number
      readonly op: 'connect'
      readonly host: string
      readonly port: number
      readonly count: number
      readonly parallel: number
      readonly plan: PeerPlan
    }
  | { readonly id: number; readonly op: 'report'; readonly of: number; readonly connections: number }
  | { readonly id: number; readonly op: 'close'; readonly of: number }
