/** The eleven states of RFC 9293 §3.3.2, spelled as the RFC spells them. */
export type TcpState =
  | 'CLOSED'
  | 'LISTEN'
  | 'SYN-SENT'
  | 'SYN-RECEIVED'
  | 'ESTABLISHED'
  | 'FIN-WAIT-1'
  | 'FIN-WAIT-2'
  | 'CLOSE-WAIT'
  | 'CLOSING'
  | 'LAST-ACK'
  | 'TIME-WAIT'

/** What moves a connection from one state to the next; also the cause a trace gives for the move. */
export type TcpEvent =
  | 'passive open'
  | 'active open'
  | 'close'
  | 'rcv SYN'
  | 'rcv SYN,ACK'
  | 'rcv ACK of SYN'
  | 'rcv FIN'
  | 'rcv ACK of FIN'
  | 'rcv RST'
  | 'abort'
  | 'timeout'
  | 'timeout 2MSL'

type Edges = Readonly<Partial<Record<TcpEvent, TcpState>>>

/** A reset, an abort and a timeout end every state that has a connection to end. */
const ENDS: Edges = { 'rcv RST': 'CLOSED', abort: 'CLOSED', timeout: 'CLOSED' }

/**
 * RFC 9293 Figure 5 as data. It checks and draws the machine; the behaviour is
 * the straight-line code of input.ts and user.ts.
 *
 * LISTEN never moves here: a listener makes a new connection for each SYN,
 * which starts in SYN-RECEIVED, and goes on listening. An edge
 * "FIN-WAIT-1, rcv FIN,ACK of FIN" is the two edges through FIN-WAIT-2 in one segment.
 */
export const TRANSITIONS: Readonly<Record<TcpState, Edges>> = {
  CLOSED: { 'passive open': 'LISTEN', 'active open': 'SYN-SENT', 'rcv SYN': 'SYN-RECEIVED' },
  LISTEN: { 'rcv SYN': 'SYN-RECEIVED', close: 'CLOSED' },
  // §3.10.4: a CLOSE in SYN-SENT or SYN-RECEIVED is queued until ESTABLISHED, so that what was written still goes.
  'SYN-SENT': { 'rcv SYN,ACK': 'ESTABLISHED', 'rcv SYN': 'SYN-RECEIVED', ...ENDS },
  // §3.10.7.4 fourth: another SYN sends a connection of a listener back to LISTEN, which here is its end.
  'SYN-RECEIVED': { 'rcv ACK of SYN': 'ESTABLISHED', 'rcv SYN': 'CLOSED', ...ENDS },
  ESTABLISHED: { close: 'FIN-WAIT-1', 'rcv FIN': 'CLOSE-WAIT', ...ENDS },
  'FIN-WAIT-1': { 'rcv ACK of FIN': 'FIN-WAIT-2', 'rcv FIN': 'CLOSING', ...ENDS },
  'FIN-WAIT-2': { 'rcv FIN': 'TIME-WAIT', ...ENDS },
  'CLOSE-WAIT': { close: 'LAST-ACK', ...ENDS },
  CLOSING: { 'rcv ACK of FIN': 'TIME-WAIT', ...ENDS },
  'LAST-ACK': { 'rcv ACK of FIN': 'CLOSED', ...ENDS },
  'TIME-WAIT': { 'timeout 2MSL': 'CLOSED', 'rcv RST': 'CLOSED', abort: 'CLOSED' },
}

/** The state after `event`, or undefined if the RFC draws no such edge. */
export const next = (state: TcpState, event: TcpEvent): TcpState | undefined => TRANSITIONS[state][event]

/** States in which both SYNs have been acknowledged. */
export const isSynchronized = (state: TcpState): boolean =>
  state !== 'CLOSED' && state !== 'LISTEN' && state !== 'SYN-SENT' && state !== 'SYN-RECEIVED'

/** The machine as a Mermaid drawing. What ends every state alike, a reset, an abort, a timeout, is left out. */
export function toMermaid(): string {
  const name = (state: string): string => state.replaceAll('-', '_')
  const lines = ['stateDiagram-v2']
  for (const state of Object.keys(TRANSITIONS)) if (name(state) !== state) lines.push(`  ${name(state)}: ${state}`)
  for (const [from, edges] of Object.entries(TRANSITIONS)) {
    for (const [event, to] of Object.entries(edges)) {
      if (!Object.hasOwn(ENDS, event)) lines.push(`  ${name(from)} --> ${name(to)}: ${event}`)
    }
  }
  return `${lines.join('\n')}\n`
}
