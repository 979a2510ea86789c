import { constants } from 'node:os'

import { addMicros, type Micros, NEVER } from '../base/types.ts'
import type { InFrame } from '../link/link.ts'
import { filterOfFlow, type InFlow, TAKE_NONE } from './bpf.ts'
import { type LoopRest, loopRest } from './loop-rest.ts'
import { type NativePort, PortState } from './native.ts'
import { type Candidate, LARGE_FRAME, RingScales, type RingShapeName, WEIGHING } from './ring-scales.ts'

const { EBUSY } = constants.errno
const SECOND = 1_000_000
/** After a drop everything comes by messages for so long; twice as long where the ring was not used for long. */
const FIRST_PAUSE = SECOND
const LONGEST_PAUSE = 64 * SECOND
/** Having been used for so many times its last pause, a ring has dropped by accident. */
const CALM = 8
/**
 * Who rests for so much of the time with a ring may do without: then the sender, who pays for it, is perhaps what limits
 * both. It is tried after so long; if messages keep him busy and the ring comes back within a second, eight times as long.
 */
const REST = 1 / 4
const FIRST_TRIAL = SECOND / 4
const LONGEST_TRIAL = 64 * SECOND
const NEVER_DENIED = -SECOND as Micros
const NO_BYTES = new Uint8Array(0)

/** The slots of a ring. */
export interface RingShape {
  readonly slots: number
  /** Octets of each, with what the kernel says of the frame; a multiple of 16. */
  readonly slotSize: number
}

/** A ring that a link may have. */
export interface RingPlan {
  readonly shapes: Readonly<Record<RingShapeName, RingShape>>
  /** All comes by the ring of super-segments, from the first frame on; else the connection that brings most, if any does. */
  readonly forAll: boolean
}

/**
 * What comes to a packet link by a ring, where the stack reads it in the kernel's slots, and what by messages, which cost a
 * call and a copy but wait in a buffer that holds many more. A connection's frames all take the same way, so that they keep
 * their order; the filters of the link's two sockets see to it.
 */
export class ReceiveRing {
  /** Where its frames lie, another memory where it is opened again; no bytes while it is not open. */
  memory = NO_BYTES
  /** A frame of so many octets says that its connection deserves the ring that it came by. */
  leastLarge = LARGE_FRAME
  readonly #port: NativePort
  readonly #portState: Int32Array
  readonly #plan: RingPlan
  readonly #medium: 'ethernet' | 'ip'
  readonly #scales: RingScales
  #shape: RingShapeName = 'superSegments'
  /** What the link hears. */
  #filter: Uint8Array
  /** The connection that has the ring, since when, when a large frame of it last came, and when to look whether one has. */
  #flow: InFlow | undefined
  #givenAt = 0 as Micros
  #seen = 0 as Micros
  #lookAt: Micros = NEVER
  /** The one that is to have it, once nobody reads what lies there. */
  #next: Candidate | undefined
  /** Some frame was larger than its slot. */
  #hasCut = false
  #cutPause = LONGEST_PAUSE
  #restUntil = 0 as Micros
  #pause = 0
  /** For how long the ring is had without question, since when, what the loop had rested then, and when it was last denied. */
  #trial = FIRST_TRIAL
  #triedAt = 0 as Micros
  #rested = 0
  #deniedAt = NEVER_DENIED
  readonly #loopRest: LoopRest

  /** `portState` is what the port writes its state to. */
  constructor(
    port: NativePort,
    portState: Int32Array,
    plan: RingPlan,
    medium: 'ethernet' | 'ip',
    filter: Uint8Array,
    rest: LoopRest = loopRest,
  ) {
    this.#port = port
    this.#portState = portState
    this.#plan = plan
    this.#medium = medium
    this.#loopRest = rest
    this.#scales = new RingScales(medium, rest)
    this.#filter = filter
  }

  get isOpen(): boolean {
    return this.memory.length > 0
  }

  /**
   * Opens the ring, in the place of one that has other slots; 0 or a negative errno. With EBUSY there is still something to
   * read in that one, with any other there is none.
   */
  open(shape: RingShapeName): number {
    const { slots, slotSize } = this.#plan.shapes[shape]
    const memory = this.#port.openRing(slots, slotSize, TAKE_NONE)
    if (memory === -EBUSY) return memory
    this.memory = typeof memory === 'number' ? NO_BYTES : new Uint8Array(memory)
    if (typeof memory === 'number') return memory
    this.#shape = shape
    this.leastLarge = Math.min(LARGE_FRAME, slotSize >> 2)
    return this.#steer()
  }

