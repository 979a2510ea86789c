import { addMicros, type Micros } from '../base/types.ts'
import type { Tcb } from './tcb.ts'
import { Timer } from './timers.ts'

/** The user closed both ways: what is unsent has this long to be acknowledged. */
export function startLinger(tcb: Tcb, now: Micros): void {
  const { linger } = tcb.settings
  if (linger !== false) tcb.deadlines.arm(Timer.LINGER, addMicros(now, linger))
}

/** Whether something that the user wrote, or the FIN, is not acknowledged when the time is over. */
export const lingersInVain = (tcb: Tcb): boolean =>
  tcb.state !== 'FIN-WAIT-2' && tcb.state !== 'CLOSED' && tcb.state !== 'TIME-WAIT'
