import { chance, type Rng, seededRng } from '../base/rng.ts'
import { earliest, type Micros, NEVER } from '../base/types.ts'
import { IPV4_MAX_LEN } from '../wire/ipv4.ts'
import type { ResolvedFaults } from './fault-options.ts'
import { flipBit } from './flip-bit.ts'
import { type HeldPacket, PacketStore } from './held-packet.ts'
import { headerLengthOf } from './layout.ts'
import { LineQueue, type QueueState } from './line-queue.ts'
import type { ChecksumState, Link, OutFrame } from './link.ts'
import { LossModel } from './loss-model.ts'
import { markCongestion } from './mark-congestion.ts'

/** What has happened to the packets of one direction. */
export interface FaultCounters {
  /** Packets that came, super-segments counted as the packets they stand for. */
  packets: number
  /** Lost by chance, or because the line was down. */
  lost: number
  /** Lost because they were larger than the line's MTU. */
  oversized: number
  duplicated: number
  reordered: number
  corrupted: number
  /** Lost because the queue was full. */
  overflowed: number
  /** Dropped by CoDel, and marked by it instead. */
  dropped: number
  marked: number
}

/** Where a line's packets go. */
export interface FaultSink {
  /** A packet nothing happened to, still where it came from. Where there is no such way, every packet is kept until `pump`. */
  pass?(packet: OutFrame, state: ChecksumState, now: Micros): void
  /** A packet that was kept; give it back by `recycle` when it is no longer read. */
  emit(packet: HeldPacket, now: Micros): void
}

/** Sets the chances of a line's two directions apart. */
export const OTHER_SEED = 0x9e3779b9
/** Packets that may be out of order at once; beyond that they stay in order. */
const MAX_HELD = 64

/** One direction of a faulty link: decides what happens to each packet, and keeps those that are late. */
export class FaultLine {
  readonly counters: FaultCounters = {
    packets: 0,
    lost: 0,
    oversized: 0,
    duplicated: 0,
    reordered: 0,
    corrupted: 0,
    overflowed: 0,
    dropped: 0,
    marked: 0,
  }
  readonly #medium: Link['medium']
  readonly #rng: Rng
  readonly #sink: FaultSink
  readonly #loss: LossModel
  readonly #store: PacketStore
  readonly #queue: LineQueue
  /** Those being overtaken. */
  readonly #held: HeldPacket[] = []
  #faults: ResolvedFaults
  #order = 0

  /** Buffers hold `packetBytes`; a larger packet gets one of its own. */
  constructor(medium: Link['medium'], packetBytes: number, faults: ResolvedFaults, seed: number, sink: FaultSink) {
    this.#medium = medium
    this.#faults = faults
    this.#rng = seededRng(seed)
    this.#sink = sink
    this.#loss = new LossModel(this.#rng)
    this.#store = new PacketStore(packetBytes)
    this.#queue = new LineQueue(faults, this.#rng, { congested: (packet) => this.#signal(packet) })
  }

  get faults(): ResolvedFaults {
    return this.#faults
  }

  /** From now on; what has left the queue keeps its time. */
  set faults(faults: ResolvedFaults) {
    this.#faults = faults
    this.#queue.faults = faults
  }

  /** What waits for the line. */
  queueState(now: Micros): QueueState {
    return this.#queue.state(now)
  }

  /**
   * Takes one packet as it would be on the wire. A partial checksum is finished
   * when the packet must be kept; `state` is what it will be then.
   */
  take(packet: OutFrame, state: ChecksumState, now: Micros): void {
    const { counters } = this
    const faults = this.#faults
    counters.packets++
    if (faults.down || this.#loss.loses(faults)) {
      counters.lost++
      return
    }
    if (faults.mtu < IPV4_MAX_LEN && this.#isOversized(packet)) {
      counters.oversized++
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
      if (held !== undefined && held.due <= now && held.due < this.#queue.pollAt()) {
        this.#release(held, now)
        continue
      }
      const next = this.#queue.take(now)
      if (next === undefined) {
        if (held === undefined || held.due > now) return
        this.#release(held, now)
      } else if (next.overtakes > 0 && this.#held.length < MAX_HELD) this.#hold(next)
      else this.#emitNext(next, now)
    }
  }

  pollAt(): Micros {
    const next = this.#queue.pollAt()
    return this.#held.length === 0 ? next : earliest(next, this.#earliestHeld()?.due ?? NEVER)
  }

  /** Takes back a packet that `emit` handed out. */
  recycle(packet: HeldPacket): void {
    this.#store.recycle(packet)
  }

  clear(): void {
    this.#queue.clear()
    this.#held.length = 0
    this.#store.clear()
  }

  #carry(packet: OutFrame, state: ChecksumState, now: Micros): void {
    const { counters } = this
    const faults = this.#faults
    const corrupt = chance(this.#rng, faults.corrupt)
    const hold = chance(this.#rng, faults.reorder)
    if (!this.#queue.hasRoom(packet.length, now)) {
      counters.overflowed++
      return
    }
    this.#order++
    if (this.#sink.pass !== undefined && !corrupt && !hold && this.#queue.isPassable(now)) {
      this.#sink.pass(packet, state, now)
      if (this.#held.length > 0) this.#overtaken(this.#order, now)
      return
    }
    const copy = this.#store.copy(packet, state)
    if (corrupt) {
      counters.corrupted++
      // Ethernet's own check sequence would have caught it: such a frame does not arrive.
      if (copy.checksum === 'partial' || !flipBit(copy, this.#medium, this.#rng)) {
        this.recycle(copy)
        return
      }
      copy.checksum = 'complete'
    }
    copy.order = this.#order
    copy.overtakes = hold ? faults.reorderDepth : 0
    this.#queue.push(copy, now)
    if (this.#sink.pass !== undefined && this.#queue.pollAt() <= now) this.pump(now)
  }

  #isOversized(packet: OutFrame): boolean {
    const below = headerLengthOf(this.#medium, packet.bytes, packet.start, packet.end)
    return below >= 0 && packet.length - below > this.#faults.mtu
  }

  /** CoDel asks for a signal: a mark where the sender takes marks, else a loss. */
  #signal(packet: HeldPacket): boolean {
    if (this.#faults.ecn && markCongestion(packet, this.#medium)) {
      this.counters.marked++
      return true
    }
    this.counters.dropped++
    this.recycle(packet)
    return false
  }

  #hold(packet: HeldPacket): void {
    this.counters.reordered++
    packet.due = Math.ceil(packet.due + this.#faults.reorderDelay) as Micros
    this.#held.push(packet)
  }

  #emitNext(packet: HeldPacket, now: Micros): void {
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
