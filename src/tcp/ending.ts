import type { ErrorCode } from '../base/errors.ts'
import type { TcpEvent } from './fsm.ts'
import { AckOwed, type Tcb, UserEvent } from './tcb.ts'

/** States in which the peer may still send data (RFC 9293 §3.10.7.4 seventh). */
export const mayReceive = (tcb: Tcb): boolean =>
  tcb.state === 'ESTABLISHED' || tcb.state === 'FIN-WAIT-1' || tcb.state === 'FIN-WAIT-2'

/**
 * The machine is done with this connection. What the user has not read stays
 * readable; everything else is given back.
 */
export function end(tcb: Tcb, event: TcpEvent): void {
  tcb.become(event)
  tcb.isOver = true
  tcb.deadlines.stopAll()
  tcb.sendBuffer.clear()
  tcb.board.clear()
  tcb.reassembly?.clear()
  tcb.ackOwed = AckOwed.NONE
  tcb.note(UserEvent.CLOSED)
  tcb.owner.ended(tcb)
}

/** The same, with a reason that the user is told. */
export function fail(tcb: Tcb, event: TcpEvent, code: ErrorCode, message: string): void {
  tcb.failure = { code, message }
  end(tcb, event)
}
