import { addMicros, type Micros, NEVER } from '../base/types.ts'
import type { InFrame } from '../link/link.ts'
import { filterOfFlow, flowOf, type InFlow, TAKE_NONE } from './bpf.ts'
import { type NativePort, PortState } from './native.ts'

const SECOND = 1_000_000
/** A connection is weighed for so long, or until its next large frame; for a second at most. */
const WEIGHING = SECOND / 10
/**
 * It is worth a ring when it has brought so much in large frames, and most of what came in such, while more waited than one
 * batch takes: who keeps up without a ring spares the sender its copy, and a program that has begun just now is slow for a
 * while.
 */
const WORTH = 8 * 1024 * 1024
const MOST = 3 / 4
/** A slot is not wasted on a frame of this size. */
export const LARGE_FRAME = 16 * 1024
/** After a drop everything comes by messages for so long; twice as long where the ring was not used for long. */
const FIRST_PAUSE = SECOND
const LONGEST_PAUSE = 64 * SECOND
/** Having been used for so many times its last pause, a ring has dropped by accident. */
const CALM = 8
const NO_BYTES = new Uint8Array(0)

/** A ring that a link may have. */
export interface RingPlan {
  readonly slots: number
  /** Everything comes by the ring, from the first frame on; else the connection that brings most, once there is one. */
  readonly forAll: boolean
}

/**
 * What comes to a packet link by a ring, where the stack reads it in the kernel's slots, and what by messages, which cost a
 * call and a copy but wait in a buffer that holds many more. A connection's frames all take the same way, so that they keep
 * their order; the filters of the link's two sockets see to it.
 */
export class ReceiveRing {
  /** Where its frames lie; no bytes before it is opened. */
  memory = NO_BYTES
  readonly #port: NativePort
  readonly #portState: Int32Array
  readonly #plan: RingPlan
  readonly #medium: 'ethernet' | 'ip'
  /** What the link hears. */
  #filter: Uint8Array
  /** The connection that has the ring, since when, when a large frame of it last came, and when to look whether one has. */
  #flow: InFlow | undefined
  #givenAt = 0 as Micros
  #seen = 0 as Micros
  #lookAt: Micros = NEVER
  /** The connection that is being weighed, since when, and what it and all have brought. */
  #weighed: InFlow | undefined
  #since = 0 as Micros
  #bytes = 0
  #allBytes = 0
  #restUntil = 0 as Micros
  #pause = 0

  /** `portState` is what the port writes its state to. */
  constructor(port: NativePort, portState: Int32Array, plan: RingPlan, medium: 'ethernet' | 'ip', filter: Uint8Array) {
    this.#port = port
    this.#portState = portState
    this.#plan = plan
    this.#medium = medium
    this.#filter = filter
  }

  get isOpen(): boolean {
    return this.memory.length > 0
  }

  /** Opens the ring; 0 or a negative errno. */
  open(): number {
    const memory = this.#port.openRing(this.#plan.slots, TAKE_NONE)
    if (typeof memory === 'number') return memory
    this.memory = new Uint8Array(memory)
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

  /** A large frame has come, in one piece. */
  saw(frame: InFrame, isInRing: boolean, now: Micros): void {
    if (isInRing) this.#seen = now
    if (isInRing || this.#plan.forAll || now < this.#restUntil) return
    const flow = flowOf(frame, this.#medium)
    if (flow === undefined) return
    if (this.#weighed === undefined || now - this.#since > SECOND) {
      this.#weighed = flow
      this.#since = now
      this.#bytes = 0
      this.#allBytes = 0
      return
    }
    const length = frame.end - frame.start
    this.#allBytes += length
    const isBehind = this.#portState[PortState.RX_MORE] !== 0
    if (isBehind && isSame(flow, this.#weighed)) this.#bytes += length
    if (now - this.#since < WEIGHING) return
    const weighed = this.#weighed
    this.#weighed = undefined
    const isWorthy = this.#bytes >= WORTH && this.#bytes >= this.#allBytes * MOST
    // Two together may have more under way than the ring holds.
    const isFree = this.#flow === undefined || now - this.#seen >= WEIGHING
    if (isWorthy && isFree) this.#give(weighed, now)
  }

  /** Everything goes to messages where the ring has dropped something, or has nothing to do any more. */
  poll(now: Micros): void {
    if (this.#portState[PortState.RX_LOSING] !== 0) {
      // What has been counted is told no more.
      this.#port.drops()
      this.#portState[PortState.RX_LOSING] = 0
      if (this.#flow !== undefined) this.#hasDropped(now)
    }
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

  #give(flow: InFlow, now: Micros): void {
    if (!this.isOpen && this.open() < 0) {
      // There may be memory for it later.
      this.#restUntil = addMicros(now, LONGEST_PAUSE)
      return
    }
    this.#flow = flow
    this.#givenAt = now
    this.#seen = now
    this.#lookAt = addMicros(now, SECOND)
    this.#steer()
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

const isSame = (a: InFlow, b: InFlow): boolean =>
  a.ports === b.ports && a.source === b.source && a.destination === b.destination
