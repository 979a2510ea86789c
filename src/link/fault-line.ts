import { below, chance, type Rng, seededRng } from '../base/rng.ts'
import { type Micros, NEVER } from '../base/types.ts'
import type { ResolvedFaults } from './fault-options.ts'
import { flipBit } from './flip-bit.ts'
import { type ChecksumState, InFrame, type Link, type OutFrame } from './link.ts'
import { finishChecksum } from './segment.ts'

/** What has happened to the packets of one direction. */
export interface FaultCounters {
  /** Packets that came, super-segments counted as the packets they stand for. */
  packets: number
  lost: number
  duplicated: number
  reordered: number
  corrupted: number
  /** Lost because the queue was full. */
  overflowed: number
}

/** A packet kept for later, in a buffer that is used again. */
export class HeldPacket extends InFrame {
  due: Micros = NEVER
  /** Its place in the order of sending. */
  order = 0
  /** How many later packets may still overtake it. */
  overtakes = 0
  headerLength = 0
}

/** Where a line's packets go. */
export interface FaultSink {
  /** A packet nothing happened to, still where it came from. */
  pass(packet: OutFrame, state: ChecksumState, now: Micros): void
  /** A packet that was kept; give it back by `recycle` when it is no longer read. */
  emit(packet: HeldPacket, now: Micros): void
}

const FIRST_SLOTS = 64
/** Packets that may be out of order at once; beyond that they stay in order. */
const MAX_HELD = 64

/** One direction of a faulty link: decides what happens to each packet, and keeps those that are late. */
export class FaultLine {
  readonly counters: FaultCounters = {
    packets: 0,
    lost: 0,
    duplicated: 0,
    reordered: 0,
    corrupted: 0,
    overflowed: 0,
  }
  faults: ResolvedFaults
  readonly #medium: Link['medium']
  readonly #rng: Rng
  readonly #sink: FaultSink
  readonly #packetBytes: number
  readonly #free: HeldPacket[] = []
  /** The packets on the way in order: a ring, a power of two long. */
  #ring = new Array<HeldPacket | undefined>(FIRST_SLOTS).fill(undefined)
  #first = 0
  #count = 0
  #bytes = 0
  /** Those being overtaken. */
  readonly #held: HeldPacket[] = []
  #order = 0
  #lineFreeAt = 0
  #lastDue = 0

  /** Buffers hold `packetBytes`; a larger packet gets one of its own. */
  constructor(medium: Link['medium'], packetBytes: number, faults: ResolvedFaults, seed: number, sink: FaultSink) {
    this.#medium = medium
    this.#packetBytes = packetBytes
    this.faults = faults
    this.#rng = seededRng(seed)
    this.#sink = sink
  }