  /** What the link hears from now on; 0, or a negative errno, and it goes on as before. */
  setFilter(filter: Uint8Array): number {
    const before = this.#filter
    this.#filter = filter
    const status = this.#steer()
    if (status === 0) return 0
    this.#filter = before
    this.#steer()
    return status
  }

  /** A super-segment has come by messages, or a large frame that the addon has joined. */
  saw(frame: InFrame, isJoined: boolean, now: Micros): void {
    if (this.#plan.forAll || now < this.#restUntil) return
    const isBehind = this.#portState[PortState.RX_MORE] !== 0
    const candidate = this.#scales.weigh(frame, isJoined, isBehind, now)
    // Two together may have more under way than the ring holds.
    if (this.#flow === undefined || now - this.#seen >= WEIGHING) this.#next = candidate ?? this.#next
  }

  /** A frame has come by the ring that is worth its slot. */
  sawOwn(now: Micros): void {
    this.#seen = now
  }

  /** A frame has come by the ring that was larger than its slot, and is lost. */
  sawCut(): void {
    this.#hasCut = true
  }

  /**
   * Between two batches: the ring goes to the connection that has come to deserve it, and everything to messages where it has
   * dropped something, or has nothing to do any more.
   */
  poll(now: Micros): void {
    if (this.#portState[PortState.RX_LOSING] !== 0) {
      // What has been counted is told no more.
      this.#port.drops()
      this.#portState[PortState.RX_LOSING] = 0
      if (this.#flow !== undefined) this.#hasDropped(now)
    }
    if (this.#hasCut) {
      this.#hasCut = false
      if (this.#flow !== undefined) this.#takeBack()
      this.#restUntil = addMicros(now, this.#cutPause)
      this.#cutPause *= 2
    }
    if (this.#next !== undefined) {
      const next = this.#next
      this.#next = undefined
      if (now >= this.#restUntil) this.#give(next, now)
    }
    if (this.#flow !== undefined && now - this.#triedAt >= this.#trial) this.#try(now)
    if (now < this.#lookAt) return
    // Many small frames would not find room in the ring.
    if (now - this.#seen >= SECOND) this.#takeBack()
    else this.#lookAt = addMicros(this.#seen, SECOND)
  }

  pollAt(): Micros {
    return this.#lookAt
  }

  /** More was under way than the ring holds. */
  #hasDropped(now: Micros): void {
    const isAccident = now - this.#givenAt >= CALM * this.#pause
    this.#pause = isAccident ? FIRST_PAUSE : Math.min(2 * this.#pause, LONGEST_PAUSE)
    this.#restUntil = addMicros(now, this.#pause)
    this.#takeBack()
  }

  #give(candidate: Candidate, now: Micros): void {
    const { flow, shape } = candidate
    if (!this.isOpen || shape !== this.#shape) {
      if (this.#flow !== undefined) this.#takeBack()
      const status = this.open(shape)
      if (status === -EBUSY) {
        this.#next = candidate
        return
      }
      if (status < 0) {
        // There may be memory for it later.
        this.#restUntil = addMicros(now, LONGEST_PAUSE)
        return
      }
    }
    this.#trial = now - this.#deniedAt < SECOND ? Math.min(8 * this.#trial, LONGEST_TRIAL) : FIRST_TRIAL
    this.#rested = this.#loopRest()
    this.#triedAt = now
    this.#flow = flow
    this.#givenAt = now
    this.#seen = now
    this.#lookAt = addMicros(now, SECOND)
    this.#steer()
  }

  /** Looks whether the connection needs the ring. */
  #try(now: Micros): void {
    const rested = this.#loopRest()
    const rest = (rested - this.#rested) * 1000
    const isNeeded = rest <= (now - this.#triedAt) * REST
    this.#rested = rested
    this.#triedAt = now
    if (isNeeded) return
    this.#deniedAt = now
    this.#takeBack()
  }

  #takeBack(): void {
    this.#flow = undefined
    this.#lookAt = NEVER
    this.#steer()
  }

  /** Sets both filters; while they do not agree, a frame had better come both ways than neither. */
  #steer(): number {
    const port = this.#port
    const filter = this.#filter
    const flow = this.#flow
    if (this.#plan.forAll) return port.setFilter(filter, true) || port.setFilter(TAKE_NONE, false)
    if (flow !== undefined) {
      const status =
        port.setFilter(filterOfFlow(filter, 'only', flow, this.#medium), true) ||
        port.setFilter(filterOfFlow(filter, 'without', flow, this.#medium), false)
      if (status === 0) return 0
      // With what the connection adds it may be longer than the kernel takes.
      this.#flow = undefined
      this.#lookAt = NEVER
    }
    const status = port.setFilter(filter, false)
    if (this.isOpen) port.setFilter(TAKE_NONE, true)
    return status
  }
}
