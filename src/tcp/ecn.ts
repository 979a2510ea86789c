import { type Seq, seqAdd, seqGt, seqLe } from '../base/seq.ts'
import { EcnCodepoint } from '../wire/ipv4.ts'
import { TcpFlag } from '../wire/tcp.ts'

/** Who uses explicit congestion notification: nobody, whoever is asked for it, or we ask ourselves. */
export type EcnMode = 'off' | 'accept' | 'request'

const SETUP = TcpFlag.ECE | TcpFlag.CWR

/** RFC 3168 §6.1.1: an ECN-setup SYN or SYN,ACK. One that is itself marked comes through what does not know the bits. */
export const isEcnSetup = (flags: number, codepoint: number): boolean =>
  (flags & SETUP) === (flags & TcpFlag.ACK ? TcpFlag.ECE : SETUP) && codepoint === EcnCodepoint.NOT_ECT

/**
 * Explicit congestion notification (RFC 3168) of one connection: what the SYNs
 * agreed on, the mark on what is sent, the echo of marks that arrive, and the
 * one reduction for each window in which the peer echoes.
 */
export class Ecn {
  /** §6.1.1: our data may be marked ECT. */
  isOn = false
  /** What the packet of the segment that `outgoing` saw last says. */
  codepoint: EcnCodepoint = EcnCodepoint.NOT_ECT
  /** A packet of the peer was marked. */
  seen = false
  /** Segments of the peer that met congestion, and ACKs of it that said so of ours. */
  readonly counts = { ce: 0, ece: 0 }
  readonly #mode: EcnMode
  /** CE marks are echoed; the peer may mark although we may not. */
  #heeds = false
  /** Our SYN asked for it; our SYN,ACK says yes. */
  #asked = false
  #answers = false
  /** A SYN of ours went out without asking: the path may not let the question through. */
  #sentPlainSyn = false
  /** A CE mark arrived, and the peer has not said that it reduced its window: every ACK says ECE. */
  #echoes = false
  /** Our window was reduced, which the next new data tells. */
  #owesCwr = false
  /** What is acknowledged up to here was sent before the window was last reduced. */
  #reducedAt: Seq | undefined
  /** The end of the data that was sent at least once; a SYN before it does not matter. */
  #sentTo: Seq

  constructor(mode: EcnMode, iss: Seq) {
    this.#mode = mode
    this.#sentTo = iss
  }

  /** The SYNs agreed on it, for one direction at least. */
  get isAgreed(): boolean {
    return this.#heeds
  }

  /** §6.1.1: takes the SYN or SYN,ACK of the peer. */
  agree(flags: number, codepoint: number): void {
    if (!(flags & TcpFlag.SYN)) return
    const isAnswer = (flags & TcpFlag.ACK) !== 0
    const isSetup = isEcnSetup(flags, codepoint)
    this.#heeds = isSetup && (isAnswer ? this.#asked || this.#answers : this.#mode !== 'off')
    if (!isAnswer) this.#answers = this.#heeds
    this.isOn = this.#heeds && !this.#sentPlainSyn
  }

  /**
   * A segment goes out: returns the flags it has besides its own, and sets `codepoint`. A probe into a closed window,
   * a retransmission and a segment without data are never marked (RFC 3168 §6.1.4, §6.1.5, §6.1.6).
   */
  outgoing(seq: Seq, length: number, flags: number, isProbe: boolean): number {
    this.codepoint = EcnCodepoint.NOT_ECT
    const end = seqAdd(seq, length)
    const isNew = length > 0 && seqGt(end, this.#sentTo)
    if (isNew) this.#sentTo = end
    if (flags & TcpFlag.SYN) return this.#outgoingSyn(flags)
    let extra = this.#echoes && !(flags & TcpFlag.RST) ? TcpFlag.ECE : 0
    if (this.isOn && isNew && !isProbe) {
      this.codepoint = EcnCodepoint.ECT_0
      if (this.#owesCwr) extra |= TcpFlag.CWR
      this.#owesCwr = false
    }
    return extra
  }

  /** Data of the peer arrived. True when it should be acknowledged at once: the peer's window may be very small now. */
  received(flags: number, codepoint: number): boolean {
    if (!this.#heeds) return false
    if (codepoint !== EcnCodepoint.NOT_ECT) this.seen = true
    const before = this.#echoes
    // RFC 3168 §6.1.3: the CWR was sent before the mark on its own packet.
    if (flags & TcpFlag.CWR) this.#echoes = false
    if (codepoint === EcnCodepoint.CE) {
      this.#echoes = true
      this.counts.ce++
    }
    return this.#echoes !== before || (flags & TcpFlag.CWR) !== 0
  }

  /** §6.1.2: an ACK up to `una` arrived. True when its ECE asks for a smaller window: once for each window of data. */
  asksToReduce(flags: number, una: Seq): boolean {
    if (!this.isOn || (flags & (TcpFlag.ECE | TcpFlag.SYN)) !== TcpFlag.ECE) return false
    this.counts.ece++
    return !this.isReducing(una)
  }

  /** §6.1.2: the window was reduced, for whatever reason, when `nxt` was the next to be sent. */
  reduced(nxt: Seq): void {
    if (!this.isOn) return
    this.#reducedAt = nxt
    this.#owesCwr = true
  }

  /** Whether what is acknowledged was sent before the last reduction, so that congestion it met has been answered. */
  isReducing(una: Seq): boolean {
    if (this.#reducedAt === undefined) return false
    if (seqLe(una, this.#reducedAt)) return true
    this.#reducedAt = undefined
    return false
  }

  #outgoingSyn(flags: number): number {
    if (flags & TcpFlag.ACK) return this.#answers ? TcpFlag.ECE : 0
    // RFC 3168 §6.1.1.1: only the first SYN asks; where that was lost, something on the way may dislike the question.
    if (this.#mode === 'request' && !this.#asked) {
      this.#asked = true
      return SETUP
    }
    this.#sentPlainSyn = true
    return 0
  }
}
