import { seqAdd, seqDiff } from '../../base/seq.ts'
import type { Micros } from '../../base/types.ts'
import type { Tcb } from '../tcb.ts'
import { type SendLimit, SendLimits } from './send-limits.ts'

/** After all was sent that could be: what does the rest wait for? `sent` says that new data has just gone out. */
export function judgeLimit(tcb: Tcb, sent: boolean, now: Micros): void {
  const limit = limitOf(tcb, sent)
  if (tcb.limits !== undefined) tcb.limits.become(limit, now)
  else if (limit !== 'idle') tcb.limits = new SendLimits(limit, now)
}

function limitOf(tcb: Tcb, sent: boolean): SendLimit {
  const { unsent, mss } = tcb
  if (tcb.sendBuffer.length === 0 || !tcb.synAcked) return 'idle'
  const isBlocked = tcb.writeBlocked && unsent === 0
  // Once it is the buffer, it stays so until the user may write again.
  if (isBlocked && (tcb.limits?.state === 'buffer' || (sent && tcb.allowance >= mss))) return 'buffer'
  const next = Math.min(mss, unsent)
  const offered = seqDiff(seqAdd(tcb.snd.una, tcb.snd.wnd), tcb.snd.nxt)
  return unsent > 0 && offered < next && tcb.allowance >= next ? 'receiver' : 'busy'
}
