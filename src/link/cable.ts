import { MAC_NONE, type MacAddr } from '../base/address.ts'
import { rangeError } from '../base/argument-errors.ts'
import { type Micros, NEVER } from '../base/types.ts'
import { FrameQueue } from './frame-queue.ts'
import { headerLengthOf } from './layout.ts'
import { FULL_OFFLOAD, type InFrame, type Link, NO_OFFLOAD, type Offload, type OutFrame } from './link.ts'

export interface CableOptions {
  /** For people; the ends are called `<name> a` and `<name> b`. Default `cable`. */
  readonly name?: string
  /** The largest IP packet, in bytes. Default 1500. */
  readonly mtu?: number
  /** Default `ethernet`. */
  readonly medium?: 'ethernet' | 'ip'
  /** The addresses of the two ends, as `parseMac` makes them. Default 02:00:00:00:00:0a and 02:00:00:00:00:0b. */
  readonly macA?: MacAddr
  readonly macB?: MacAddr
  /** How long a bit travels, in microseconds: `fromMs(20)`. Default 0. */
  readonly delay?: Micros
  /** Bits per second in each direction. Default: no limit. */
  readonly rate?: number
  /**
   * Bytes that may wait in each direction before `send` says no: those not yet
   * on the line where there is a rate, else those not yet received. Default 16 MiB.
   */
  readonly queueBytes?: number
  /** Carry super-segments and unfinished checksums as they are. Default false. */
  readonly offload?: boolean
}

const MAC_A = 0x02000000000a as MacAddr
const MAC_B = 0x02000000000b as MacAddr
const QUEUE_BYTES = 16 * 1024 * 1024
const BATCH = 256

/** One end of a cable. */
class CableEnd implements Link {
  readonly name: string
  readonly medium: 'ethernet' | 'ip'
  readonly mac: MacAddr
  readonly mtu: number
  readonly offload: Offload
  onWake: (() => void) | undefined
  readonly #delay: number
  readonly #microsPerByte: number
  readonly #queueBytes: number
  readonly #arrived: FrameQueue
  #peer: CableEnd | undefined
  /** When the last bit of the last frame leaves this end. */
  #lineFreeAt = 0

  constructor(name: string, mac: MacAddr, options: CableOptions) {
    this.name = name
    this.medium = options.medium ?? 'ethernet'
    this.mac = this.medium === 'ip' ? MAC_NONE : mac
    this.mtu = options.mtu ?? 1500
    this.offload = options.offload === true ? FULL_OFFLOAD : NO_OFFLOAD
    this.#delay = options.delay ?? 0
    this.#queueBytes = options.queueBytes ?? QUEUE_BYTES
    this.#microsPerByte = options.rate === undefined ? 0 : 8e6 / options.rate
    // At a rate there are bytes in flight too, and what lies at the other end until it is received.
    const beyond = options.rate === undefined ? 0 : this.#queueBytes + Math.ceil(this.#delay / this.#microsPerByte)
    this.#arrived = new FrameQueue(this.#queueBytes + beyond, this.medium === 'ethernet' ? 2 : 0)
  }

  join(peer: CableEnd): void {
    this.#peer = peer
  }

  send(frame: OutFrame, now: Micros): boolean {
    const peer = this.#peer
    if (peer === undefined || !this.#fits(frame)) return false
    const length = frame.length
    const leaves = Math.max(now, this.#lineFreeAt) + length * this.#microsPerByte
    // The time until the line is free, measured in bytes, is what waits on this side.
    if (this.#microsPerByte > 0 && (leaves - now) / this.#microsPerByte > this.#queueBytes) return false
    const partial = this.offload.checksum && frame.checksumStart >= 0
    const at = Math.ceil(leaves + this.#delay) as Micros
    if (!peer.#arrived.push(frame, partial ? 'partial' : 'complete', at)) return false
    this.#lineFreeAt = leaves
    peer.onWake?.()
    return true
  }

  flush(): void {}

  receive(now: Micros, onFrame: (frame: InFrame) => void): void {
    const arrived = this.#arrived
    for (let i = 0; i < BATCH && arrived.firstAt <= now; i++) {
      try {
        onFrame(arrived.front())
      } finally {
        arrived.shift()
      }
    }
  }

  pollAt(): Micros {
    return this.#peer === undefined ? NEVER : this.#arrived.firstAt
  }

  /** Pulls the plug: neither end sends any more. What was on its way to the other end still arrives there. */
  close(): void {
    this.#arrived.clear()
    if (this.#peer !== undefined) this.#peer.#peer = undefined
    this.#peer = undefined
  }

  #fits(frame: OutFrame): boolean {
    const below = headerLengthOf(this.medium, frame.bytes, frame.start, frame.end)
    if (below < 0) return false
    const payload = frame.payloadLength
    const segment = this.offload.segmentation && frame.segmentSize > 0 ? Math.min(frame.segmentSize, payload) : payload
    return frame.end - frame.start + segment - below <= this.mtu
  }
}

/** What the ends of a cable are: links with a call for a driver that sleeps. */
export type { CableEnd }

/**
 * A cable in memory between two stacks that share one clock.
 *
 * Frames arrive in order, once, and unharmed; put a FaultLink on an end for
 * anything else.
 */
export class Cable {
  readonly a: CableEnd
  readonly b: CableEnd

  /** @throws {RangeError} when a number of `options` is out of its range. */
  constructor(options: CableOptions = {}) {
    const { mtu = 1500, delay = 0, rate = 1, queueBytes = QUEUE_BYTES, name = 'cable' } = options
    if (!(mtu >= 68 && mtu <= 65535)) throw rangeError(`Cannot make cable: mtu must be 68 to 65535, got ${mtu}`)
    if (!(delay >= 0)) throw rangeError(`Cannot make cable: delay must be 0 or more, got ${delay}`)
    if (!(rate > 0)) throw rangeError(`Cannot make cable: rate must be more than 0, got ${rate}`)
    if (!(queueBytes > 0)) throw rangeError(`Cannot make cable: queueBytes must be more than 0, got ${queueBytes}`)
    this.a = new CableEnd(`${name} a`, options.macA ?? MAC_A, options)
    this.b = new CableEnd(`${name} b`, options.macB ?? MAC_B, options)
    this.a.join(this.b)
    this.b.join(this.a)
  }
}
