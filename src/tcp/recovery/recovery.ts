import { seqGe, seqGt } from '../../base/seq.ts'
import { type Micros, NEVER } from '../../base/types.ts'
import { AckSample } from '../congestion/control.ts'
import { probeWasLost } from '../path/path-mtu.ts'
import { burst } from '../send/burst.ts'
import type { Tcb } from '../tcb.ts'
import { Timer } from '../timers.ts'
import { troubleOf } from '../trouble.ts'
import type { AckNews } from './ack-news.ts'
import { ProportionalRateReduction } from './prr.ts'
import { DUP_THRESH } from './rack.ts'
import { SpuriousTimeout } from './spurious-timeout.ts'
import { forgetProbe } from './tail-timer.ts'
import { Undo } from './undo.ts'

/** After SND.UNA and the scoreboard have moved: finds losses, moves the recovery state, grows or cuts the window. */
export function afterAck(tcb: Tcb, news: AckNews, now: Micros): void {
  heedDuplicate(tcb, news)
  if (!tcb.sackPermitted) countDuplicates(tcb, news)
  if (tcb.recovery !== 'none') progress(tcb, news)
  if (tcb.undo?.isNeedless) takeBack(tcb)
  if (tcb.sackPermitted) tcb.rack.noteReordering(tcb.mss)
  detect(tcb, now)
  if (isOpen(tcb) && tcb.board.waitingBytes > 0) reactToLoss(tcb, news.flight)
  tellCongestion(tcb, news, now)
  if (tcb.recovery === 'fast') forgetProbe(tcb)
  if (tcb.recovery === 'fast' || tcb.recovery === 'cwr') {
    // After a mark nothing was lost, and nothing has to be made up for.
    const isGood = tcb.recovery === 'fast' && news.acked > 0 && tcb.board.foundLost === news.foundLost
    tcb.prr?.onAck(news.delivered, tcb.pipe, tcb.congestion.ssthresh, tcb.mss, isGood)
  }
}

/** Nothing is being recovered. */
const isOpen = (tcb: Tcb): boolean => tcb.recovery === 'none' || tcb.recovery === 'cwr'

/** RFC 2883 §5, RFC 8985 §6.2 step 4: the peer received something twice. */
function heedDuplicate(tcb: Tcb, news: AckNews): void {
  if (news.duplicate === 0) return
  troubleOf(tcb).duplicatesReported++
  tcb.rack.onDuplicate(tcb.snd.una, tcb.snd.nxt)
  tcb.undo?.duplicated(news.duplicateEnd, news.duplicate)
}

/**
 * RFC 5681 §3.2 and RFC 6582 §3.2, for a peer without SACK: each duplicate stands for a segment that has left the network.
 * In SACK's terms: it was delivered, and is not delivered again with the ACK that names it.
 */
function countDuplicates(tcb: Tcb, news: AckNews): void {
  if (news.acked > 0) {
    news.delivered = Math.max(tcb.mss, news.delivered - tcb.dupAcks * tcb.mss)
    // One of the segments was missing, the others had told of themselves.
    tcb.dupAcks = Math.max(0, tcb.dupAcks - Math.max(0, Math.ceil(news.acked / tcb.mss) - 1))
    if (isOpen(tcb)) tcb.dupAcks = 0
  } else if (news.isDuplicate && tcb.board.pipe > tcb.dupAcks * tcb.mss) {
    tcb.dupAcks++
    news.delivered += tcb.mss
  }
}

/** An ACK arrives while something is being recovered, or the window reduced. */
function progress(tcb: Tcb, news: AckNews): void {
  if (seqGe(tcb.snd.una, tcb.recoveryPoint)) {
    leave(tcb, news)
    return
  }
  if (news.acked === 0 && tcb.recovery !== 'timeout') return
  const isEarly = news.acked > 0 && wasNeedless(tcb, news)
  if (tcb.recovery === 'timeout') {
    if (isEarly || isSpurious(tcb, news)) takeBack(tcb)
  } else if (isEarly && tcb.recovery === 'fast' && tcb.board.resentBytes === 0) takeBack(tcb)
}

