import type { Seq } from '../../base/seq.ts'
import type { TcpState } from '../../tcp/fsm.ts'

/** One end of a connection, seen from the wire. */
export class WatchedEnd {
  readonly name: string
  /** As far as a watcher can tell. */
  state: TcpState
  /** The next number it will send, once it has sent something. */
  next: Seq | undefined
  /** The number of its FIN. */
  fin: Seq | undefined
  /** What it last acknowledged and offered, and how often it repeated itself. */
  acked: Seq | undefined
  window = -1
  duplicates = 0
  /** The shift it offered in its SYN; -1 for none (RFC 7323 §2.2). */
  scale = -1

  constructor(name: string, state: TcpState) {
    this.name = name
    this.state = state
  }

  /** Enters a state; the change in words, nothing when it is none. */
  enter(state: TcpState): string[] {
    if (state === this.state) return []
    const change = `${this.name} ${this.state} → ${state}`
    this.state = state
    return [change]
  }

  /**
   * It sent a FIN: the edges of RFC 9293 figure 5 that this takes. One that does not acknowledge the other's FIN
   * was sent before that FIN came: both close at once.
   */
  sentFin(acknowledgesOther: boolean): string[] {
    if (this.state === 'CLOSE-WAIT') return this.enter(acknowledgesOther ? 'LAST-ACK' : 'CLOSING')
    return this.enter(this.state === 'ESTABLISHED' ? 'FIN-WAIT-1' : this.state)
  }

  receivedFin(): string[] {
    switch (this.state) {
      case 'SYN-RECEIVED':
      case 'ESTABLISHED':
        return this.enter('CLOSE-WAIT')
      case 'FIN-WAIT-1':
        return this.enter('CLOSING')
      case 'FIN-WAIT-2':
        return this.enter('TIME-WAIT')
      default:
        return []
    }
  }

  finAcknowledged(): string[] {
    switch (this.state) {
      case 'FIN-WAIT-1':
        return this.enter('FIN-WAIT-2')
      case 'CLOSING':
        return this.enter('TIME-WAIT')
      case 'LAST-ACK':
        return this.enter('CLOSED')
      default:
        return []
    }
  }
}
