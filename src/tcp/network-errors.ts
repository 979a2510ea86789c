import { type Seq, seqGe, seqLt } from '../base/seq.ts'
import type { Micros } from '../base/types.ts'
import type { IpOutput } from '../ip/output.ts'
import type { IcmpError } from '../ip/transport.ts'
import { IcmpCode } from '../wire/icmp.ts'
import { end, fail } from './ending.ts'
import { onPacketTooBig } from './path/path-mtu.ts'
import type { Tcb } from './tcb.ts'

/** A SYN goes through this many rounds of neighbour resolution, 45 seconds in all, before its host is called absent. */
const UNRESOLVED_ROUNDS = 5

/** Takes news of trouble on the way of a connection's segments. False when the quote cannot be genuine (RFC 5927 §4.1). */
export function onNetworkError(tcb: Tcb, error: IcmpError, ip: IpOutput, now: Micros): boolean {
  const quoted = (error.seq | 0) as Seq
  if (!error.local && !(seqGe(quoted, tcb.snd.una) && seqLt(quoted, tcb.snd.nxt))) return false
  if (error.kind === 'unreachable' && error.code === IcmpCode.FRAGMENTATION_NEEDED) onPacketTooBig(tcb, error, ip, now)
  else if (isUnwatched(tcb) && !error.local) forsake(tcb, error)
  else if (tcb.state !== 'SYN-SENT') tcb.softError = error.errorCode
  else if (error.local && ++tcb.unresolved < UNRESOLVED_ROUNDS) {
    // On a lossy link the questions for the neighbour are lost as well: the SYN asks again at once.
    tcb.softError = error.errorCode
    tcb.board.markAllLost()
  } else {
    // RFC 5461 §4: before the handshake is complete, an unreachable network is worth telling at once.
    fail(tcb, 'abort', error.errorCode, 'the network reports that the peer cannot be reached')
  }
  return true
}

/** A connection of a listener that is not confirmed, and that nobody has accepted. */
const isUnwatched = (tcb: Tcb): boolean => tcb.state === 'SYN-RECEIVED' && tcb.passive && tcb.user === undefined

/** RFC 5461 §4: a half-open connection holds a place that others could use. If Fast Open has delivered data, that stays. */
function forsake(tcb: Tcb, error: IcmpError): void {
  if (tcb.isUsable) fail(tcb, 'abort', error.errorCode, 'the network reports that the peer cannot be reached')
  else end(tcb, 'abort')
}
