import { below, type Rng } from '../base/rng.ts'
import { type Micros, NEVER } from '../base/types.ts'
import { CoDel } from './codel.ts'
import type { ResolvedFaults } from './fault-options.ts'
import type { HeldPacket } from './held-packet.ts'

const FIRST_SLOTS = 64

/** What waits before a line, and how long it had to. */
export interface QueueState {
  /** Bytes and packets that wait, the one on the line included. */
  readonly bytes: number
  readonly packets: number
  /** The most bytes that ever waited. */
  readonly mostBytes: number
  /** How long packets waited for the line, in microseconds: the average, and the longest. */
  readonly meanDelay: number
  readonly longestDelay: number
}

/** Who decides what becomes of a packet that must make room. */
export interface QueueHost {
  /** CoDel: the packet has waited too long. True: it was marked and goes on; else it is gone. */
  congested(packet: HeldPacket): boolean
}

/**
 * Packets in order: those that wait for a line of some rate, then those that travel along it.
 *
 * Without CoDel a packet's time is known when it comes: the line will be free once all before it have left. With CoDel
 * it is decided when the line is free for it; nobody need be woken for that, since the decision depends on nothing that
 * happens later.
 */
export class LineQueue {
  faults: ResolvedFaults
  readonly #rng: Rng
  readonly #host: QueueHost
  readonly #codel = new CoDel()
  /** A ring, a power of two long. */
  #ring = new Array<HeldPacket | undefined>(FIRST_SLOTS).fill(undefined)
  #first = 0
  #count = 0
  #bytes = 0
  /** Of the packets in the ring: how many have their time, and of those how many have left for good. */
  #timed = 0
  #gone = 0
  /** Bytes of those that have no time yet. */
  #untimedBytes = 0
  #lineFreeAt = 0
  #lastDue = 0
  #mostBytes = 0
  #departures = 0
  #totalDelay = 0
  #longestDelay = 0

  constructor(faults: ResolvedFaults, rng: Rng, host: QueueHost) {
    this.faults = faults
    this.#rng = rng
    this.#host = host
  }

  /** Packets on the way, waiting or travelling. */
  get length(): number {
    return this.#count
  }

  /** Whether a packet that comes now need not be kept at all. */
  isPassable(now: Micros): boolean {
    const { rate, delay, jitter } = this.faults
    return this.#count === 0 && rate === Number.POSITIVE_INFINITY && delay + jitter === 0 && this.#lastDue <= now
  }

  /** Whether `length` more bytes may wait. */
  hasRoom(length: number, now: Micros): boolean {
    const { rate, queueBytes, queuePackets } = this.faults
    this.#advance(now)
    const waiting = rate === Number.POSITIVE_INFINITY ? this.#bytes : this.#waitingBytes(now)
    if (waiting + length > queueBytes) return false
    return queuePackets === Number.POSITIVE_INFINITY || this.#waitingPackets(now) < queuePackets
  }

  push(packet: HeldPacket, now: Micros): void {
    if (this.#count === this.#ring.length) this.#grow()
    this.#ring[(this.#first + this.#count++) & (this.#ring.length - 1)] = packet
    this.#bytes += packet.end
    this.#untimedBytes += packet.end
    packet.arrived = now
    this.#advance(now)
    const waiting = this.#waitingBytes(now)
    if (waiting > this.#mostBytes) this.#mostBytes = waiting
  }

  /** The next packet that has travelled all the way by `now`. */
  take(now: Micros): HeldPacket | undefined {
    this.#advance(now)
    const packet = this.#timed > 0 ? this.#ring[this.#first]! : undefined
    if (packet === undefined || packet.due > now) return undefined
    this.#ring[this.#first] = undefined
    this.#first = (this.#first + 1) & (this.#ring.length - 1)
    this.#count--
    this.#timed--
    if (this.#gone > 0) this.#gone--
    this.#bytes -= packet.end
    return packet
  }

  /** When `take` may next have something: never too late. */
  pollAt(): Micros {
    if (this.#timed > 0) return this.#ring[this.#first]!.due
    return this.#count > 0 ? (Math.ceil(this.#lineFreeAt + this.faults.delay) as Micros) : NEVER
  }

  state(now: Micros): QueueState {
    const waits = this.faults.rate !== Number.POSITIVE_INFINITY
    return {
      bytes: waits ? Math.ceil(this.#waitingBytes(now)) : 0,
      packets: waits ? this.#waitingPackets(now) : 0,
      mostBytes: Math.ceil(this.#mostBytes),
      meanDelay: this.#departures === 0 ? 0 : this.#totalDelay / this.#departures,
      longestDelay: this.#longestDelay,
    }
  }

  clear(): void {
    this.#ring.fill(undefined)
    this.#count = 0
    this.#timed = 0
    this.#gone = 0
    this.#bytes = 0
    this.#untimedBytes = 0
  }

  #waitingBytes(now: Micros): number {
    const { rate } = this.faults
    if (rate === Number.POSITIVE_INFINITY) return 0
    return Math.max(0, ((this.#lineFreeAt - now) * rate) / 8e6) + this.#untimedBytes
  }

  #waitingPackets(now: Micros): number {
    while (this.#gone < this.#timed && this.#at(this.#gone).left <= now) this.#gone++
    return this.#count - this.#gone
  }

  /** Gives packets their times as far as they can be known. */
  #advance(now: Micros): void {
    while (this.#timed < this.#count) {
      const packet = this.#at(this.#timed)
      const starts = Math.max(packet.arrived, this.#lineFreeAt)
      if (this.faults.codel > 0 && starts > now) return
      this.#untimedBytes -= packet.end
      if (this.#isCongested(packet, starts) && !this.#host.congested(packet)) this.#remove(this.#timed)
      else this.#time(packet, starts)
    }
  }

  #isCongested(packet: HeldPacket, starts: number): boolean {
    const { codel, codelInterval } = this.faults
    // RFC 8289 §5.4: behind it, more than one.
    const left = this.#count - this.#timed > 2
    return codel > 0 && this.#codel.signals(starts, starts - packet.arrived, left, codel, codelInterval)
  }

  #time(packet: HeldPacket, starts: number): void {
    const { rate, delay, jitter } = this.faults
    const waited = starts - packet.arrived
    this.#departures++
    this.#totalDelay += waited
    if (waited > this.#longestDelay) this.#longestDelay = waited
    packet.left = starts
    if (rate !== Number.POSITIVE_INFINITY) {
      packet.left += (packet.end * 8e6) / rate
      this.#lineFreeAt = packet.left
    }
    const travel = jitter > 0 ? delay + below(this.#rng, jitter + 1) : delay
    this.#lastDue = Math.max(this.#lastDue, Math.ceil(packet.left + travel))
    packet.due = this.#lastDue as Micros
    this.#timed++
  }

  #at(index: number): HeldPacket {
    return this.#ring[(this.#first + index) & (this.#ring.length - 1)]!
  }

  /** Takes one out of the middle: those before it move up by one, and they are few where CoDel has its way. */
  #remove(index: number): void {
    const mask = this.#ring.length - 1
    this.#bytes -= this.#at(index).end
    for (let i = index; i > 0; i--) this.#ring[(this.#first + i) & mask] = this.#at(i - 1)
    this.#ring[this.#first] = undefined
    this.#first = (this.#first + 1) & mask
    this.#count--
  }

  #grow(): void {
    const ring = new Array<HeldPacket | undefined>(this.#ring.length * 2).fill(undefined)
    for (let i = 0; i < this.#count; i++) ring[i] = this.#at(i)
    this.#ring = ring
    this.#first = 0
  }
}
