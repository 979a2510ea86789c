import { MAC_NONE, type MacAddr } from '../base/address.ts'
import { rangeError } from '../base/argument-errors.ts'
import { type Micros, NEVER } from '../base/types.ts'
import { type FaultCounters, FaultLine, OTHER_SEED } from './fault-line.ts'
import { type FaultOptions, resolveFaults } from './fault-options.ts'
import type { HeldPacket } from './held-packet.ts'
import type { QueueState } from './line-queue.ts'
import { ETHERNET_MAX, FULL_OFFLOAD, type InFrame, type Link, type OutFrame } from './link.ts'
import { Segmenter, segmentCount } from './segment.ts'

export interface FaultyCableOptions {
  /** For people; the ends are called `<name> a` and `<name> b`. Default `cable`. */
  readonly name?: string
  /** The largest IP packet, in bytes. Default 1500. */
  readonly mtu?: number
  /** Default `ethernet`. */
  readonly medium?: 'ethernet' | 'ip'
  readonly macA?: MacAddr
  readonly macB?: MacAddr
}

/** One end: what it sends goes down the one line, what it receives comes out of the other. */
class FaultyEnd implements Link {
  readonly name: string
  readonly medium: 'ethernet' | 'ip'
  readonly mac: MacAddr
  readonly mtu: number
  readonly offload = FULL_OFFLOAD
  onWake: (() => void) | undefined
  readonly #out: FaultLine
  readonly #segmenter = new Segmenter()
  #in: FaultLine | undefined
  #peer: FaultyEnd | undefined
  #onFrame: (frame: InFrame) => void = () => {}

  constructor(name: string, mac: MacAddr, { medium = 'ethernet', mtu = 1500 }: FaultyCableOptions, out: FaultLine) {
    this.name = name
    this.medium = medium
    this.mac = medium === 'ip' ? MAC_NONE : mac
    this.mtu = mtu
    this.#out = out
  }

  join(peer: FaultyEnd): void {
    this.#peer = peer
    this.#in = peer.#out
  }

  /** What arrived at this end, on its way up. */
  emit(packet: HeldPacket): void {
    this.#onFrame(packet)
    this.#in?.recycle(packet)
  }

  send(frame: OutFrame, now: Micros): boolean {
    const peer = this.#peer
    if (peer === undefined) return false
    const pieces = segmentCount(frame)
    if (pieces > 1) {
      const count = this.#segmenter.begin(frame, this.medium)
      for (let i = 0; i < count; i++) this.#out.take(this.#segmenter.piece(i), 'complete', now)
      if (count === 0) return false
    } else {
      if (frame.length > this.mtu + ETHERNET_MAX) return false
      frame.segmentSize = 0
      this.#out.take(frame, 'complete', now)
    }
    peer.onWake?.()
    return true
  }

  flush(): void {}

  receive(now: Micros, onFrame: (frame: InFrame) => void): void {
    this.#onFrame = onFrame
    this.#in?.pump(now)
  }

  pollAt(): Micros {
    return this.#in?.pollAt() ?? NEVER
  }

  /** Pulls the plug: neither end sends any more. What was on its way to the other end still arrives there. */
  close(): void {
    this.#in = undefined
    if (this.#peer !== undefined) this.#peer.#peer = undefined
    this.#peer = undefined
  }
}

/**
 * A cable in memory with a fault line in each direction: as a FaultLink on a Cable, but every packet is copied only once.
 * It takes super-segments and cuts them, since a wire loses packets.
 */
export class FaultyCable {
  readonly a: Link
  readonly b: Link
  readonly #aToB: FaultLine
  readonly #bToA: FaultLine

  /**
   * Of `faults`, `send` is what is different from a to b, `receive` from b to a.
   * @throws {RangeError} when a fault is out of its range.
   */
  constructor(options: FaultyCableOptions = {}, faults: FaultOptions = {}) {
    const { name = 'cable', mtu = 1500, medium = 'ethernet' } = options
    if (!(mtu >= 68 && mtu <= 65535)) throw rangeError(`Cannot make cable: mtu must be 68 to 65535, got ${mtu}`)
    const seed = faults.seed ?? 1
    const room = mtu + ETHERNET_MAX
    const toA = { emit: (packet: HeldPacket) => a.emit(packet) }
    const toB = { emit: (packet: HeldPacket) => b.emit(packet) }
    this.#aToB = new FaultLine(medium, room, resolveFaults(faults, faults.send), seed, toB)
    this.#bToA = new FaultLine(medium, room, resolveFaults(faults, faults.receive), seed ^ OTHER_SEED, toA)
    const a = new FaultyEnd(`${name} a`, options.macA ?? (0x02000000000a as MacAddr), options, this.#aToB)
    const b = new FaultyEnd(`${name} b`, options.macB ?? (0x02000000000b as MacAddr), options, this.#bToA)
    a.join(b)
    b.join(a)
    this.a = a
    this.b = b
  }

  /** What has happened to packets from a to b (`send`) and from b to a. */
  get counters(): { readonly send: Readonly<FaultCounters>; readonly receive: Readonly<FaultCounters> } {
    return { send: this.#aToB.counters, receive: this.#bToA.counters }
  }

  /** What waits for the line from a to b, and from b to a. */
  queues(now: Micros): { readonly send: QueueState; readonly receive: QueueState } {
    return { send: this.#aToB.queueState(now), receive: this.#bToA.queueState(now) }
  }

  /**
   * Other faults from now on; packets that have left the queue keep their time, and the seed goes on.
   * @throws {RangeError} when a fault is out of its range.
   */
  configure(options: FaultOptions): void {
    const back = resolveFaults(options, options.receive)
    this.#aToB.faults = resolveFaults(options, options.send)
    this.#bToA.faults = back
  }
}
