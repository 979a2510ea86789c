import { seqGe, seqGt } from '../base/seq.ts'
import { type Micros, NEVER } from '../base/types.ts'
import { burst } from './burst.ts'
import { AckSample } from './congestion/control.ts'
import { probeWasLost } from './path-mtu.ts'
import { DUP_THRESH } from './rack.ts'
import { forgetProbe } from './tail-timer.ts'
import type { Tcb } from './tcb.ts'
import { Timer } from './timers.ts'

/** What one ACK brought. */
export interface AckNews {
  /** New octets below SND.UNA. */
  readonly acked: number
  /** It acknowledged nothing new and may mean that a segment arrived out of order (RFC 5681 §2). */
  readonly isDuplicate: boolean
  /** Octets newly known to have left the network: acknowledged or sacked. */
  readonly delivered: number
  /** FlightSize before the ACK. */
  readonly flight: number
  /** The round trip it measured; -1 for none. */
  readonly rtt: Micros
}

/** After SND.UNA and the scoreboard have moved: finds losses, moves the recovery state, grows or cuts the window. */
export function afterAck(tcb: Tcb, news: AckNews, now: Micros): void {
  if (tcb.sackPermitted) detectByTime(tcb, now)
  else detectByDuplicates(tcb, news)
  if (tcb.recovery !== 'none' && seqGe(tcb.snd.una, tcb.recoveryPoint)) leave(tcb)
  if (tcb.recovery === 'none' && tcb.board.lostBytes > 0) reactToLoss(tcb, news.flight)
  tellCongestion(tcb, news, now)
  if (tcb.recovery === 'fast') tcb.prr.onAck(news.delivered, tcb.board.pipe, tcb.congestion.ssthresh, tcb.mss)
}

/** RFC 8985 §6.2, on an ACK or when the reordering timer expires. */
function detectByTime(tcb: Tcb, now: Micros): void {
  // Without holes and without retransmissions nothing that is left was sent before what arrived.
  if (tcb.recovery === 'none' && tcb.board.sackedBytes === 0) {
    tcb.deadlines.stop(Timer.REORDER)
    return
  }
  const at = tcb.rack.detect(tcb.board, tcb.rtt.minRtt, tcb.recovery !== 'none', tcb.mss, now)
  if (at === NEVER) tcb.deadlines.stop(Timer.REORDER)
  else tcb.deadlines.arm(Timer.REORDER, at)
}

/** The reordering timer expired. */
export function onReorderTimer(tcb: Tcb, now: Micros): void {
  detectByTime(tcb, now)
  if (tcb.recovery === 'none' && tcb.board.lostBytes > 0) reactToLoss(tcb, tcb.flightSize)
}

/** RFC 5681 §3.2 and RFC 6582 §3.2, for a peer without SACK. */
function detectByDuplicates(tcb: Tcb, news: AckNews): void {
  if (news.acked > 0) {
    if (tcb.recovery === 'fast' && seqGt(tcb.recoveryPoint, tcb.snd.una)) {
      // RFC 6582 §3.2 step 3, a partial acknowledgment: the next segment is lost as well.
      tcb.dupAcks = Math.max(0, tcb.dupAcks - Math.ceil(news.acked / tcb.mss))
      tcb.board.markFirstLost(tcb.mss)
      tcb.mustRetransmit = true
    } else tcb.dupAcks = 0
  } else if (news.isDuplicate) {
    tcb.dupAcks++
    // RFC 6582 §3.2 step 2: duplicates of what an earlier recovery retransmitted begin no other.
    const isNews = seqGt(tcb.snd.una, tcb.recoveryPoint)
    if (tcb.dupAcks === DUP_THRESH && tcb.recovery === 'none' && isNews) tcb.board.markFirstLost(tcb.mss)
  }
}

function reactToLoss(tcb: Tcb, flight: number): void {
  if (!probeWasLost(tcb)) enterFast(tcb, flight)
}

function enterFast(tcb: Tcb, flight: number): void {
  forgetProbe(tcb)
  tcb.recovery = 'fast'
  tcb.recoveryPoint = tcb.snd.nxt
  tcb.mustRetransmit = true
  tcb.stats.fastRecoveries++
  tcb.prr.begin(flight)
  // RFC 3168 §6.1.2: the window answers once for each round trip, to marks and losses together.
  if (!tcb.ecn.isReducing(tcb.snd.una)) tcb.congestion.onCongestion(flight, tcb.mss)
  tcb.ecn.reduced(tcb.snd.nxt)
}

/** RFC 3168 §6.1.2: the peer saw a mark on our packets; the window answers as to a loss. */
export function reduceForMark(tcb: Tcb, flight: number): void {
  tcb.congestion.onCongestion(flight, tcb.mss)
  tcb.ecn.reduced(tcb.snd.nxt)
}

function leave(tcb: Tcb): void {
  if (tcb.recovery === 'fast') tcb.congestion.onRecovered(tcb.pipe, tcb.mss)
  tcb.recovery = 'none'
  tcb.dupAcks = 0
  tcb.mustRetransmit = false
}

/** RFC 6298 §5.4 to 5.6 with RFC 5681 §3.1 and RFC 6675 §5.1: the retransmission timer has expired. */
export function afterTimeout(tcb: Tcb): void {
  const first = tcb.board.ranges[0]
  if (first?.sacked) tcb.board.forgetSacks()
  tcb.board.markAllLost()
  if (tcb.synAcked) tcb.congestion.onTimeout(tcb.flightSize, tcb.mss, tcb.rtt.backoff === 0)
  tcb.ecn.reduced(tcb.snd.nxt)
  forgetProbe(tcb)
  tcb.recovery = 'timeout'
  tcb.recoveryPoint = tcb.snd.nxt
  tcb.dupAcks = 0
  tcb.mustRetransmit = true
  tcb.rtt.backOff()
  tcb.stats.timeouts++
}

const sample = new AckSample()

/** Tells the congestion controller what an ACK brought, and whether its window may grow by it. */
function tellCongestion(tcb: Tcb, news: AckNews, now: Micros): void {
  const { snd, congestion } = tcb
  sample.now = now
  sample.acked = news.acked
  sample.delivered = news.delivered
  sample.rtt = news.rtt
  sample.minRtt = tcb.rtt.minRtt
  sample.mss = tcb.mss
  sample.srtt = tcb.rtt.srtt ?? 0
  sample.inFlight = tcb.pipe
  sample.cwnd = congestion.cwnd
  sample.isCwndLimited = tcb.windowUse.isLimited
  sample.quantum = burst(tcb)
  tcb.rate.fill(sample, tcb.board)
  sample.una = snd.una
  sample.nxt = snd.nxt
  sample.mayGrow =
    news.acked > 0 &&
    tcb.recovery !== 'fast' &&
    !tcb.ecn.isReducing(snd.una) &&
    (tcb.recovery === 'timeout' || tcb.windowUse.isFull(congestion.cwnd, congestion.ssthresh))
  congestion.onAck(sample)
}
