import type { Probe, ProbeEvent } from '../base/probe.ts'
import { type Seq, seq, seqDiff, seqToU32 } from '../base/seq.ts'
import type { Micros } from '../base/types.ts'
import type { TcpEvent, TcpState } from '../tcp/fsm.ts'
import type { TcpWatcher } from '../tcp/surroundings.ts'
import type { Tcb } from '../tcp/tcb.ts'
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
    const { snd, rcv } = tcb
    // Before its SYN has been taken, the peer's numbers have no beginning yet.
    const from = tcb.state === 'SYN-SENT' ? 0 : relative(rcv.nxt, rcv.irs) + seqDiff(header.seq, rcv.nxt)
    const ack = relative(snd.una, snd.iss) + seqDiff(header.ack, snd.una)
    this.#probe({ ...this.#about(tcb, 'segment_in', now), ...segment(header, from, ack, dataLength) })
  }

  onSegmentOut(tcb: Tcb, header: TcpHeader, dataLength: number, now: Micros): void {
    const { snd, rcv } = tcb
    const from = relative(snd.una, snd.iss) + seqDiff(header.seq, snd.una)
    const ack = relative(rcv.nxt, rcv.irs) + seqDiff(header.ack, rcv.nxt)
    const known = this.#of(tcb)
    const why = known.retransmissions < tcb.trouble.retransmissions ? 'retransmission' : 'new'
    known.retransmissions = tcb.trouble.retransmissions
    this.#probe({ ...this.#about(tcb, 'segment_out', now), ...segment(header, from, ack, dataLength), why })
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
      una: relative(snd.una, snd.iss),
      nxt: relative(snd.una, snd.iss) + tcb.flightSize,
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

/** How far `at` is from the initial number, modulo 2^32. */
const relative = (at: Seq, first: Seq): number => seqToU32(seq(seqDiff(at, first)))

const segment = (header: TcpHeader, seq: number, ack: number, len: number) => ({
  seq,
  len,
  flags: tcpFlagLetters(header.flags),
  ack: header.flags & TcpFlag.ACK ? ack : null,
  win: header.window,
})
