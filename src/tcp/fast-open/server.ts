import type { Ipv4Addr } from '../../base/address.ts'
import type { Micros } from '../../base/types.ts'
import { TcpFlag } from '../../wire/tcp.ts'
import { receiveText } from '../receive/receive.ts'
import type { Segment, SegmentSender } from '../segment.ts'
import { type Tcb, UserEvent } from '../tcb.ts'
import { FastOpen, type TcpFastOpen } from './fast-open.ts'
import { cookieOf, type FastOpenCookie } from './keys.ts'
import type { FastOpenQueue } from './queue.ts'

/** A SYN for a listener. */
interface Syn {
  readonly seg: Segment
  readonly ends: { readonly local: Ipv4Addr; readonly remote: Ipv4Addr }
  readonly now: Micros
}

/**
 * RFC 7413 §4.2.2, server, on a SYN: with a valid cookie it opens a connection at once, which then counts in `queue`;
 * to a request and to any other cookie the SYN,ACK answers with a good one. Undefined: the SYN is like any other.
 */
export function judgeSyn(stack: TcpFastOpen, queue: FastOpenQueue, { seg, ends, now }: Syn): FastOpen | undefined {
  const cookie = cookieOf(seg)
  if (queue.limit === 0 || !stack.server || (cookie === undefined && seg.dataLength === 0)) return undefined
  if (cookie?.bytes.length === 0) stack.stats.cookieRequests++
  if (!queue.admits(now)) {
    stack.stats.overflows++
    return undefined
  }
  if (stack.serverWithoutCookie) return admitted(stack, queue, undefined)
  if (cookie === undefined) return undefined
  const keys = queue.keys ?? stack.keys
  const validity = keys.check(cookie.bytes, ends.remote, ends.local)
  if (validity === 'primary') return admitted(stack, queue, undefined)
  const answer = { bytes: keys.cookieFor(ends.remote, ends.local), isExperimental: cookie.isExperimental }
  if (validity === 'backup') {
    stack.stats.backupKey++
    return admitted(stack, queue, answer)
  }
  if (cookie.bytes.length > 0) stack.stats.passiveFailed++
  return new FastOpen(stack, answer)
}

function admitted(stack: TcpFastOpen, queue: FastOpenQueue, answer: FastOpenCookie | undefined): FastOpen {
  const fastOpen = new FastOpen(stack, answer)
  fastOpen.isOpen = true
  fastOpen.queue = queue
  queue.enter()
  stack.stats.passive++
  return fastOpen
}

/**
 * Makes the connection of an admitted SYN usable and takes the SYN's data, so that the SYN,ACK acknowledges it. A FIN on
 * the SYN is not taken: the peer sends it again.
 */
export function openBySyn(tcb: Tcb, { seg, now }: Syn, sender: SegmentSender): void {
  const { fastOpen } = tcb
  if (fastOpen?.isOpen !== true) return
  tcb.note(UserEvent.ESTABLISHED)
  if (seg.dataLength === 0) return
  fastOpen.synData = seg.dataLength
  fastOpen.isDataAcked = true
  seg.seq = tcb.rcv.nxt
  seg.flags &= ~(TcpFlag.SYN | TcpFlag.FIN)
  receiveText(tcb, seg, sender, now)
}