  /**
   * Takes one packet as it would be on the wire. A partial checksum is finished
   * when the packet must be kept; `state` is what it will be then.
   */
  take(packet: OutFrame, state: ChecksumState, now: Micros): void {
    const { faults, counters } = this
    counters.packets++
    if (chance(this.#rng, faults.loss)) {
      counters.lost++
      return
    }
    this.#carry(packet, state, now)
    if (!chance(this.#rng, faults.duplicate)) return
    counters.duplicated++
    this.#carry(packet, state, now)
  }

  /** Lets go of all that is due. */
  pump(now: Micros): void {
    for (;;) {
      const held = this.#earliestHeld()
      const next = this.#count > 0 ? this.#ring[this.#first]! : undefined
      if (held !== undefined && held.due <= now && (next === undefined || held.due < next.due)) this.#release(held, now)
      else if (next !== undefined && next.due <= now) this.#emitNext(next, now)
      else return
    }
  }

  pollAt(): Micros {
    const next = this.#count > 0 ? this.#ring[this.#first]!.due : NEVER
    const held = this.#earliestHeld()
    return held !== undefined && held.due < next ? held.due : next
  }

  /** Takes back a packet that `emit` handed out. */
  recycle(packet: HeldPacket): void {
    if (packet.bytes.length === this.#packetBytes) this.#free.push(packet)
  }

  clear(): void {
    this.#ring.fill(undefined)
    this.#count = 0
    this.#bytes = 0
    this.#held.length = 0
    this.#free.length = 0
  }

  #carry(packet: OutFrame, state: ChecksumState, now: Micros): void {
    const { faults, counters } = this
    const corrupt = chance(this.#rng, faults.corrupt)
    const hold = chance(this.#rng, faults.reorder) && this.#held.length < MAX_HELD
    const due = this.#schedule(packet.length, now)
    if (due === NEVER) {
      counters.overflowed++
      return
    }
    this.#order++
    if (!corrupt && !hold && due <= now && this.#count === 0) {
      this.#sink.pass(packet, state, now)
      if (this.#held.length > 0) this.#overtaken(this.#order, now)
      return
    }
    const copy = this.#copy(packet, state)
    if (corrupt) {
      counters.corrupted++
      // Ethernet's own check sequence would have caught it: such a frame does not arrive.
      if (copy.checksum === 'partial' || !flipBit(copy, this.#medium, this.#rng)) {
        this.recycle(copy)
        return
      }
      copy.checksum = 'complete'
    }
    copy.due = due
    copy.order = this.#order
    if (hold) {
      counters.reordered++
      copy.due = Math.ceil(due + faults.reorderDelay) as Micros
      copy.overtakes = faults.reorderDepth
      this.#held.push(copy)
      return
    }
    this.#push(copy)
    if (due <= now) this.pump(now)
  }

  /** When a packet of `length` bytes arrives; NEVER where the queue has no room for it. */
  #schedule(length: number, now: Micros): Micros {
    const { rate, delay, jitter, queueBytes } = this.faults
    let leaves: number = now
    if (rate !== Number.POSITIVE_INFINITY) {
      leaves = Math.max(now, this.#lineFreeAt) + (length * 8e6) / rate
      if ((leaves - now) * rate > queueBytes * 8e6) return NEVER
      this.#lineFreeAt = leaves
    } else if (this.#bytes + length > queueBytes) return NEVER
    const travel = jitter > 0 ? delay + below(this.#rng, jitter + 1) : delay
    this.#lastDue = Math.max(this.#lastDue, Math.ceil(leaves + travel))
    return this.#lastDue as Micros
  }

  #copy(packet: OutFrame, state: ChecksumState): HeldPacket {
    finishChecksum(packet)
    const small = packet.length <= this.#packetBytes
    const copy =
      (small ? this.#free.pop() : undefined) ??
      new HeldPacket(new Uint8Array(small ? this.#packetBytes : packet.length))
    copy.start = 0
    copy.headerLength = packet.end - packet.start
    copy.end = packet.copyTo(copy.bytes, 0)
    copy.checksum = state
    copy.segmentSize = packet.segmentSize
    return copy
  }

  #push(packet: HeldPacket): void {
    if (this.#count === this.#ring.length) {
      const ring = new Array<HeldPacket | undefined>(this.#ring.length * 2).fill(undefined)
      for (let i = 0; i < this.#count; i++) ring[i] = this.#ring[(this.#first + i) & (this.#ring.length - 1)]
      this.#ring = ring
      this.#first = 0
    }
    this.#ring[(this.#first + this.#count++) & (this.#ring.length - 1)] = packet
    this.#bytes += packet.end
  }

  #emitNext(packet: HeldPacket, now: Micros): void {
    this.#ring[this.#first] = undefined
    this.#first = (this.#first + 1) & (this.#ring.length - 1)
    this.#count--
    this.#bytes -= packet.end
    const order = packet.order
    this.#sink.emit(packet, now)
    if (this.#held.length > 0) this.#overtaken(order, now)
  }

  #earliestHeld(): HeldPacket | undefined {
    let earliest: HeldPacket | undefined
    for (let i = 0; i < this.#held.length; i++) {
      if (earliest === undefined || this.#held[i]!.due < earliest.due) earliest = this.#held[i]!
    }
    return earliest
  }

  /** Counts the packet `order` for those before it that wait to be overtaken, and lets go of those that were. */
  #overtaken(order: number, now: Micros): void {
    for (let i = 0; i < this.#held.length; ) {
      const held = this.#held[i]!
      if (held.order < order && --held.overtakes === 0) this.#release(held, now)
      else i++
    }
  }

  #release(packet: HeldPacket, now: Micros): void {
    this.#held.splice(this.#held.indexOf(packet), 1)
    this.#sink.emit(packet, now)
  }
}
