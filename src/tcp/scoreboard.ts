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
  /** It is thought lost. */
  lost: boolean
  /** It is thought lost and went out again since, so that it is in flight. */
  resent: boolean
  /** Its neighbours among what is in flight, by time of sending. */
  older: SentRange | undefined
  newer: SentRange | undefined
  // What DeliveryRate noted when it last went out.
  delivered: number
  deliveredAt: Micros
  firstSentAt: Micros
  inFlight: number
  lostBefore: number
  isAppLimited: boolean
}

/** Told of each range that an ACK shows to have reached the peer. */
export interface DeliveryWatcher {
  onDelivered(range: SentRange): void
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
  resent: false,
  older: undefined,
  newer: undefined,
})

/**
 * What was sent and is not yet acknowledged, SND.UNA to SND.NXT, as ranges in order.
 *
 * It knows what is sacked, lost and in flight (the `pipe` of RFC 6675 §4); it
 * decides nothing. Ranges are split only at segment boundaries, so a peer that
 * names odd SACK edges cannot make more ranges than there are segments. What
 * is in flight is also kept in the order of sending: whoever looks for what
 * was lost looks only at what was sent before what arrived.
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
  #resent = 0
  /** No range below it waits for retransmission. */
  #waitingFrom = 0 as Seq
  #oldest: SentRange | undefined
  #newest: SentRange | undefined

  get isEmpty(): boolean {
    return this.#ranges.length === 0
  }

  get first(): SentRange | undefined {
    return this.#ranges[0]
  }

  get ranges(): readonly SentRange[] {
    return this.#ranges
  }

  /** Octets believed to be in the network. */
  get pipe(): number {
    return this.#total - this.#sacked - this.#lost + this.#resent
  }

  get sackedBytes(): number {
    return this.#sacked
  }

  /** Octets thought lost, those that went out again included. */
  get lostBytes(): number {
    return this.#lost
  }

  /** Octets thought lost that are in flight again. */
  get resentBytes(): number {
    return this.#resent
  }

  /** Octets that wait for retransmission. */
  get waitingBytes(): number {
    return this.#lost - this.#resent
  }

  /** What was sent longest ago of all that is in flight; `newer` leads on from it. */
  get oldestInFlight(): SentRange | undefined {
    return this.#oldest
  }

  /** Records new octets at the end. */
  sent(start: Seq, end: Seq, now: Micros): SentRange {
    const range = newRange(start, end, now)
    this.#ranges.push(range)
    this.#link(range, this.#newest)
    this.#total += seqDiff(end, start)
    return range
  }

  /** Drops everything below `una`, showing to `watcher` what of it the peer had not sacked before. */
  acknowledge(una: Seq, watcher: DeliveryWatcher): void {
    const ranges = this.#ranges
    let gone = 0
    while (gone < ranges.length && seqLe(ranges[gone]!.end, una)) {
      const range = ranges[gone++]!
      this.#forget(range, seqDiff(range.end, range.start))
      this.#unlink(range)
      if (!range.sacked) watcher.onDelivered(range)
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
      watcher.onDelivered(part)
    }
    first.start = una
  }

  /** Marks [start, end) as held by the peer; partial segments of `mss` octets stay as they were. */
  sack(start: Seq, end: Seq, mss: number, watcher: DeliveryWatcher): void {
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
      this.#notLost(range)
      this.#unlink(range)
      range.sacked = true
      this.#sacked += size
      this.delivered += size
      watcher.onDelivered(range)
    }
  }

  /** It waits for retransmission, for the first time or again. */
  markLost(range: SentRange): void {
    if (range.sacked || (range.lost && !range.resent)) return
    const size = seqDiff(range.end, range.start)
    this.foundLost += size
    if (this.waitingBytes === 0 || seqLt(range.start, this.#waitingFrom)) this.#waitingFrom = range.start
    if (range.resent) this.#resent -= size
    else this.#lost += size
    range.lost = true
    range.resent = false
    this.#unlink(range)
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

  /** Nothing was lost after all: whatever is thought so is in flight. */
  unmarkLost(): void {
    const back: SentRange[] = []
    for (const range of this.#ranges) {
      if (range.lost && !range.resent) back.push(range)
      this.#notLost(range)
    }
    back.sort((a, b) => a.sentAt - b.sentAt)
    for (const range of back) {
      let before = this.#newest
      while (before !== undefined && before.sentAt > range.sentAt) before = before.older
      this.#link(range, before)
    }
  }

  /** RFC 2018 §8: after a timeout on a sacked first range the peer has reneged; believe nothing it said. */
  forgetSacks(): void {
    for (const range of this.#ranges) {
      if (!range.sacked) continue
      range.sacked = false
      this.#link(range, undefined)
    }
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
    if (this.waitingBytes === 0) return undefined
    let i = this.#find(this.#waitingFrom)
    while (i < this.#ranges.length && !isWaiting(this.#ranges[i]!)) i++
    const range = this.#ranges[i]
    if (range !== undefined) this.#waitingFrom = range.start
    return range
  }

  /** The first `octets` of a range go out again now; the rest of it stays as it is. */
  retransmitted(range: SentRange, octets: number, now: Micros): void {
    if (octets < seqDiff(range.end, range.start)) this.#split(this.#find(range.start), seqAdd(range.start, octets))
    if (isWaiting(range)) {
      range.resent = true
      this.#resent += seqDiff(range.end, range.start)
    }
    range.sentAt = now
    range.transmissions++
    this.#unlink(range)
    this.#link(range, this.#newest)
  }

  clear(): void {
    this.#ranges.length = 0
    this.#total = 0
    this.#sacked = 0
    this.#lost = 0
    this.#resent = 0
    this.#oldest = undefined
    this.#newest = undefined
  }

  #forget(range: SentRange, octets: number): void {
    this.#total -= octets
    if (range.sacked) this.#sacked -= octets
    else this.delivered += octets
    if (range.lost) this.#lost -= octets
    if (range.resent) this.#resent -= octets
  }

  #notLost(range: SentRange): void {
    const size = seqDiff(range.end, range.start)
    if (range.lost) this.#lost -= size
    if (range.resent) this.#resent -= size
    range.lost = false
    range.resent = false
  }

  #split(index: number, at: Seq): void {
    const range = this.#ranges[index]!
    const rest: SentRange = { ...range, start: at, older: undefined, newer: undefined }
    this.#ranges.splice(index + 1, 0, rest)
    range.end = at
    if (this.#isLinked(range)) this.#link(rest, range)
  }

  #isLinked(range: SentRange): boolean {
    return range.older !== undefined || range.newer !== undefined || this.#oldest === range
  }

  /** Puts a range into the order of sending behind `older`, or first. */
  #link(range: SentRange, older: SentRange | undefined): void {
    const newer = older === undefined ? this.#oldest : older.newer
    range.older = older
    range.newer = newer
    if (older === undefined) this.#oldest = range
    else older.newer = range
    if (newer === undefined) this.#newest = range
    else newer.older = range
  }

  #unlink(range: SentRange): void {
    if (!this.#isLinked(range)) return
    if (range.older === undefined) this.#oldest = range.newer
    else range.older.newer = range.newer
    if (range.newer === undefined) this.#newest = range.older
    else range.newer.older = range.older
    range.older = undefined
    range.newer = undefined
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

/** It is thought lost and has not gone out again. */
const isWaiting = (range: SentRange): boolean => range.lost && !range.resent
