import type { Rng } from '../base/rng.ts'
import type { Micros } from '../base/types.ts'
import type { IpOutput } from '../ip/output.ts'
import type { ErrorSender } from '../ip/transport.ts'
import type { TcpHeader } from '../wire/tcp.ts'
import type { TcpEvent, TcpState } from './fsm.ts'
import type { PortPool } from './ports.ts'
import type { Tcb } from './tcb.ts'
import type { Timer } from './timers.ts'

/** Who watches TCP. Nothing is spent on it when nobody does. */
export interface TcpWatcher {
  onMoved(tcb: Tcb, from: TcpState, event: TcpEvent, now: Micros): void
  onSegmentIn(tcb: Tcb, header: TcpHeader, dataLength: number, now: Micros): void
  onSegmentOut(tcb: Tcb, header: TcpHeader, dataLength: number, now: Micros): void
  onTimer(tcb: Tcb, timer: Timer, now: Micros): void
}

/** What TCP needs of its stack. */
export interface TcpInit {
  readonly ip: IpOutput
  readonly ports: PortPool
  readonly rng: Rng
  /** Asks for a poll: a user call changed something. */
  readonly work: () => void
  /** Who sends ICMP errors, for those who refuse what they forward. */
  readonly errors?: ErrorSender
}
