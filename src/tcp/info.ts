import { formatIp } from '../base/address.ts'
import { seqDiff } from '../base/seq.ts'
import type { Micros } from '../base/types.ts'
import type { PathModel } from './congestion/control.ts'
import type { TcpState } from './fsm.ts'
import type { SentRange } from './recovery/sent-range.ts'
import { pacingRate } from './send/burst.ts'
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
  /** Both ends use explicit congestion notification, and a marked packet of the peer has been seen. */
  readonly ecn: boolean
  readonly ecnseen: boolean
  readonly rto: number
  /** How often the timer that runs has doubled since the last progress. */
  readonly backoff: number
  readonly rtt: number
  readonly rttvar: number
  readonly minrtt: number
  readonly mss: number
  /** The peer's segments as far as it has shown them, and what we told it that we take. */
  readonly rcvmss: number
  readonly advmss: number
  readonly pmtu: number
  readonly cwnd: number
  /** Segments; undefined before the first loss. */
  readonly ssthresh: number | undefined
  /** Bits per second; undefined where ACKs alone let out what follows. */
  readonly pacing_rate: number | undefined
  /** What BBR believes of the path: its bandwidth in bits per second, its shortest round trip, and the gains of now. */
  readonly bbr: BbrInfo | undefined
  readonly bytes_sent: number
  readonly bytes_acked: number
  readonly bytes_received: number
  readonly bytes_retrans: number
  readonly segs_out: number
  readonly segs_in: number
  /** Segments that are not acknowledged; of these, the ones that the peer says it holds, and those thought lost. */
  readonly unacked: number
  readonly sacked: number
  readonly lost: number
  /** Retransmissions in all, and those still on their way. */
  readonly retrans: number
  readonly retrans_out: number
  readonly timeouts: number
  /** Attempts without an answer: of a closed window, to keep the connection alive, or to get past the link's own queue. */
  readonly probes: number
  /** Since data was last sent and received, and an ACK received. */
  readonly lastsnd: number
  readonly lastrcv: number
  readonly lastack: number
  /** How long there was anything to send or unacknowledged; of this, how long the peer's window or the send buffer held back more. */
  readonly busy: number
  readonly rwnd_limited: number
  readonly sndbuf_limited: number
  readonly rcv_space: number
  readonly snd_wnd: number
  /** Bytes waiting: received and unread, written and unacknowledged, written and unsent. */
  readonly recv_q: number
  readonly send_q: number
  readonly notsent: number
}

export interface BbrInfo {
  readonly bw: number
  readonly mrtt: number
  readonly pacing_gain: number
  readonly cwnd_gain: number
}

/** Bits per second of octets per microsecond. */
const bitsPerSecond = (rate: number): number => Math.round(8e6 * rate)

const bbrOf = ({ bandwidth, minRtt, pacingGain, cwndGain }: PathModel): BbrInfo => ({
  bw: bitsPerSecond(bandwidth),
  mrtt: minRtt / 1000,
  pacing_gain: pacingGain,
  cwnd_gain: cwndGain,
})

export function infoOf(tcb: Tcb, now: Micros): TcpInfo {
  const { rtt, stats, trouble, congestion, mss } = tcb
  const pace = pacingRate(tcb)
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
    ecn: tcb.ecn?.isOn ?? false,
    ecnseen: tcb.ecn?.seen ?? false,
    rto: ms(rtt.rto),
    backoff: Math.max(rtt.backoff, tcb.persistBackoff),
    rtt: ms(rtt.srtt ?? 0),
    rttvar: ms(rtt.rttvar),
    minrtt: ms(rtt.minRtt),
    mss,
    rcvmss: tcb.ackPace.peerSegment,
    advmss: tcb.localMss - tcb.segmentOptions,
    pmtu: tcb.largestPacket,
    cwnd: Math.floor(tcb.window / mss),
    ssthresh: Number.isFinite(congestion.ssthresh) ? Math.floor(congestion.ssthresh / mss) : undefined,
    pacing_rate: pace === undefined ? undefined : bitsPerSecond(pace),
    bbr: congestion.path === undefined ? undefined : bbrOf(congestion.path),
    bytes_sent: stats.bytesSent,
    bytes_acked: stats.bytesAcked,
    bytes_received: stats.bytesReceived,
    bytes_retrans: trouble.bytesRetransmitted,
    segs_out: stats.segmentsOut,
    segs_in: stats.segmentsIn,
    ...flightOf(tcb),
    retrans: trouble.retransmissions,
    timeouts: trouble.timeouts,
    probes: Math.max(tcb.keepAliveProbes, tcb.persistBackoff, tcb.reoffers ?? 0),
    lastsnd: ms(now - tcb.lastDataSent),
    lastrcv: ms(now - tcb.lastDataReceived),
    lastack: ms(now - tcb.lastAckReceived),
    busy: ms(tcb.limits?.busy(now) ?? 0),
    rwnd_limited: ms(tcb.limits?.heldBack('receiver', now) ?? 0),
    sndbuf_limited: ms(tcb.limits?.heldBack('buffer', now) ?? 0),
    rcv_space: tcb.receiveLimit,
    snd_wnd: tcb.snd.wnd,
    recv_q: tcb.receiveRing.length,
    send_q: tcb.sendBuffer.length,
    notsent: tcb.unsent,
  }
}