/** RFC 5682 §3.1: whether the timeout came too early. */
function isSpurious(tcb: Tcb, news: AckNews): boolean {
  const { snd } = tcb
  const hasNewData = tcb.unsent > 0 && snd.wnd > tcb.flightSize
  const verdict = tcb.spuriousTimeout?.judge(news, snd, tcb.recoveryPoint, hasNewData)
  if (verdict === 'ask') tcb.recoveryPoint = snd.nxt
  return verdict === 'spurious'
}

/** RFC 3522 §3.2: an ACK of new data answers what was sent before anything was sent again. */
function wasNeedless(tcb: Tcb, news: AckNews): boolean {
  if (tcb.undo === undefined) return false
  const { repeatedAt } = tcb.undo
  return repeatedAt < 0 ? tcb.sackPermitted : news.answersBefore(repeatedAt)
}

/** Nothing was lost: what was thought so is in flight, and the window is what it was before (RFC 4015 §3). */
function takeBack(tcb: Tcb): void {
  const { undo } = tcb
  if (tcb.recovery === 'fast' && tcb.sackPermitted && undo !== undefined) tcb.rack.overtaken(undo.marker, tcb.mss)
  tcb.undo = undefined
  tcb.board.unmarkLost()
  tcb.congestion.onUndo()
  troubleOf(tcb).undone++
  if (tcb.recovery !== 'cwr') tcb.recovery = 'none'
}

function leave(tcb: Tcb, news: AckNews): void {
  const { recovery } = tcb
  if (recovery !== 'cwr') {
    if (wasNeedless(tcb, news)) takeBack(tcb)
    else if (recovery === 'fast' || tcb.congestion.ownsRecovery) tcb.congestion.onRecovered(tcb.pipe, tcb.mss)
    tcb.rack.onRecovered()
  }
  tcb.recovery = 'none'
  tcb.dupAcks = 0
}

/** Marks what is lost: by time of sending where the peer tells what it holds, else by counting duplicates. */
function detect(tcb: Tcb, now: Micros): void {
  if (tcb.sackPermitted) detectByTime(tcb, now)
  else if (tcb.recovery === 'fast') repairHole(tcb)
  // RFC 6582 §3.2 step 2: duplicates of what an earlier recovery retransmitted begin no other.
  else if (isOpen(tcb) && tcb.dupAcks >= DUP_THRESH && seqGt(tcb.snd.una, tcb.recoveryPoint)) repairHole(tcb)
}

/** RFC 6582 §3.2 step 3: without SACK only the first segment is known to be missing. */
function repairHole(tcb: Tcb): void {
  const first = tcb.board.first
  if (first !== undefined && !first.lost) tcb.board.markFirstLost(tcb.mss)
}

/** RFC 8985 §6.2, on an ACK or when the reordering timer expires. */
function detectByTime(tcb: Tcb, now: Micros): void {
  // Without holes and without retransmissions nothing that is left was sent before what arrived.
  if (isOpen(tcb) && tcb.board.sackedBytes === 0) {
    tcb.deadlines.stop(Timer.REORDER)
    return
  }
  if (!tcb.settings.rack) {
    tcb.board.markHolesLost(tcb.rack.reordering, tcb.mss)
    return
  }
  const at = tcb.rack.detect(tcb.board, reorderingWindow(tcb), now)
  if (at === NEVER) tcb.deadlines.stop(Timer.REORDER)
  else tcb.deadlines.arm(Timer.REORDER, at)
}

const reorderingWindow = (tcb: Tcb): number => tcb.rack.window(tcb.rtt, tcb.board.sackedBytes / tcb.mss, !isOpen(tcb))

/** The reordering timer expired. */
export function onReorderTimer(tcb: Tcb, now: Micros): void {
  detectByTime(tcb, now)
  if (!isOpen(tcb) || tcb.board.waitingBytes === 0) return
  reactToLoss(tcb, tcb.flightSize)
  tcb.prr?.onAck(tcb.mss, tcb.pipe, tcb.congestion.ssthresh, tcb.mss, false)
}

function reactToLoss(tcb: Tcb, flight: number): void {
  if (!probeWasLost(tcb)) enterFast(tcb, flight)
}

