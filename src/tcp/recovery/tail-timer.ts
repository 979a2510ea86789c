import { type Micros, micros } from '../../base/types.ts'
import type { Tcb } from '../tcb.ts'
import { Timer } from '../timers.ts'

// When a tail loss probe is due: RFC 8985 §7.2.

/** TLP.max_ack_delay: a lone segment may meet a delayed ACK. */
const MAX_ACK_DELAY = 200_000
/** No clock of ours is finer, and a peer needs some time to answer. */
const MIN_TIMEOUT = 2_000
/** Before anything has been measured. */
const FIRST_TIMEOUT = 1_000_000

/** Arms the probe after new data was sent or acknowledged, and in a fast recovery after anything was. */
export function armProbe(tcb: Tcb, now: Micros): void {
  const { board, deadlines } = tcb
  const isUseful =
    tcb.sackPermitted &&
    tcb.synAcked &&
    tcb.reoffers === undefined &&
    tcb.settings.tailLossProbe &&
    tcb.recovery !== 'timeout' &&
    tcb.probeEnd === undefined &&
    // Not RFC: a fast recovery has a tail as well, see docs/deviations.md#tail-of-a-recovery.
    (board.sackedBytes === 0 || tcb.recovery === 'fast') &&
    !board.isEmpty &&
    tcb.snd.wnd > 0
  if (!isUseful) {
    deadlines.stop(Timer.TAIL_PROBE)
    return
  }
  // §7.2: no later than the retransmission timer, whose place the probe then takes.
  deadlines.arm(Timer.TAIL_PROBE, micros(Math.min(now + timeout(tcb), deadlines.at(Timer.RETRANSMIT))))
}

function timeout(tcb: Tcb): Micros {
  if (tcb.rtt.srtt === undefined) return micros(FIRST_TIMEOUT)
  const alone = tcb.flightSize <= tcb.mss ? MAX_ACK_DELAY : 0
  return micros(Math.max(MIN_TIMEOUT, 2 * tcb.rtt.srtt) + alone)
}

/** The probe is over with the recovery that begins: only one thing at a time is being tried. */
export function forgetProbe(tcb: Tcb): void {
  tcb.probeEnd = undefined
  tcb.deadlines.stop(Timer.TAIL_PROBE)
}
