import { DOUBLE_ZERO } from '../../base/double-zero.ts'
import { type Seq, seqAdd, seqDiff, seqGe, seqGt, seqLe, seqLt, seqMax, seqMin } from '../../base/seq.ts'
import type { Micros } from '../../base/types.ts'
import { SeqRuns } from '../seq-runs.ts'
import { LostQueue } from './lost-queue.ts'
import type { RangePool } from './range-pool.ts'
import { beginRange, copyRange, isWaiting, type SentRange, sentAfter, sizeOf } from './sent-range.ts'

/** Nothing is outstanding. */
const NONE: SentRange[] = []
/** So many ranges at the front may be gone before the list is moved up. */
const SLACK = 64

/** Told of each range that an ACK shows to have reached the peer. */
export interface DeliveryWatcher {
  onDelivered(range: SentRange): void
}

/**
 * What was sent and is not yet acknowledged, SND.UNA to SND.NXT, as ranges in order.
 *
 * It knows what is sacked, lost and in flight (the `pipe` of RFC 6675 §4); it
 * decides nothing. Ranges are split only at segment boundaries, so a peer that
 * names odd SACK edges cannot make more ranges than there are segments. What
 * is in flight is also kept in the order of sending: whoever looks for what
 * was lost looks only at what was sent before what arrived. The sacked runs are
 * kept apart, and what waits for retransmission as well, so that the work of an
 * ACK grows with what it brings and not with what is outstanding.
 */
export class Scoreboard {
  /** In order; those before `#head` are gone. */
  #ranges = NONE
  #head = 0
  /** What the peer holds, and what waits for retransmission: of each there is nothing before the first. */
  #held: SeqRuns | undefined = undefined
  #waiting: LostQueue | undefined = undefined
  readonly #pool: RangePool
  /** Octets that have left the network for the peer, in all: sacked or acknowledged. */
  delivered = DOUBLE_ZERO
  /** Octets found lost, in all, each time that they were. */
  foundLost = 0
  /** Below it every hole was judged by its place. */
  #judged: Seq
  /** Ranges and runs that were looked at, in all: what the peer's claims have cost. */
  visits = 0
  #total = 0
  #sacked = 0
  #lost = 0
  #resent = 0
  #oldest: SentRange | undefined
  #newest: SentRange | undefined

  constructor(iss: Seq, pool: RangePool) {
    this.#judged = iss
    this.#pool = pool
  }

  get isEmpty(): boolean {
    return this.#head === this.#ranges.length
  }

  get first(): SentRange | undefined {
    return this.#ranges[this.#head]
  }

  /** All of them, in a list of its own. */
  get ranges(): readonly SentRange[] {
    return this.#ranges.slice(this.#head)
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
    const range = this.#pool.take()
    beginRange(range, start, end, now)
    if (this.isEmpty) this.#ranges = [range]
    else this.#ranges.push(range)
    this.#link(range, this.#newest)
    this.#total += seqDiff(end, start)
    return range
  }

