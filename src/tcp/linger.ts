import { addMicros, type Micros } from '../base/types.ts'
import type { Tcb } from './tcb.ts'
import { Timer } from './timers.ts'

/** Once the user has closed both ways, what is not acknowledged has this long to be. */
export function limitLinger(tcb: Tcb, now: Micros): void {
  const { linger } = tcb.settings
  if (!tcb.readClosed || linger === false || tcb.deadlines.isArmed(Timer.LINGER) || !lingersInVain(tcb)) return
  tcb.deadlines.arm(Timer.LINGER, addMicros(now, linger))
}

/** Whether something that the user wrote, or the FIN, is not acknowledged when the time is over. */
export const lingersInVain = (tcb: Tcb): boolean =>
  tcb.state !== 'FIN-WAIT-2' && tcb.state !== 'CLOSED' && tcb.state !== 'TIME-WAIT'
