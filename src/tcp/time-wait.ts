import type { Ipv4Addr } from '../base/address.ts'
import { type Seq, seqGt } from '../base/seq.ts'
import type { TokenBucket } from '../base/token-bucket.ts'
import { type Micros, micros } from '../base/types.ts'
import type { Route } from '../ip/output.ts'
import { TcpFlag } from '../wire/tcp.ts'
import type { PortClaim } from './ports.ts'
import { type Segment, type SegmentSender, timestampAt } from './segment.ts'
import type { Tcb } from './tcb.ts'

/** RFC 6191 §2 and Linux: after this long, an own SYN with a later timestamp may take the pair of ends again. */
const REUSE_AFTER = 1_000_000
/** It lasts up to this part of its time longer, so that those that end at nearly the same time wake the stack once. */
const SLACK = 1 / 64

/** What is left of a connection in TIME-WAIT: enough to answer a repeated FIN and to know an old segment. */
export class TimeWait {
  readonly local: Ipv4Addr
  readonly localPort: number
  readonly remote: Ipv4Addr
  readonly remotePort: number
  readonly sndNxt: Seq
  readonly rcvNxt: Seq
  readonly timestamps: boolean
  readonly tsOffset: number
  tsRecent: number
  /** The hold on the local port that the connection had. */
  claim: PortClaim | undefined
  readonly #route: Route
  readonly #window: number
  readonly #duration: Micros
  readonly #resetEnds: boolean
  #enteredAt: Micros
  #endsAt: Micros

  hashNext: unknown = undefined
  heapIndex = -1

  constructor(tcb: Tcb, now: Micros) {
    this.local = tcb.local
    this.localPort = tcb.localPort
    this.remote = tcb.remote
    this.remotePort = tcb.remotePort
    this.sndNxt = tcb.snd.nxt
    this.rcvNxt = tcb.rcv.nxt
    this.timestamps = tcb.timestamps
    this.tsOffset = tcb.tsOffset
    this.tsRecent = tcb.tsRecent
    this.claim = tcb.claim
    this.#route = tcb.route
    this.#window = Math.min(65_535, tcb.receiveWindow >> tcb.rcvScale)
    this.#duration = tcb.settings.timeWait
    this.#resetEnds = tcb.settings.resetEndsTimeWait
    this.#enteredAt = now
    this.#endsAt = this.#endFrom(now)
  }

  pollAt(): Micros {
    return this.#endsAt
  }

  /** Whether a SYN of our own may take this pair of ends: its timestamps will be later (RFC 6191 §2). */
  mayReuse(now: Micros): boolean {
    return this.timestamps && now - this.#enteredAt > REUSE_AFTER
  }

  /** RFC 6191 §2: the timestamp tells where there is one on both sides, the sequence number where it does not. */
  #isNew(seg: Segment): boolean {
    const age = this.timestamps && seg.options.timestamps ? (seg.options.tsval - this.tsRecent) | 0 : 0
    return age > 0 || (age === 0 && seqGt(seg.seq, this.rcvNxt))
  }

  /** Whether a segment is a new SYN that may take this connection's place (RFC 9293 MAY-2, RFC 6191 §2). */
  mayYieldTo(seg: Segment): boolean {
    if (!seg.has(TcpFlag.SYN) || seg.has(TcpFlag.ACK) || seg.has(TcpFlag.RST)) return false
    return this.#isNew(seg)
  }

  /** RFC 9293 §3.10.7.4 for TIME-WAIT; `limit` bounds the ACKs that strangers can ask for (RFC 5961 §7). */
  arrives(seg: Segment, sender: SegmentSender, limit: TokenBucket, now: Micros): void {
    if (seg.has(TcpFlag.RST)) {
      // Second: a reset at the expected place (RFC 5961 §3.2) ends it, unless the user prefers RFC 1337 §3 fix 1.
      if (this.#resetEnds && seg.seq === this.rcvNxt) this.#endsAt = now
      return
    }
    // A bare ACK at the expected place needs no answer; answering would never end between two such ends.
    if (seg.length === 0 && seg.seq === this.rcvNxt) return
    if (seg.has(TcpFlag.FIN)) this.#endsAt = this.#endFrom(now)
    if (!limit.take(now)) return
    const fields = { seq: this.sndNxt, ack: this.rcvNxt, flags: TcpFlag.ACK, window: this.#window }
    sender.bare(this.#route, this, fields, now, (options) => {
      options.timestamps = this.timestamps
      options.tsval = timestampAt(this.tsOffset, now)
      options.tsecr = this.tsRecent >>> 0
    })
  }

  #endFrom(now: Micros): Micros {
    const step = Math.max(1, Math.floor(this.#duration * SLACK))
    return micros(Math.ceil((now + this.#duration) / step) * step)
  }
}
