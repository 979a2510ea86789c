import { formatEndpoint } from '../../base/address.ts'
import type { TcpEvent, TcpState } from '../../tcp/fsm.ts'
import type { TcpWatcher } from '../../tcp/surroundings.ts'
import type { Tcb } from '../../tcp/tcb.ts'

/** Says each change of state with its cause: `172.20.0.3:8888 SYN-SENT → ESTABLISHED (rcv SYN,ACK)`. */
export class StateLog implements TcpWatcher {
  readonly #say: (line: string) => void

  constructor(say: (line: string) => void) {
    this.#say = say
  }

  onMoved(tcb: Tcb, from: TcpState, event: TcpEvent): void {
    this.#say(`${formatEndpoint(tcb.remote, tcb.remotePort)} ${from} → ${tcb.state} (${event})`)
  }

  onSegmentIn(): void {}
  onSegmentOut(): void {}
  onTimer(): void {}
}
