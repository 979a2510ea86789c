/** What passed on a stream up to some moment. What its kind does not count stays 0 or undefined. */
export interface Counts {
  readonly bytes: number
  /** Segments that were sent again, as the sender counts them. */
  readonly retransmits: number | undefined
  /** Bytes. */
  readonly cwnd: number | undefined
  /** Milliseconds. */
  readonly rtt: number | undefined
  /** Datagrams: sent, or by the highest number seen. */
  readonly packets: number
  readonly lost: number
  readonly outOfOrder: number
  /** Seconds. */
  readonly jitter: number
}

export const NOTHING: Counts = {
  bytes: 0,
  retransmits: undefined,
  cwnd: undefined,
  rtt: undefined,
  packets: 0,
  lost: 0,
  outOfOrder: 0,
  jitter: 0,
}

/** One direction of a test on one connection, or on one pair of UDP ports. */
export interface Stream {
  /** What the peer calls it. */
  readonly id: number
  /** What people see, from 1 on. */
  readonly number: number
  readonly isSender: boolean
  readonly local: string
  readonly localPort: number
  readonly remote: string
  readonly remotePort: number
  /** Begins to send, or to count what comes. Resolves when it has no more to do; rejects when its connection failed. */
  run(work: Work): Promise<void>
  counts(): Counts
  /** Whether everything that was sent has arrived, as far as a sender can know. */
  readonly isDelivered: boolean
  /** Sends and counts no more; what is on its way is still taken. */
  stop(): void
  /** Drops what is left. */
  close(): void
}

/** What all streams of a test have in common while it runs. */
export interface Work {
  /** Bytes to send again and again; nobody looks at them. */
  readonly block: Uint8Array
  /** Memory for what arrives; nobody looks at it. */
  readonly bin: Uint8Array
  /** Takes up to `count` bytes from what is left to be sent of the whole test; 0 when nothing is. */
  take(count: number): number
  /** Told of what arrived. */
  received(count: number): void
  /** Bits per second of each stream; 0 without a limit. */
  readonly bitrate: number
}