  /** Drops everything below `una`, showing to `watcher` what of it the peer had not sacked before. */
  acknowledge(una: Seq, watcher: DeliveryWatcher): void {
    const ranges = this.#ranges
    this.#held?.release(una)
    if (seqLt(this.#judged, una)) this.#judged = una
    this.#waiting?.release(una)
    for (; this.#head < ranges.length && seqLe(ranges[this.#head]!.end, una); this.#head++) {
      const range = ranges[this.#head]!
      this.visits++
      this.#forget(range, sizeOf(range))
      this.#unlink(range)
      if (!range.sacked) watcher.onDelivered(range)
      this.#pool.give(range)
    }
    if (this.#head === ranges.length) {
      this.#ranges = NONE
      this.#head = 0
    } else if (this.#head > SLACK && 2 * this.#head > ranges.length) {
      ranges.copyWithin(0, this.#head)
      ranges.length -= this.#head
      this.#head = 0
    }
    const { first } = this
    if (first === undefined || seqGe(first.start, una)) return
    // An ACK in the middle of a super-segment: the rest of it stays, in place.
    this.#forget(first, seqDiff(una, first.start))
    if (!first.sacked) {
      const { part } = this.#pool
      copyRange(part, first)
      part.end = una
      watcher.onDelivered(part)
    }
    first.start = una
  }

  /** Marks [start, end) as held by the peer; partial segments of `mss` octets stay as they were. */
  sack(start: Seq, end: Seq, mss: number, watcher: DeliveryWatcher): void {
    this.#held ??= new SeqRuns()
    const held = this.#held
    let at = start
    while (seqLt(at, end)) {
      this.visits++
      const next = held.find(at)
      const isRun = next < held.count
      if (isRun && seqLe(held.startOf(next), at)) at = held.endOf(next)
      else {
        const edge = isRun ? seqMin(end, held.startOf(next)) : end
        this.#sackGap(held, at, edge, mss, watcher)
        at = edge
      }
    }
  }

  /** Of [start, end) nothing was `held` before. */
  #sackGap(held: SeqRuns, start: Seq, end: Seq, mss: number, watcher: DeliveryWatcher): void {
    let from: Seq | undefined
    let to = start
    for (let i = this.#find(start); i < this.#ranges.length; i++) {
      let range = this.#ranges[i]!
      this.visits++
      if (seqGe(range.start, end)) break
      if (seqLt(range.start, start)) {
        const cut = Math.ceil(seqDiff(start, range.start) / mss) * mss
        if (cut >= sizeOf(range)) continue
        this.#split(i, seqAdd(range.start, cut))
        continue
      }
      if (seqGt(range.end, end)) {
        const cut = Math.floor(seqDiff(end, range.start) / mss) * mss
        if (cut === 0) break
        this.#split(i, seqAdd(range.start, cut))
        range = this.#ranges[i]!
      }
      const size = sizeOf(range)
      this.#notLost(range)
      this.#unlink(range)
      range.sacked = true
      this.#sacked += size
      this.delivered += size
      watcher.onDelivered(range)
      from ??= range.start
      to = range.end
    }
    if (from !== undefined) held.add(from, to)
  }

  /** It waits for retransmission, for the first time or again. */
  markLost(range: SentRange): void {
    this.visits++
    if (range.sacked || isWaiting(range)) return
    const size = sizeOf(range)
    this.foundLost += size
    if (range.resent) this.#resent -= size
    else this.#lost += size
    range.lost = true
    range.resent = false
    this.#unlink(range)
    this.#queue(range)
  }

  /** Marks the first `octets` as lost, splitting a range where that ends. */
  markFirstLost(octets: number): void {
    const { first } = this
    if (first === undefined) return
    if (sizeOf(first) > octets) this.#split(this.#head, seqAdd(first.start, octets))
    this.markLost(first)
  }

  /**
   * RFC 6675 §4, IsLost: below `threshold` sacked runs, or octets of more than all but one of as many segments, what did
   * not go again is lost. What was judged before is not looked at again.
   */
  markHolesLost(threshold: number, mss: number): void {
    const held = this.#held
    if (held === undefined) return
    let run = held.count
    let octets = 0
    const isEnough = (): boolean => held.count - run >= threshold || octets > (threshold - 1) * mss
    while (run > 0 && !isEnough()) {
      run--
      octets += seqDiff(held.endOf(run), held.startOf(run))
    }
    if (!isEnough()) return
    const edge = held.startOf(run)
    for (let i = this.#find(this.#judged); i < this.#ranges.length; i++) {
      const range = this.#ranges[i]!
      this.visits++
      if (seqGe(range.start, edge)) break
      if (range.transmissions === 1) this.markLost(range)
    }
    this.#judged = seqMax(this.#judged, edge)
  }

  /** Everything not sacked is lost (RFC 6298 §5.4 with RFC 6675 §5.1). */
  markAllLost(): void {
    for (let i = this.#head; i < this.#ranges.length; i++) this.markLost(this.#ranges[i]!)
  }

  /** Nothing was lost after all: whatever is thought so is in flight. */
  unmarkLost(): void {
    const back: SentRange[] = []
    for (const range of this.ranges) {
      if (isWaiting(range)) back.push(range)
      this.#notLost(range)
    }
    this.#linkAgain(back)
  }

  /** RFC 2018 §8: after a timeout on a sacked first range the peer has reneged; believe nothing it said. */
  forgetSacks(): void {
    const back = this.ranges.filter(({ sacked }) => sacked)
    for (const range of back) range.sacked = false
    this.#linkAgain(back)
    this.#held = undefined
    this.#sacked = 0
  }

  /** The last segment that was sent, as a range of its own; something must be outstanding. */
  lastSegment(mss: number): SentRange {
    const index = this.#ranges.length - 1
    const last = this.#ranges[index]!
    const rest = sizeOf(last) - mss
    if (rest > 0) this.#split(index, seqAdd(last.start, Math.ceil(rest / mss) * mss))
    return this.#ranges.at(-1)!
  }

  /** The first range that waits for retransmission. */
  firstLost(): SentRange | undefined {
    return this.#waiting?.first()
  }

  /** The first `octets` of a range go out again now; the rest of it stays as it is. */
  retransmitted(range: SentRange, octets: number, now: Micros): void {
    if (octets < sizeOf(range)) this.#split(this.#find(range.start), seqAdd(range.start, octets))
    if (isWaiting(range)) {
      range.resent = true
      this.#resent += sizeOf(range)
    }
    range.sentAt = now
    range.transmissions++
    this.#unlink(range)
    this.#link(range, this.#newest)
  }

  clear(): void {
    this.#ranges = NONE
    this.#head = 0
    this.#held = undefined
    this.#waiting = undefined
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
    const size = sizeOf(range)
    if (range.lost) this.#lost -= size
    if (range.resent) this.#resent -= size
    range.lost = false
    range.resent = false
  }

  #split(index: number, at: Seq): void {
    const range = this.#ranges[index]!
    const rest = this.#pool.take()
    copyRange(rest, range)
    rest.start = at
    this.#ranges.splice(index + 1, 0, rest)
    range.end = at
    if (this.#isLinked(range)) this.#link(rest, range)
    if (isWaiting(range)) this.#queue(rest)
  }

  #queue(range: SentRange): void {
    this.#waiting ??= new LostQueue()
    this.#waiting.add(range)
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

  /** Puts ranges, given in order, back to where they were in the order of sending: one pass from the newest on. */
  #linkAgain(ranges: SentRange[]): void {
    ranges.sort((a, b) => a.sentAt - b.sentAt)
    let older = this.#newest
    for (let i = ranges.length - 1; i >= 0; i--) {
      const range = ranges[i]!
      while (older !== undefined && sentAfter(older.sentAt, older.end, range.sentAt, range.end)) older = older.older
      this.#link(range, older)
    }
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
    let low = this.#head
    let high = this.#ranges.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (seqLe(this.#ranges[middle]!.end, start)) low = middle + 1
      else high = middle
    }
    return low
  }
}
