import type { Micros } from '../base/types.ts'
import type { TcpState } from '../tcp/fsm.ts'
import { infoOf, type TcpInfo } from '../tcp/info.ts'
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
export function tcpInfo(socket: KernelSocket, now: Micros): Map<string, number> {
  const { tcb } = socket
  if (tcb === undefined) return new Map([['tcpi_state', socket.listener === undefined ? STATES.CLOSED : STATES.LISTEN]])
  const info = infoOf(tcb, now)
  return new Map(
    Object.entries({ ...stateFields(tcb, info), ...counts(tcb, info), ...times(info), ...sizes(tcb, info) }),
  )
}

function stateFields(tcb: Tcb, info: TcpInfo): Record<string, number> {
  return {
    tcpi_state: STATES[tcb.state],
    tcpi_ca_state: congestionState(tcb),
    tcpi_retransmits: tcb.rtt.backoff,
    tcpi_probes: info.probes,
    tcpi_backoff: info.backoff,
    tcpi_options: options(tcb),
    tcpi_snd_wscale: tcb.sndScale,
    tcpi_rcv_wscale: tcb.rcvScale,
    tcpi_snd_cwnd: info.cwnd,
    tcpi_snd_ssthresh: info.ssthresh ?? NO_SSTHRESH,
    tcpi_reordering: tcb.rack.reordering,
    tcpi_reord_seen: tcb.rack.reorderings,
    tcpi_dsack_dups: tcb.trouble.duplicatesReported,
  }
}

function counts(tcb: Tcb, info: TcpInfo): Record<string, number> {
  return {
    tcpi_unacked: info.unacked,
    tcpi_sacked: info.sacked,
    tcpi_lost: info.lost,
    tcpi_retrans: info.retrans_out,
    tcpi_fackets: 0,
    tcpi_total_retrans: info.retrans,
    tcpi_total_rto: info.timeouts,
    tcpi_notsent_bytes: info.notsent,
    tcpi_bytes_acked: info.bytes_acked,
    tcpi_bytes_sent: info.bytes_sent + info.bytes_retrans,
    tcpi_bytes_retrans: info.bytes_retrans,
    tcpi_bytes_received: info.bytes_received,
    tcpi_segs_out: info.segs_out,
    tcpi_segs_in: info.segs_in,
    tcpi_delivered: tcb.stats.delivered,
    tcpi_rcv_ooopack: tcb.trouble.outOfOrder,
  }
}

const us = (ms: number): number => Math.round(1000 * ms)

function times(info: TcpInfo): Record<string, number> {
  return {
    tcpi_rto: us(info.rto),
    tcpi_rtt: us(info.rtt),
    tcpi_rttvar: us(info.rttvar),
    tcpi_min_rtt: us(info.minrtt),
    tcpi_last_data_sent: Math.floor(info.lastsnd),
    tcpi_last_data_recv: Math.floor(info.lastrcv),
    tcpi_last_ack_recv: Math.floor(info.lastack),
    tcpi_busy_time: us(info.busy),
    tcpi_rwnd_limited: us(info.rwnd_limited),
    tcpi_sndbuf_limited: us(info.sndbuf_limited),
  }
}

function sizes(tcb: Tcb, info: TcpInfo): Record<string, number> {
  return {
    tcpi_snd_mss: info.mss,
    tcpi_rcv_mss: info.rcvmss,
    tcpi_advmss: info.advmss,
    tcpi_pmtu: info.pmtu,
    tcpi_rcv_ssthresh: tcb.receiveLimit,
    tcpi_rcv_space: info.rcv_space,
    tcpi_snd_wnd: info.snd_wnd,
    tcpi_rcv_wnd: tcb.receiveWindow,
  }
}

function congestionState(tcb: Tcb): number {
  if (tcb.recovery === 'cwr') return CongestionState.CWR
  if (tcb.recovery === 'timeout') return CongestionState.LOSS
  if (tcb.recovery === 'fast') return CongestionState.RECOVERY
  return tcb.board.sackedBytes > 0 || tcb.dupAcks > 0 ? CongestionState.DISORDER : CongestionState.OPEN
}

function options(tcb: Tcb): number {
  let bits = 0
  if (tcb.timestamps) bits |= Option.TIMESTAMPS
  if (tcb.sackPermitted) bits |= Option.SACK
  if (tcb.scaling) bits |= Option.WSCALE
  if (tcb.ecn?.isOn) bits |= Option.ECN
  if (tcb.ecn?.seen) bits |= Option.ECN_SEEN
  if (tcb.fastOpen?.isDataAcked) bits |= Option.SYN_DATA
  if (tcb.fastOpen?.isOpen) bits |= Option.TFO_CHILD
  return bits
}
