import type { Probe, ProbeEvent } from '../base/probe.ts'
import { seqDiff } from '../base/seq.ts'
import type { Micros } from '../base/types.ts'
import type { TcpEvent, TcpState } from '../tcp/fsm.ts'
import type { Tcb } from '../tcp/tcb.ts'
import type { TcpWatcher } from '../tcp/tcp.ts'
import { TIMER_NAMES, type Timer } from '../tcp/timers.ts'
import { tcpFlagLetters } from '../wire/format/tcp.ts'
import { TcpFlag, type TcpHeader } from '../wire/tcp.ts'

/** Makes probe events of what TCP does: `segment_in`, `segment_out`, `state`, `timer`. Sequence numbers are relative. */
export class TcpProbe implements TcpWatcher {
  readonly #probe: Probe
  readonly #node: string
  readonly #known = new WeakMap<Tcb, { readonly conn: number; retransmissions: number }>()
  #connections = 0

  constructor(probe: Probe, node: string) {
    this.#probe = probe
    this.#node = node
  }

  onMoved(tcb: Tcb, from: TcpState, event: TcpEvent, now: Micros): void {
    this.#probe({ ...this.#about(tcb, 'state', now), from, why: event })
  }

  onSegmentIn(tcb: Tcb, header: TcpHeader, dataLength: number, now: Micros): void {
    const seq = seqDiff(header.seq, tcb.rcv.irs)
    const ack = seqDiff(header.ack, tcb.snd.iss)
    this.#probe({ ...this.#about(tcb, 'segment_in', now), ...segment(header, seq, ack, dataLength) })
  }

  onSegmentOut(tcb: Tcb, header: TcpHeader, dataLength: number, now: Micros): void {
    const seq = seqDiff(header.seq, tcb.snd.iss)
    const ack = seqDiff(header.ack, tcb.rcv.irs)
    const known = this.#of(tcb)
    const why = known.retransmissions < tcb.stats.retransmissions ? 'retransmission' : 'new'
    known.retransmissions = tcb.stats.retransmissions
    this.#probe({ ...this.#about(tcb, 'segment_out', now), ...segment(header, seq, ack, dataLength), why })
  }

  onTimer(tcb: Tcb, timer: Timer, now: Micros): void {
    this.#probe({ ...this.#about(tcb, 'timer', now), why: TIMER_NAMES[timer]! })
  }

  #about(tcb: Tcb, ev: string, now: Micros): ProbeEvent {
    const { snd, congestion, rtt } = tcb
    return {
      t_us: now,
      node: this.#node,
      ev,
      conn: this.#of(tcb).conn,
      state: tcb.state,
      una: seqDiff(snd.una, snd.iss),
      nxt: seqDiff(snd.nxt, snd.iss),
      cwnd: Math.floor(congestion.cwnd),
      ssthresh: Number.isFinite(congestion.ssthresh) ? Math.floor(congestion.ssthresh) : null,
      srtt_us: rtt.srtt === undefined ? null : Math.round(rtt.srtt),
      rto_us: Math.round(rtt.rto),
    }
  }

  #of(tcb: Tcb): { readonly conn: number; retransmissions: number } {
    let known = this.#known.get(tcb)
    if (known === undefined) {
      known = { conn: ++this.#connections, retransmissions: 0 }
      this.#known.set(tcb, known)
    }
    return known
  }
}

const segment = (header: TcpHeader, seq: number, ack: number, len: number) => ({
  seq,
  len,
  flags: tcpFlagLetters(header.flags),
  ack: header.flags & TcpFlag.ACK ? ack : null,
  win: header.window,
})
