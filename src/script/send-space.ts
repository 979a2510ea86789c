import { seqDiff } from '../base/seq.ts'
import type { Tcb } from '../tcp/tcb.ts'

/** What Linux charges for a buffer besides its bytes: sk_buff, shared info and headers, each rounded up. */
const BUFFER_OVERHEAD = 1280
/** The most one buffer takes: what a super-segment may carry beside its headers. */
const MAX_BUFFER = 65_536 - 320

/**
 * The send queue as Linux's sockets account for it, which decides how much a write takes and when a full socket becomes
 * writable. The stack's own buffer counts bytes alone; Linux counts buffers of one super-segment each: a write fills
 * the last one if nothing of it was sent, and begins another only while the sum of all is below SO_SNDBUF.
 */
export class SendSpace {
  /** sk_sndbuf: twice what SO_SNDBUF asked for. */
  limit: number
  /** Bytes that may wait unsent before the socket is full (TCP_NOTSENT_LOWAT). */
  notSentLowAt = 0xffff_ffff
  readonly #tcb: Tcb
  /** Ends of the buffers, as counts of bytes written since the beginning. */
  readonly #ends: number[] = []
  #written = 0
  /** How much was written when a buffer was last marked to be pushed. */
  #pushed = 0

  constructor(tcb: Tcb, limit: number) {
    this.#tcb = tcb
    this.limit = limit
  }

  /** Bytes written so far. */
  get written(): number {
    return this.#written
  }

  /** sk_wmem_queued. */
  get queued(): number {
    this.#forgetAcknowledged()
    return this.#ends.length * BUFFER_OVERHEAD + this.#tcb.sendBuffer.length
  }

  /** sk_stream_memory_free: another buffer may begin. */
  get isFree(): boolean {
    return this.queued < this.limit && this.#tcb.unsent < this.notSentLowAt
  }

  /** __sk_stream_is_writeable: a third of the limit is free, and half of the bytes that may wait unsent are gone. */
  get isWritable(): boolean {
    const { queued } = this
    return this.limit - queued >= queued >> 1 && this.#tcb.unsent < this.notSentLowAt / 2
  }

  /** What the next write may put where it is: into the last buffer, or into a new one; 0 when there is no room. */
  get room(): number {
    const left = this.#leftInLast()
    if (left > 0) return left
    return this.isFree ? this.#sizeGoal : 0
  }

  /** `count` bytes were written, no more than `room`. */
  wrote(count: number): void {
    const extends_ = this.#leftInLast() >= count
    this.#written += count
    if (extends_) this.#ends[this.#ends.length - 1] = this.#written
    else this.#ends.push(this.#written)
  }

  /** The last buffer is full: Linux sends what it may before it fills the next. */
  get isLastFull(): boolean {
    return this.#leftInLast() === 0
  }

  /** The end of what was written is pushed: it ends a write, or (forced_push) half the largest window came since. */
  takesPush(isEnd: boolean): boolean {
    const isDue = isEnd || this.#written - this.#pushed > this.#tcb.snd.maxWnd >> 1
    if (isDue) this.#pushed = this.#written
    return isDue
  }

  /** Bytes of the queue up to sequence number `end` went out in one piece: they are a buffer of their own now. */
  sentTo(end: Tcb['snd']['nxt']): void {
    const at = this.#written - this.#tcb.sendBuffer.length + seqDiff(end, this.#tcb.bufferSeq)
    const next = this.#ends.findIndex((other) => other >= at)
    if (next >= 0 && this.#ends[next] !== at) this.#ends.splice(next, 0, at)
  }

  #leftInLast(): number {
    const last = this.#ends.length - 1
    if (last < 0) return 0
    const start = last > 0 ? this.#ends[last - 1]! : this.#written - this.#tcb.sendBuffer.length
    const isUnsent = start >= this.#written - this.#tcb.unsent && this.#tcb.unsent > 0
    return isUnsent ? Math.max(0, this.#sizeGoal - (this.#ends[last]! - start)) : 0
  }

  /** tcp_xmit_size_goal: whole segments, and no more than half the largest window the peer has offered. */
  get #sizeGoal(): number {
    const { mss, snd } = this.#tcb
    const most = Math.min(MAX_BUFFER, Math.max(mss, snd.maxWnd > 536 ? snd.maxWnd >> 1 : MAX_BUFFER))
    return most - (most % mss)
  }

  #forgetAcknowledged(): void {
    const una = this.#written - this.#tcb.sendBuffer.length
    while (this.#ends.length > 0 && this.#ends[0]! <= una) this.#ends.shift()
  }
}
