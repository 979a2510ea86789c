/** Why a stream or a flow was ended before its time: travels in RESET and STOP. */
export const ResetCode = {
  /** Whoever used it gave it up. */
  CANCELLED: 0,
  /** The connection beyond the tunnel was refused. */
  REFUSED: 1,
  /** The host beyond the tunnel cannot be reached, or its name is not known. */
  UNREACHABLE: 2,
  /** The connection beyond the tunnel was not made in time. */
  TIMED_OUT: 3,
  /** The service is not known, or this user may not use it, or not for that target. */
  FORBIDDEN: 4,
  /** A limit of this user or of this session is reached. */
  LIMIT: 5,
  /** The peer did not keep to the protocol. */
  PROTOCOL: 6,
  /** The session ended. */
  CLOSED: 7,
  /** The connection beyond the tunnel broke. */
  BROKEN: 8,
} as const
export type ResetCode = (typeof ResetCode)[keyof typeof ResetCode]

/** What is said when a stream or a flow is opened. */
export interface Opening {
  /** The service's name, 1 to 255 octets of UTF-8. */
  readonly service: string
  /** Where it is to lead, `host:port`, for services that let the opener choose; else empty. At most 512 octets. */
  readonly target: string
  /** Who opened it: `address:port` of the connection that is carried, or empty. At most 512 octets. */
  readonly source: string
}

/** What the user of a stream is told. All are optional; none is called from inside a call of the user. */
export interface StreamEvents {
  /** The other side has accepted it: what lies beyond is reached. Only on the side that opened it. */
  onAccepted?(): void
  /** `read` has something to give, or `isEnded` has become true. */
  onReadable?(): void
  /** `write` returned false, and may be called again. */
  onWritable?(): void
  /** The other side gave it up, or the session ended: nothing more comes, nothing more goes. */
  onReset?(code: number): void
  /** The other side reads no more; what is written from now on is thrown away. */
  onStopped?(code: number): void
  /** All that was written, and its end, has been acknowledged, and all has been read: it is gone, and in order. */
  onClosed?(): void
}

/** One stream of octets of a session, both ways, each with its own end. */
export interface SessionStream extends Opening {
  readonly id: number
  events: StreamEvents
  /** Says that what lies beyond is reached; only on the side that did not open it, once. */
  accept(): void
  /** Queues octets, which must not be changed afterwards. False: wait for `onWritable` before there is more. */
  write(bytes: Uint8Array): boolean
  /** Octets that the other side lets go, and those that may wait until it does: whoever writes more only keeps them here. */
  readonly room: number
  /** Nothing more will be written; the other side sees the end behind the last octet. */
  end(): void
  /** The next octets in order, the caller's own; undefined when there are none now. */
  read(): Uint8Array | undefined
  /** Everything has been read and the other side has ended. */
  readonly isEnded: boolean
  /** Nothing more will be read; the other side need not send it. */
  stop(code: number): void
  /** Gives up both directions at once; harmless when it is gone already. */
  reset(code: number): void
}

/** What the user of a flow is told. */
export interface FlowEvents {
  /** A datagram; `age` is how many microseconds ago it was handed to `send`, as far as that can be known. */
  onDatagram?(bytes: Uint8Array, age: number): void
  /** The other side has closed it, or the session ended. */
  onClosed?(code: number): void
}

/** Datagrams of one source in both directions: each arrives whole, once or never. */
export interface SessionFlow extends Opening {
  readonly id: number
  events: FlowEvents
  /** Sends one, or drops it (and counts) when too many wait: the oldest go first. False when it is too long (65,507). */
  send(bytes: Uint8Array): boolean
  /** Nothing more is sent or received; harmless when repeated. */
  close(code?: number): void
}

/** What opens and receives streams and flows: a session, as services see it. */
export interface StreamHost {
  openStream(opening: Opening): SessionStream
  openFlow(opening: Opening): SessionFlow
  /** The other side opened one: set its events, then `accept` or `reset` it. Without a handler all are reset FORBIDDEN. */
  onStream: ((stream: SessionStream) => void) | undefined
  onFlow: ((flow: SessionFlow) => void) | undefined
}
