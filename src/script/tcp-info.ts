import { seqDiff } from '../base/seq.ts'
import type { TcpState } from '../tcp/fsm.ts'
import type { SentRange } from '../tcp/scoreboard.ts'
import type { Tcb } from '../tcp/tcb.ts'
import type { KernelSocket } from './socket.ts'

/** Linux's numbers for the states (include/net/tcp_states.h). */
const STATES: Readonly<Record<TcpState, number>> = {
  ESTABLISHED: 1,
  'SYN-SENT': 2,
  'SYN-RECEIVED': 3,
  'FIN-WAIT-1': 4,
  'FIN-WAIT-2': 5,
  'TIME-WAIT': 6,
  CLOSED: 7,
  'CLOSE-WAIT': 8,
  'LAST-ACK': 9,
  LISTEN: 10,
  CLOSING: 11,
}

const CongestionState = { OPEN: 0, DISORDER: 1, CWR: 2, RECOVERY: 3, LOSS: 4 } as const
const Option = {
  TIMESTAMPS: 1,
  SACK: 2,
  WSCALE: 4,
  ECN: 8,
  ECN_SEEN: 16,
  SYN_DATA: 32,
  USEC_TS: 64,
  TFO_CHILD: 128,
} as const
/** TCP_INFINITE_SSTHRESH. */
const NO_SSTHRESH = 0x7fff_ffff

/** The constants that expressions may name besides the fields. */
export const TCP_INFO_CONSTANTS: ReadonlyMap<string, number> = new Map([
  ['TCP_ESTABLISHED', STATES.ESTABLISHED],
  ['TCP_SYN_SENT', STATES['SYN-SENT']],
  ['TCP_SYN_RECV', STATES['SYN-RECEIVED']],
  ['TCP_FIN_WAIT1', STATES['FIN-WAIT-1']],
  ['TCP_FIN_WAIT2', STATES['FIN-WAIT-2']],
  ['TCP_TIME_WAIT', STATES['TIME-WAIT']],
  ['TCP_CLOSE', STATES.CLOSED],
  ['TCP_CLOSE_WAIT', STATES['CLOSE-WAIT']],
  ['TCP_LAST_ACK', STATES['LAST-ACK']],
  ['TCP_LISTEN', STATES.LISTEN],
  ['TCP_CLOSING', STATES.CLOSING],
  ['TCP_CA_Open', CongestionState.OPEN],
  ['TCP_CA_Disorder', CongestionState.DISORDER],
  ['TCP_CA_CWR', CongestionState.CWR],
  ['TCP_CA_Recovery', CongestionState.RECOVERY],
  ['TCP_CA_Loss', CongestionState.LOSS],
  ['TCPI_OPT_TIMESTAMPS', Option.TIMESTAMPS],
  ['TCPI_OPT_SACK', Option.SACK],
  ['TCPI_OPT_WSCALE', Option.WSCALE],
  ['TCPI_OPT_ECN', Option.ECN],
  ['TCPI_OPT_ECN_SEEN', Option.ECN_SEEN],
  ['TCPI_OPT_SYN_DATA', Option.SYN_DATA],
  ['TCPI_OPT_USEC_TS', Option.USEC_TS],
  ['TCPI_OPT_TFO_CHILD', Option.TFO_CHILD],
])

/** The fields of Linux's struct tcp_info (include/uapi/linux/tcp.h) for a socket, by name. */
export function tcpInfo(socket: KernelSocket, now: number): Map<string, number> {
  const { tcb } = socket
  if (tcb === undefined) return new Map([['tcpi_state', socket.listener === undefined ? STATES.CLOSED : STATES.LISTEN]])
  return new Map(Object.entries({ ...stateFields(tcb), ...flightFields(tcb), ...timeFields(tcb, now), ...sizes(tcb) }))
}