function enterFast(tcb: Tcb, flight: number): void {
  forgetProbe(tcb)
  // RFC 3168 §6.1.2: the window answers once for each round trip, to marks and losses together.
  const isAnswered = tcb.recovery === 'cwr' || tcb.ecn?.isReducing(tcb.snd.una)
  if (!isAnswered) tcb.congestion.onCongestion(flight, tcb.mss)
  if (tcb.recovery !== 'cwr') beginReduction(tcb, flight)
  tcb.recovery = 'fast'
  tcb.recoveryPoint = tcb.snd.nxt
  // What the window answered before was no mistake, even if this loss is none.
  tcb.undo = isAnswered ? undefined : new Undo(tcb.snd.una)
  troubleOf(tcb).fastRecoveries++
}

/** RFC 3168 §6.1.2: the peer saw a mark on our packets; the window answers as to a loss. */
export function reduceForMark(tcb: Tcb, flight: number): void {
  if (!tcb.ecn?.isReducing(tcb.snd.una)) tcb.congestion.onMark(flight, tcb.mss)
  beginReduction(tcb, flight)
  tcb.undo = undefined
  tcb.recovery = 'cwr'
  tcb.recoveryPoint = tcb.snd.nxt
}

function beginReduction(tcb: Tcb, flight: number): void {
  tcb.ecn?.reduced(tcb.snd.nxt)
  tcb.prr = new ProportionalRateReduction(flight)
}

/** RFC 6298 §5.4 to 5.6 with RFC 5681 §3.1 and RFC 6675 §5.1: the retransmission timer has expired. */
export function afterTimeout(tcb: Tcb, now: Micros): void {
  const { board } = tcb
  const isRepeated = tcb.rtt.backoff > 0
  if (board.first?.sacked) board.forgetSacks()
  // RFC 5682 §2.1 step 1: a loss that is being recovered from is no mistake of the timer; nor is a SYN's ever judged.
  const mayBeSpurious = tcb.settings.frto && tcb.synAcked && (isOpen(tcb) || isRepeated)
  tcb.spuriousTimeout = mayBeSpurious ? new SpuriousTimeout() : undefined
  if (tcb.synAcked && (!isRepeated || tcb.recovery !== 'timeout')) tcb.undo = new Undo(tcb.snd.una)
  if (tcb.sackPermitted && tcb.settings.rack && tcb.synAcked) tcb.rack.markTimedOut(board, reorderingWindow(tcb), now)
  else board.markAllLost()
  if (tcb.synAcked) {
    tcb.congestion.onTimeout(tcb.flightSize, tcb.mss, !isRepeated)
    // What is left in flight is no reason to be silent.
    tcb.congestion.cwnd = Math.max(tcb.congestion.cwnd, board.pipe + tcb.mss)
  }
  tcb.ecn?.reduced(tcb.snd.nxt)
  forgetProbe(tcb)
  tcb.recovery = 'timeout'
  tcb.recoveryPoint = tcb.snd.nxt
  tcb.dupAcks = 0
  tcb.rtt.backOff()
  troubleOf(tcb).timeouts++
}

/** Where segments overtake each other more than usual, what arrives early is progress as well. */
const isProgress = (tcb: Tcb, news: AckNews): boolean =>
  news.acked > 0 || (news.hasSacked && tcb.rack.reordering > tcb.settings.reordering)

const sample = new AckSample()

/** Tells the congestion controller what an ACK brought, and whether its window may grow by it. */
function tellCongestion(tcb: Tcb, news: AckNews, now: Micros): void {
  const { snd, congestion } = tcb
  sample.now = now
  // What was sacked before has counted already.
  sample.acked = isProgress(tcb, news) ? news.delivered : 0
  sample.delivered = news.delivered
  sample.rtt = news.rtt
  sample.minRtt = tcb.rtt.minRtt
  sample.mss = tcb.mss
  sample.srtt = tcb.rtt.srtt ?? 0
  sample.inFlight = tcb.pipe
  sample.cwnd = congestion.cwnd
  sample.isCwndLimited = tcb.windowUse?.isLimited ?? false
  sample.quantum = burst(tcb)
  tcb.rate?.fill(sample, tcb.board)
  sample.una = snd.una
  sample.nxt = snd.nxt
  sample.mayGrow =
    isProgress(tcb, news) &&
    (tcb.recovery === 'timeout' ||
      (tcb.recovery === 'none' &&
        !tcb.ecn?.isReducing(snd.una) &&
        tcb.windowUse?.isFull(congestion.cwnd, congestion.ssthresh) === true))
  congestion.onAck(sample)
  if (congestion.holdsBack) tcb.rate?.limitedBySender(tcb.board)
}
