import { addMicros, type Micros } from '../base/types.ts'
import type { InFrame } from '../link/link.ts'
import { filterOfFlow, type InFlow, TAKE_NONE } from './bpf.ts'
import type { NativePort } from './native.ts'

const SECOND = 1_000_000
/** A connection is worth a ring when it brings so much within a second in large frames, and most of what comes in such. */
const WORTH = 8 * 1024 * 1024
const MOST = 3 / 4
/** A slot is not wasted on a frame of this size. */
export const LARGE_FRAME = 16 * 1024
/** After a drop everything comes by messages for so long; twice as long where the ring has not worked for long. */
const FIRST_PAUSE = SECOND
const LONGEST_PAUSE = 64 * SECOND
/** When a ring has worked for so many times its last pause, the next drop is an accident. */
const CALM = 8

const VERSION_AND_LENGTH = 0x45
const TCP = 6

/** A ring that a link may have. */
export interface RingPlan {
  readonly slots: number
  /** Everything comes by the ring, from the first frame on; else the connection that brings most, once there is one. */
  readonly forAll: boolean
  /** As `NativePort.openRing`, in the network namespace of the link. */
  readonly open: (port: NativePort, filter: Uint8Array) => ArrayBuffer | number
}

/**
 * What comes to a packet link by a ring, where the stack reads it in the kernel's slots, and what by messages, which cost a
 * call and a copy but wait in a buffer that holds many more. A connection's frames all take the same way, so that they keep
 * their order; the filters of the link's two sockets see to it.
 */
export class ReceiveRing {
  readonly #port: NativePort
  readonly #plan: RingPlan
  readonly #medium: 'ethernet' | 'ip'
  /** What the link hears. */
  #filter: Uint8Array
  #state: 'closed' | 'open' | 'impossible' = 'closed'
  /** The connection that has the ring, and when a large frame of it last came. */
  #flow: InFlow | undefined
  #seen = 0 as Micros
  /** The connection that is being weighed, since when, and what it and all have brought. */
  #weighed: InFlow | undefined
  #since = 0 as Micros
  #bytes = 0
  #allBytes = 0
  #restUntil = 0 as Micros
  #pause = 0
  /** Octets of its memory; 0 before it is opened. */
  size = 0
  /** Called with its memory when it is opened. */
  onOpen: ((memory: Uint8Array) => void) | undefined

  constructor(port: NativePort, plan: RingPlan, medium: 'ethernet' | 'ip', filter: Uint8Array) {
    this.#port = port
    this.#plan = plan
    this.#medium = medium
    this.#filter = filter
  }

  /** Opens the ring; 0 or a negative errno, and the link does without. */
  open(): number {
    const memory = this.#plan.open(this.#port, TAKE_NONE)
    this.#state = typeof memory === 'number' ? 'impossible' : 'open'
    if (typeof memory === 'number') return memory
    this.size = memory.byteLength
    this.onOpen?.(new Uint8Array(memory))
    return this.#steer()
  }

  /** What the link hears from now on; 0 or a negative errno. */
  setFilter(filter: Uint8Array): number {
    this.#filter = filter
    return this.#steer()
  }

  /** A large frame has come. */
  saw({ view, start, end }: InFrame, isInRing: boolean, now: Micros): void {
    if (this.#plan.forAll || this.#state === 'impossible' || now < this.#restUntil) return
    const ip = start + (this.#medium === 'ethernet' ? 14 : 0)
    if (view.getUint8(ip) !== VERSION_AND_LENGTH || view.getUint8(ip + 9) !== TCP) return
    if (isInRing) {
      this.#seen = now
      return
    }
    const ports = view.getUint32(ip + 20)
    const weighed = this.#weighed
    if (weighed === undefined || now - this.#since > SECOND) {
      this.#weighed = { source: view.getUint32(ip + 12), destination: view.getUint32(ip + 16), ports }
      this.#since = now
      this.#bytes = 0
      this.#allBytes = 0
      return
    }
    this.#allBytes += end - start
    if (weighed.ports === ports) this.#bytes += end - start
    if (this.#bytes < WORTH || this.#bytes < this.#allBytes * MOST) return
    this.#weighed = undefined
    this.#give(weighed, now)
  }

  /** The ring had no slot for a frame: more is under way than it holds. */
  hasDropped(now: Micros): void {
    if (this.#flow === undefined) return
    const isAccident = now - this.#restUntil >= CALM * this.#pause
    this.#pause = isAccident ? FIRST_PAUSE : Math.min(2 * this.#pause, LONGEST_PAUSE)
    this.#restUntil = addMicros(now, this.#pause)
    this.#flow = undefined
    this.#steer()
  }

  /** Gives a connection the ring, unless another uses it: two together may have more under way than it holds. */
  #give(flow: InFlow, now: Micros): void {
    if (this.#state === 'closed' && this.open() < 0) return
    if (this.#flow !== undefined && now - this.#seen < SECOND) return
    this.#flow = flow
    this.#seen = now
    this.#steer()
  }

  /** While the two filters do not agree, a frame comes both ways rather than neither. */
  #steer(): number {
    const port = this.#port
    if (this.#state !== 'open') return port.setFilter(this.#filter, false)
    const [byRing, byMessages] = this.#filters()
    if (byRing === TAKE_NONE) return port.setFilter(byMessages, false) || port.setFilter(byRing, true)
    return port.setFilter(byRing, true) || port.setFilter(byMessages, false)
  }

  #filters(): [byRing: Uint8Array, byMessages: Uint8Array] {
    const filter = this.#filter
    if (this.#plan.forAll) return [filter, TAKE_NONE]
    const flow = this.#flow
    if (flow === undefined) return [TAKE_NONE, filter]
    return [filterOfFlow(filter, 'only', flow, this.#medium), filterOfFlow(filter, 'without', flow, this.#medium)]
  }
}