function stateFields(tcb: Tcb): Record<string, number> {
  const { congestion, mss } = tcb
  return {
    tcpi_state: STATES[tcb.state],
    tcpi_ca_state: congestionState(tcb),
    tcpi_retransmits: tcb.rtt.backoff,
    tcpi_probes: Math.max(tcb.keepAliveProbes, tcb.persistBackoff),
    tcpi_backoff: tcb.persistBackoff,
    tcpi_options: options(tcb),
    tcpi_snd_wscale: tcb.sndScale,
    tcpi_rcv_wscale: tcb.rcvScale,
    tcpi_snd_cwnd: Math.floor(congestion.cwnd / mss),
    tcpi_snd_ssthresh: Number.isFinite(congestion.ssthresh) ? Math.floor(congestion.ssthresh / mss) : NO_SSTHRESH,
  }
}

function flightFields(tcb: Tcb): Record<string, number> {
  const count = (wanted: (range: SentRange) => boolean): number =>
    tcb.board.ranges.reduce((sum, range) => sum + (wanted(range) ? segmentsOf(range, tcb.mss) : 0), 0)
  return {
    tcpi_unacked: count(() => true),
    tcpi_sacked: tcb.sackPermitted ? count((range) => range.sacked) : tcb.dupAcks,
    tcpi_lost: count((range) => range.lost),
    tcpi_retrans: count((range) => range.transmissions > 1 && !range.lost && !range.sacked),
    tcpi_fackets: 0,
    tcpi_total_retrans: tcb.stats.retransmissions,
    tcpi_notsent_bytes: tcb.unsent,
    tcpi_bytes_acked: tcb.stats.bytesAcked,
    tcpi_bytes_sent: tcb.stats.bytesSent + tcb.stats.bytesRetransmitted,
    tcpi_bytes_retrans: tcb.stats.bytesRetransmitted,
    tcpi_bytes_received: tcb.stats.bytesReceived,
    tcpi_segs_out: tcb.stats.segmentsOut,
    tcpi_segs_in: tcb.stats.segmentsIn,
    tcpi_delivered: Math.ceil(tcb.board.delivered / tcb.mss),
  }
}

function timeFields(tcb: Tcb, now: number): Record<string, number> {
  const { rtt } = tcb
  return {
    tcpi_rto: Math.round(rtt.rto),
    tcpi_ato: tcb.settings.delayedAck,
    tcpi_rtt: Math.round(rtt.srtt ?? 0),
    tcpi_rttvar: Math.round(rtt.rttvar),
    tcpi_min_rtt: Math.round(rtt.minRtt),
    tcpi_last_data_sent: Math.floor((now - tcb.lastDataSent) / 1000),
    tcpi_last_ack_recv: Math.floor((now - tcb.lastReceived) / 1000),
  }
}

function sizes(tcb: Tcb): Record<string, number> {
  return {
    tcpi_snd_mss: tcb.mss,
    tcpi_rcv_mss: tcb.ackPace.peerSegment,
    tcpi_advmss: tcb.timestamps ? tcb.localMss - 12 : tcb.localMss,
    tcpi_pmtu: tcb.pathMtu,
    tcpi_rcv_ssthresh: tcb.receiveLimit,
    tcpi_rcv_space: tcb.receiveLimit,
    tcpi_snd_wnd: tcb.snd.wnd,
    tcpi_rcv_wnd: tcb.receiveWindow,
    tcpi_reordering: 3,
  }
}

/** Segments that a range of sequence space stands for. */
const segmentsOf = (range: SentRange, mss: number): number => Math.ceil(seqDiff(range.end, range.start) / mss)

function congestionState(tcb: Tcb): number {
  if (tcb.recovery === 'timeout') return CongestionState.LOSS
  if (tcb.recovery === 'fast') return CongestionState.RECOVERY
  return tcb.board.sackedBytes > 0 || tcb.dupAcks > 0 ? CongestionState.DISORDER : CongestionState.OPEN
}

function options(tcb: Tcb): number {
  let bits = 0
  if (tcb.timestamps) bits |= Option.TIMESTAMPS
  if (tcb.sackPermitted) bits |= Option.SACK
  if (tcb.scaling) bits |= Option.WSCALE
  if (tcb.fastOpen?.isDataAcked) bits |= Option.SYN_DATA
  if (tcb.fastOpen?.isOpen) bits |= Option.TFO_CHILD
  return bits
}
