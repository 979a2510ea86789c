import { type Seq, seqAdd, seqDiff, seqGe, seqGt, seqLe, seqLt } from '../base/seq.ts'
import type { Micros } from '../base/types.ts'

/** A run of sequence space that went out together: one segment, or one super-segment. SYN and FIN count one each. */
export interface SentRange {
  start: Seq
  end: Seq
  /** When it last went out. */
  sentAt: Micros
  /** How often it went out. */
  transmissions: number
  /** The peer holds it (RFC 2018); it is not in flight. */
  sacked: boolean
  /** It is thought lost and waits for retransmission; it is not in flight. */
  lost: boolean
  // What DeliveryRate noted when it last went out.
  delivered: number
  deliveredAt: Micros
  firstSentAt: Micros
  inFlight: number
  lostBefore: number
  isAppLimited: boolean
}

const newRange = (start: Seq, end: Seq, sentAt: Micros): SentRange => ({
  start,
  end,
  sentAt,
  transmissions: 1,
  sacked: false,
  lost: false,
  delivered: 0,
  deliveredAt: sentAt,
  firstSentAt: sentAt,
  inFlight: 0,
  lostBefore: 0,
  isAppLimited: false,
})

/**
 * What was sent and is not yet acknowledged, SND.UNA to SND.NXT, as ranges in order.
 *
 * It knows what is sacked, lost and in flight (the `pipe` of RFC 6675 §4); it
 * decides nothing. Ranges are split only at segment boundaries, so a peer that
 * names odd SACK edges cannot make more ranges than there are segments.
 */
export class Scoreboard {
  readonly #ranges: SentRange[] = []
  /** The acknowledged front of a range, while it is shown. */
  readonly #part: SentRange = newRange(0 as Seq, 0 as Seq, 0 as Micros)
  /** Octets that have left the network for the peer, in all: sacked or acknowledged. */
  delivered = 0
  /** Octets found lost, in all, each time that they were. */
  foundLost = 0
  #total = 0
  #sacked = 0
  #lost = 0

  get isEmpty(): boolean {
    return this.#ranges.length === 0
  }

  get ranges(): readonly SentRange[] {
    return this.#ranges
  }

  /** Octets believed to be in the network. */
  get pipe(): number {
    return this.#total - this.#sacked - this.#lost
  }

  get sackedBytes(): number {
    return this.#sacked
  }

  get lostBytes(): number {
    return this.#lost
  }

  /** Records new octets at the end. */
  sent(start: Seq, end: Seq, now: Micros): SentRange {
    const range = newRange(start, end, now)
    this.#ranges.push(range)
    this.#total += seqDiff(end, start)
    return range
  }

  /** Drops everything below `una`, showing to `onDelivered` what of it the peer had not sacked before. */
  acknowledge(una: Seq, onDelivered: (range: SentRange) => void): void {
    const ranges = this.#ranges
    let gone = 0
    while (gone < ranges.length && seqLe(ranges[gone]!.end, una)) {
      const range = ranges[gone++]!
      this.#forget(range, seqDiff(range.end, range.start))
      if (!range.sacked) onDelivered(range)
    }
    if (gone > 0) ranges.splice(0, gone)
    const first = ranges[0]
    if (first === undefined || seqGe(first.start, una)) return
    // An ACK in the middle of a super-segment: the rest of it stays, in place.
    this.#forget(first, seqDiff(una, first.start))
    if (!first.sacked) {
      const part = this.#part
      Object.assign(part, first)
      part.end = una
      onDelivered(part)
    }
    first.start = una
  }

  /** Marks [start, end) as held by the peer; partial segments of `mss` octets stay as they were. */
  sack(start: Seq, end: Seq, mss: number, onDelivered: (range: SentRange) => void): void {
    for (let i = this.#find(start); i < this.#ranges.length; i++) {
      let range = this.#ranges[i]!
      if (seqGe(range.start, end)) break
      if (range.sacked) continue
      if (seqLt(range.start, start)) {
        const cut = Math.ceil(seqDiff(start, range.start) / mss) * mss
        if (cut >= seqDiff(range.end, range.start)) continue
        this.#split(i, seqAdd(range.start, cut))
        continue
      }
      if (seqGt(range.end, end)) {
        const cut = Math.floor(seqDiff(end, range.start) / mss) * mss
        if (cut === 0) break
        this.#split(i, seqAdd(range.start, cut))
        range = this.#ranges[i]!
      }
      const size = seqDiff(range.end, range.start)
      if (range.lost) this.#lost -= size
      range.lost = false
      range.sacked = true
      this.#sacked += size
      this.delivered += size
      onDelivered(range)
    }
  }

  markLost(range: SentRange): void {
    if (range.lost || range.sacked) return
    range.lost = true
    this.#lost += seqDiff(range.end, range.start)
    this.foundLost += seqDiff(range.end, range.start)
  }

  /** Marks the first `octets` as lost, splitting a range where that ends. */
  markFirstLost(octets: number): void {
    const first = this.#ranges[0]
    if (first === undefined) return
    if (seqDiff(first.end, first.start) > octets) this.#split(0, seqAdd(first.start, octets))
    this.markLost(this.#ranges[0]!)
  }

  /** Everything not sacked is lost (RFC 6298 §5.4 with RFC 6675 §5.1). */
  markAllLost(): void {
    for (const range of this.#ranges) this.markLost(range)
  }

  /** RFC 2018 §8: after a timeout on a sacked first range the peer has reneged; believe nothing it said. */
  forgetSacks(): void {
    for (const range of this.#ranges) range.sacked = false
    this.#sacked = 0
  }

  /** The last segment that was sent, as a range of its own; something must be outstanding. */
  lastSegment(mss: number): SentRange {
    const index = this.#ranges.length - 1
    const last = this.#ranges[index]!
    const rest = seqDiff(last.end, last.start) - mss
    if (rest > 0) this.#split(index, seqAdd(last.start, Math.ceil(rest / mss) * mss))
    return this.#ranges.at(-1)!
  }

  /** The first range that waits for retransmission. */
  firstLost(): SentRange | undefined {
    if (this.#lost === 0) return undefined
    return this.#ranges.find((range) => range.lost)
  }

  /** The first `octets` of a lost range go out again now; the rest of it stays lost. */
  retransmitted(range: SentRange, octets: number, now: Micros): void {
    if (octets < seqDiff(range.end, range.start)) this.#split(this.#ranges.indexOf(range), seqAdd(range.start, octets))
    if (range.lost) this.#lost -= seqDiff(range.end, range.start)
    range.lost = false
    range.sentAt = now
    range.transmissions++
  }

  clear(): void {
    this.#ranges.length = 0
    this.#total = 0
    this.#sacked = 0
    this.#lost = 0
  }

  #forget(range: SentRange, octets: number): void {
    this.#total -= octets
    if (range.sacked) this.#sacked -= octets
    else this.delivered += octets
    if (range.lost) this.#lost -= octets
  }

  #split(index: number, at: Seq): void {
    const range = this.#ranges[index]!
    this.#ranges.splice(index + 1, 0, { ...range, start: at })
    range.end = at
  }

  /** Index of the first range that ends beyond `start`, by halving. */
  #find(start: Seq): number {
    let low = 0
    let high = this.#ranges.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (seqLe(this.#ranges[middle]!.end, start)) low = middle + 1
      else high = middle
    }
    return low
  }
}
