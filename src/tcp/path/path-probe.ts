import { type Seq, seqDiff, seqGe } from '../../base/seq.ts'
import { addMicros, type Micros, NEVER } from '../../base/types.ts'
import { IPV4_HEADER_LEN } from '../../wire/ipv4.ts'
import { TCP_HEADER_LEN } from '../../wire/tcp.ts'

/** When a connection looks for the path's MTU by itself: never, once large packets seem to vanish, or from the beginning. */
export type MtuProbing = 'off' | 'blackhole' | 'always'

/** The IPv4 and TCP headers without options, which an MSS does not count (RFC 6691 §2). */
export const FIXED_HEADERS = IPV4_HEADER_LEN + TCP_HEADER_LEN
/** RFC 8899 §5.1.2, MIN_PLPMTU: what every IPv4 path carries. */
const MIN_MTU = 68 + FIXED_HEADERS
/** A range this narrow is not worth another probe. */
const RESOLUTION = 8
/** RFC 8899 §5.1.1, PMTU_RAISE_TIMER: then the path may have grown. */
const RAISE_AFTER = 600_000_000

/**
 * Packetization-layer path MTU discovery (RFC 4821, RFC 8899 §6.1): finds what the path carries without asking routers,
 * who may be silent. A probe is a segment of the stream that is larger than the others; when it is acknowledged, that
 * size is proven; when it is lost, its octets go again in small segments and the window stays as it is. Sizes are IP packets.
 */
export class PathProbe {
  /** No ordinary packet is larger. */
  limit = Number.POSITIVE_INFINITY
  /** The segment that goes out now is a probe: it is not cut, and no cache may forbid it. */
  isSending = false
  /** What was found lost in all when a probe was: while it is no more than that, nothing else was. */
  foundLost = -1
  /** Search range: what is known to pass, and the most that is not known to fail. */
  #low = 0
  #high = Number.POSITIVE_INFINITY
  #raiseAt: Micros = NEVER
  /** The probe that is unanswered. */
  #size = 0
  #start = 0 as Seq
  #end = 0 as Seq

  /** Packets are looked at for their size. */
  get isActive(): boolean {
    return this.#low > 0
  }

  /** Begins the search at `base`, which is trusted; until it finds something, packets have `limit`. */
  begin(base: number, limit: number): void {
    this.#low = base
    this.#high = Number.POSITIVE_INFINITY
    this.limit = limit
    this.#size = 0
  }

  /** Large packets vanish (RFC 8899 §4.3): from now on smaller ones go, and after more silence still smaller ones. */
  shrink(base: number): void {
    const low = this.isActive ? Math.max(MIN_MTU, Math.min(base, this.#low >> 1)) : base
    this.begin(low, low)
  }

  /** The size of the next probe, larger than `current` and no larger than `most`; 0 when there is nothing to be learnt now. */
  next(current: number, most: number, now: Micros): number {
    if (!this.isActive || this.#size > 0) return 0
    if (now >= this.#raiseAt) {
      this.#high = Number.POSITIVE_INFINITY
      this.#raiseAt = NEVER
    }
    const high = Math.min(this.#high, most)
    let low = this.#low
    if ((low + high) >> 1 <= current) low = current
    if (high - low < RESOLUTION) {
      if (this.#raiseAt === NEVER) this.#raiseAt = addMicros(now, RAISE_AFTER)
      return 0
    }
    return (low + high) >> 1
  }

  /** A probe of `size` carries the octets from `start` on. */
  sent(size: number, start: Seq, end: Seq): void {
    this.#size = size
    this.#start = start
    this.#end = end
  }

  /** Everything below `una` was acknowledged. Returns the size that this proves, or 0. */
  acknowledged(una: Seq): number {
    if (this.#size === 0 || !seqGe(una, this.#end)) return 0
    this.#low = Math.max(this.#low, this.#size)
    this.limit = Math.max(this.limit, this.#size)
    const proven = this.#size
    this.#size = 0
    return proven
  }

  /**
   * Loss was found. Returns the end of the probe when its octets, and nothing else, are missing at `una`: that is no
   * sign of congestion (RFC 4821 §7.7); the next probe is smaller.
   */
  lost(una: Seq, lostOctets: number): Seq | undefined {
    const octets = this.#size > 0 ? seqDiff(this.#end, this.#start) : 0
    if (octets === 0 || una !== this.#start || lostOctets > octets) return undefined
    this.tooBig(this.#size - 1)
    return this.#end
  }

  /** A router says that no more than `mtu` passes. */
  tooBig(mtu: number): void {
    this.#high = Math.min(this.#high, mtu)
    this.#low = Math.min(this.#low, mtu)
    this.limit = Math.max(Math.min(this.limit, mtu), this.#low)
    this.#size = 0
  }

  /** Something was lost in a way that tells nothing of the probe (RFC 4821 §7.6.3); it is over. */
  forget(): void {
    this.#size = 0
  }

  /** Whether the unanswered probe is larger than `mtu`. */
  isLarger(mtu: number): boolean {
    return this.#size > mtu
  }
}