/** What is outstanding, in segments; without SACK, duplicate ACKs stand for what the peer holds. */
function flightOf(tcb: Tcb): Pick<TcpInfo, 'unacked' | 'sacked' | 'lost' | 'retrans_out'> {
  const count = (isCounted: (range: SentRange) => boolean): number => {
    let segments = 0
    for (const range of tcb.board.ranges) {
      if (isCounted(range)) segments += Math.ceil(seqDiff(range.end, range.start) / tcb.mss)
    }
    return segments
  }
  return {
    unacked: count(() => true),
    sacked: tcb.sackPermitted ? count(({ sacked }) => sacked) : tcb.dupAcks,
    lost: count(({ lost }) => lost),
    retrans_out: count(({ transmissions, lost, resent, sacked }) => transmissions > 1 && !sacked && (!lost || resent)),
  }
}

/** One line in the manner of `ss -ti`. */
export function formatInfo(info: TcpInfo): string {
  const words = [info.congestion]
  if (info.ts) words.push('ts')
  if (info.sack) words.push('sack')
  if (info.ecn) words.push('ecn')
  if (info.ecnseen) words.push('ecnseen')
  if (info.fastopen) words.push('fastopen')
  words.push(`wscale:${info.wscale.join(',')}`, `rto:${info.rto}`)
  if (info.backoff > 0) words.push(`backoff:${info.backoff}`)
  words.push(`rtt:${info.rtt}/${info.rttvar}`, `mss:${info.mss}`, `pmtu:${info.pmtu}`)
  words.push(`rcvmss:${info.rcvmss}`, `advmss:${info.advmss}`, `cwnd:${info.cwnd}`)
  if (info.ssthresh !== undefined) words.push(`ssthresh:${info.ssthresh}`)
  words.push(`bytes_sent:${info.bytes_sent}`)
  if (info.bytes_retrans > 0) words.push(`bytes_retrans:${info.bytes_retrans}`)
  words.push(`bytes_acked:${info.bytes_acked}`, `bytes_received:${info.bytes_received}`)
  words.push(`segs_out:${info.segs_out}`, `segs_in:${info.segs_in}`)
  if (info.bbr !== undefined) {
    const { bw, mrtt, pacing_gain, cwnd_gain } = info.bbr
    words.push(`bbr:(bw:${bw}bps,mrtt:${mrtt},pacing_gain:${pacing_gain},cwnd_gain:${cwnd_gain})`)
  }
  words.push(`lastsnd:${info.lastsnd}`, `lastrcv:${info.lastrcv}`, `lastack:${info.lastack}`)
  if (info.pacing_rate !== undefined) words.push(`pacing_rate ${info.pacing_rate}bps`)
  if (info.busy > 0) words.push(`busy:${info.busy}`)
  for (const limit of ['rwnd_limited', 'sndbuf_limited'] as const) {
    if (info[limit] > 0) words.push(`${limit}:${info[limit]}(${((100 * info[limit]) / info.busy).toFixed(1)}%)`)
  }
  if (info.unacked > 0) words.push(`unacked:${info.unacked}`)
  if (info.retrans > 0) words.push(`retrans:${info.retrans_out}/${info.retrans}`)
  if (info.lost > 0) words.push(`lost:${info.lost}`)
  if (info.sacked > 0) words.push(`sacked:${info.sacked}`)
  words.push(`rcv_space:${info.rcv_space}`)
  if (info.notsent > 0) words.push(`notsent:${info.notsent}`)
  words.push(`snd_wnd:${info.snd_wnd}`, `minrtt:${info.minrtt}`)
  return words.join(' ')
}
