/** What went wrong on a connection's path, counted. */
export interface Trouble {
  bytesRetransmitted: number
  retransmissions: number
  timeouts: number
  fastRecoveries: number
  /** Octets that we received twice. */
  duplicateBytes: number
  /** Reports of the peer that it did (RFC 2883). */
  duplicatesReported: number
  /** Recoveries that turned out to have been for nothing. */
  undone: number
  /** Segments that arrived before some that were sent earlier. */
  outOfOrder: number
}

/** That of all connections that never had any: it is only read. */
export const NO_TROUBLE: Readonly<Trouble> = {
  bytesRetransmitted: 0,
  retransmissions: 0,
  timeouts: 0,
  fastRecoveries: 0,
  duplicateBytes: 0,
  duplicatesReported: 0,
  undone: 0,
  outOfOrder: 0,
}

/** A connection's own, to count in. */
export function troubleOf(tcb: { trouble: Readonly<Trouble> }): Trouble {
  if (tcb.trouble === NO_TROUBLE) tcb.trouble = { ...NO_TROUBLE }
  return tcb.trouble
}
