import { formatIp } from '../base/address.ts'
import type { TcpState } from './fsm.ts'
import type { Tcb } from './tcb.ts'

/** A connection's state for people, in the words of `ss -ti`. Times are milliseconds, sizes bytes, cwnd segments. */
export interface TcpInfo {
  readonly state: TcpState
  readonly local: string
  readonly localPort: number
  readonly remote: string
  readonly remotePort: number
  /** The congestion control's name. */
  readonly congestion: string
  /** Shifts of the window scale, sending and receiving. */
  readonly wscale: readonly [number, number]
  readonly ts: boolean
  readonly sack: boolean
  /** Data of the SYN was acknowledged with it (RFC 7413). */
  readonly fastopen: boolean
  readonly rto: number
  readonly rtt: number
  readonly rttvar: number
  readonly minrtt: number
  readonly mss: number
  readonly pmtu: number
  readonly cwnd: number
  /** Segments; undefined before the first loss. */
  readonly ssthresh: number | undefined
  readonly bytes_sent: number
  readonly bytes_acked: number
  readonly bytes_received: number
  readonly bytes_retrans: number
  readonly segs_out: number
  readonly segs_in: number
  /** Segments in flight, and those thought lost. */
  readonly unacked: number
  readonly lost: number
  readonly retrans: number
  readonly timeouts: number
  readonly rcv_space: number
  readonly snd_wnd: number
  /** Bytes waiting: received and unread, written and unacknowledged, written and unsent. */
  readonly recv_q: number
  readonly send_q: number
  readonly notsent: number
}

export function infoOf(tcb: Tcb): TcpInfo {
  const { rtt, stats, congestion, board, mss } = tcb
  const ms = (micros: number): number => Math.round(micros) / 1000
  return {
    state: tcb.state,
    local: formatIp(tcb.local),
    localPort: tcb.localPort,
    remote: formatIp(tcb.remote),
    remotePort: tcb.remotePort,
    congestion: congestion.name,
    wscale: [tcb.sndScale, tcb.rcvScale],
    ts: tcb.timestamps,
    sack: tcb.sackPermitted,
    fastopen: tcb.fastOpen?.isDataAcked ?? false,
    rto: ms(rtt.rto),
    rtt: ms(rtt.srtt ?? 0),
    rttvar: ms(rtt.rttvar),
    minrtt: ms(rtt.minRtt),
    mss,
    pmtu: tcb.pathMtu,
    cwnd: Math.floor(congestion.cwnd / mss),
    ssthresh: Number.isFinite(congestion.ssthresh) ? Math.floor(congestion.ssthresh / mss) : undefined,
    bytes_sent: stats.bytesSent,
    bytes_acked: stats.bytesAcked,
    bytes_received: stats.bytesReceived,
    bytes_retrans: stats.bytesRetransmitted,
    segs_out: stats.segmentsOut,
    segs_in: stats.segmentsIn,
    unacked: Math.ceil(board.pipe / mss),
    lost: Math.ceil(board.lostBytes / mss),
    retrans: stats.retransmissions,
    timeouts: stats.timeouts,
    rcv_space: tcb.receiveLimit,
    snd_wnd: tcb.snd.wnd,
    recv_q: tcb.receiveRing.length,
    send_q: tcb.sendBuffer.length,
    notsent: tcb.unsent,
  }
}

/** One line in the manner of `ss -ti`. */
export function formatInfo(info: TcpInfo): string {
  const words = [info.congestion]
  if (info.ts) words.push('ts')
  if (info.sack) words.push('sack')
  if (info.fastopen) words.push('fastopen')
  words.push(`wscale:${info.wscale.join(',')}`, `rto:${info.rto}`, `rtt:${info.rtt}/${info.rttvar}`, `mss:${info.mss}`)
  words.push(`pmtu:${info.pmtu}`, `cwnd:${info.cwnd}`)
  if (info.ssthresh !== undefined) words.push(`ssthresh:${info.ssthresh}`)
  words.push(`bytes_sent:${info.bytes_sent}`)
  if (info.bytes_retrans > 0) words.push(`bytes_retrans:${info.bytes_retrans}`)
  words.push(`bytes_acked:${info.bytes_acked}`, `bytes_received:${info.bytes_received}`)
  words.push(`segs_out:${info.segs_out}`, `segs_in:${info.segs_in}`)
  if (info.unacked > 0) words.push(`unacked:${info.unacked}`)
  if (info.retrans > 0) words.push(`retrans:0/${info.retrans}`)
  if (info.lost > 0) words.push(`lost:${info.lost}`)
  words.push(`rcv_space:${info.rcv_space}`, `snd_wnd:${info.snd_wnd}`, `minrtt:${info.minrtt}`)
  return words.join(' ')
}
