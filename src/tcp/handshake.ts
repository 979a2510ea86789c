import type { Micros } from '../base/types.ts'
import { initialWindow } from './congestion/initial-window.ts'
import { startProbing } from './path/path-mtu.ts'
import { hearUserTimeout } from './patience.ts'
import type { Segment } from './segment.ts'
import { DEFAULT_MSS, type Tcb } from './tcb.ts'

/** RFC 6691 and good sense: an MSS below this would cost more than it carries. */
const MIN_MSS = 88

/** What the peer's SYN offers, taken where we offer it too. */
export function acceptSynOptions(tcb: Tcb, seg: Segment, now: Micros): void {
  const { options } = seg
  tcb.ecn?.agree(seg.flags, seg.codepoint)
  if (options.userTimeout >= 0) hearUserTimeout(tcb, options.userTimeout)
  // RFC 9293 MUST-15: no option means 536.
  tcb.peerMss = Math.max(MIN_MSS, options.mss === 0 ? DEFAULT_MSS : options.mss)
  tcb.sackPermitted &&= options.sackPermitted
  // RFC 7323 §2.2: scaling is on only when both SYNs carry the option.
  tcb.scaling = tcb.settings.windowScale && options.windowScale >= 0
  if (tcb.scaling) tcb.sndScale = options.windowScale
  else tcb.rcvScale = 0
  // RFC 7323 §3.2.
  tcb.timestamps &&= options.timestamps
  if (tcb.timestamps) {
    tcb.tsRecent = options.tsval | 0
    tcb.tsRecentAt = now
  }
  tcb.congestion.cwnd = initialWindow(tcb.mss, tcb.settings.initialWindow)
}

/** Our SYN has been acknowledged: what its loss, if it was lost, means for the data that follows. */
export function afterHandshake(tcb: Tcb, now: Micros): void {
  tcb.lastDataSent = now
  tcb.lastDataReceived = now
  startProbing(tcb)
  if (tcb.ecn?.isAgreed === false) tcb.ecn = undefined
  // What the ACK says of data that Fast Open sent ahead counts; that a SYN was lost is over.
  if (tcb.recovery === 'timeout') tcb.recovery = 'none'
  const { timeouts } = tcb.trouble
  if (timeouts > 0) tcb.rtt.synWasLost()
  // RFC 6928 §2: one loss may be an accident, more than one is the path.
  if (timeouts > 1) tcb.congestion.cwnd = tcb.mss
}
