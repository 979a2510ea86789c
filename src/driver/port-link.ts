import { constants } from 'node:os'

import type { MacAddr } from '../base/address.ts'
import type { NetError } from '../base/errors.ts'
import { addMicros, type Micros, NEVER } from '../base/types.ts'
import { InFrame, type Link, type Offload, type OutFrame } from '../link/link.ts'
import { GsoType, type NativePort, PortFeature, RxFact, RxFlag, TxState } from './native.ts'
import { osError } from './os-errors.ts'
import { SendBatch } from './send-batch.ts'
import { cutUdp } from './udp-cut.ts'

const { EAGAIN, ENETDOWN } = constants.errno

/** Room for a whole super-segment with a tag, after the addon's 14 to 32 bytes of alignment. */
const SLOT_SIZE = 67584
const DEFAULT_SLOTS = 16
/** One `receive` stops here, so that acknowledgements leave in time. */
const TURN_BYTES = 256 * 1024
/** A device that says ENOBUFS does not tell when it has room again. */
const RETRY_DELAY = 1000
const MAX_RETRIES = 50
/** A frame on its way out of this machine (linux/if_packet.h). */
const PACKET_OUTGOING = 4

/** What passed through a port, and what did not. */
export interface PortCounters {
  readonly received: number
  readonly receivedBytes: number
  readonly sent: number
  /** Frames the kernel would not take: a full queue that stayed full, a down interface, an impossible frame. */
  readonly sendFailures: number
  /** How often a full queue made frames wait. */
  readonly delayed: number
  /** Frames larger than any IPv4 packet can be. */
  readonly truncated: number
}

/** What the opener of a descriptor knows of it. */
export interface PortFacts {
  /** For people, as in `Link`. */
  readonly name: string
  /** As the kernel calls it. */
  readonly interface: string
  readonly medium: 'ethernet' | 'ip'
  readonly mac: MacAddr
  readonly mtu: number
  /** Frames that the kernel saw leaving are skipped; a capture wants them. */
  readonly skipOutgoing: boolean
  /** Frames in a batch; each takes 66 KiB. */
  readonly slots?: number | undefined
}

/** A link over a descriptor: AF_PACKET, TAP or TUN. */
export class PortLink implements Link {
  readonly name: string
  readonly interface: string
  readonly medium: 'ethernet' | 'ip'
  readonly mac: MacAddr
  readonly mtu: number
  readonly offload: Offload
  /** What the kernel gave: PortFeature bits. */
  readonly features: number
  /** Bytes of the kernel's receive buffer, as it counts them; 0 for TAP and TUN. */
  readonly receiveBuffer: number
  /** Called when `receive` has something, or a full device has room again: poll the stack then. */
  onWake: (() => void) | undefined
  /**
   * Called once when the interface goes down (ENETDOWN; the link works again when it comes up) and once when it is
   * gone (ENODEV; nothing will pass any more).
   */
  onError: ((error: NetError) => void) | undefined
  readonly counters = { received: 0, receivedBytes: 0, sent: 0, sendFailures: 0, delayed: 0, truncated: 0 }

  readonly #port: NativePort
  readonly #skipOutgoing: boolean
  readonly #slots: number
  readonly #facts: Int32Array
  readonly #times: Float64Array
  readonly #batch = new SendBatch()
  readonly #txState = new Int32Array(TxState.COUNT)
  readonly #frame: InFrame
  #state: 'up' | 'down' | 'gone' | 'closed' = 'up'
  #error: NetError | undefined
  #pending = 0
  #paused = false
  #more = false
  #delivering = -1
  #awaitingRoom = false
  #retryAt: Micros = NEVER
  #retries = 0

  /** Takes an opened port over. */
  constructor(port: NativePort, facts: PortFacts) {
    this.#port = port
    this.name = facts.name
    this.interface = facts.interface
    this.medium = facts.medium
    this.mac = facts.mac
    this.mtu = facts.mtu
    this.features = port.features()
    this.offload = {
      checksum: (this.features & PortFeature.CHECKSUM) !== 0,
      segmentation: (this.features & PortFeature.TSO4) !== 0,
    }
    this.receiveBuffer = Math.max(0, port.bufferSize(true))
    this.#skipOutgoing = facts.skipOutgoing
    this.#slots = facts.slots ?? DEFAULT_SLOTS
    const slab = new Uint8Array(this.#slots * SLOT_SIZE)
    this.#facts = new Int32Array(this.#slots * RxFact.COUNT)
    this.#times = new Float64Array(this.#slots)
    this.#frame = new InFrame(slab)
    const attached = port.attach(slab, this.#facts, this.#times, this.#batch.slab, this.#batch.facts, this.#txState)
    const started = attached < 0 ? attached : port.start((count) => this.#ready(count))
    if (started < 0) {
      port.close()
      throw osError(started, `watch ${this.name}`, 'open')
    }
  }

  /** The descriptor, for socket options; -1 when closed. */
  get descriptor(): number {
    return this.#port.descriptor()
  }

  /** Why the link is down or gone; undefined while it works. */
  get error(): NetError | undefined {
    return this.#error
  }

  /** Frames the kernel dropped because its receive buffer was full, since the link was opened. */
  kernelDrops(): number {
    return this.#port.drops()
  }

  /** During a `receive` callback: when the kernel got the frame, in microseconds since 1970; 0 if not asked for. */
  get timestamp(): number {
    return this.#delivering < 0 ? 0 : this.#times[this.#delivering]!
  }

  /** During a `receive` callback: whether the frame was leaving this machine. */
  get outgoing(): boolean {
    return (
      this.#delivering >= 0 && this.#facts[this.#delivering * RxFact.COUNT + RxFact.PACKET_TYPE] === PACKET_OUTGOING
    )
  }

  /** During a `receive` callback: the frame's length on the wire, where a capture filter cut it. */
  get wireLength(): number {
    return this.#delivering < 0 ? 0 : this.#facts[this.#delivering * RxFact.COUNT + RxFact.WIRE_LENGTH]!
  }

  /** Replaces the filter of a packet link at once; no bytes remove it. */
  setFilter(filter: Uint8Array): void {
    const status = this.#port.setFilter(filter)
    if (status < 0) throw osError(status, `attach a filter to ${this.name}`, 'setsockopt')
  }

  /** Whether the open link keeps the process alive; it does until told otherwise. */
  setRef(ref: boolean): void {
    this.#port.setRef(ref)
  }

  send(frame: OutFrame, now: Micros): boolean {
    if (this.#state !== 'up' && this.#state !== 'down') return false
    const batch = this.#batch
    if (batch.full) {
      this.flush(now)
      if (batch.full) {
        this.counters.sendFailures++
        return false
      }
    }
    batch.add(frame)
    return true
  }

  flush(now: Micros): void {
    const batch = this.#batch
    if (batch.count === 0 || this.#state === 'closed') return
    const done = this.#port.send(batch.count, batch.payloads)
    if (done < 0) {
      this.counters.sendFailures += batch.count
      batch.clear()
      this.#fail(done)
      return
    }
    const lost = this.#txState[TxState.LOST]!
    this.counters.sent += done - lost
    if (done > lost && this.#state === 'down') this.#recovered()
    this.counters.sendFailures += lost
    if (done === batch.count) {
      batch.clear()
      this.#retryAt = NEVER
      this.#retries = 0
    } else {
      this.#postpone(done, now)
    }
  }

  receive(now: Micros, onFrame: (frame: InFrame) => void): void {
    // A callback that polls again must not have the slab filled under the frames still to come.
    if (this.#delivering >= 0) return
    if (this.#retryAt <= now) this.flush(now)
    let count = this.#pending
    this.#pending = 0
    this.#more = false
    if (count === 0 && (this.#state === 'up' || this.#state === 'down')) count = this.#port.receive()
    let bytes = 0
    while (count > 0) {
      bytes += this.#deliver(count, onFrame)
      if (count < this.#slots || this.#state === 'closed') break
      if (bytes >= TURN_BYTES) {
        this.#more = true
        break
      }
      count = this.#port.receive()
    }
    if (count < 0) this.#fail(count)
    if (this.#paused) {
      this.#paused = false
      this.#watch()
    }
  }

  pollAt(): Micros {
    return this.#pending > 0 || this.#more ? (0 as Micros) : this.#retryAt
  }

  close(): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#pending = 0
    this.#more = false
    this.#retryAt = NEVER
    this.#batch.clear()
    this.#port.close()
  }

  #deliver(count: number, onFrame: (frame: InFrame) => void): number {
    const facts = this.#facts
    const frame = this.#frame
    let bytes = 0
    for (let i = 0; i < count && this.#state !== 'closed'; i++) {
      const at = i * RxFact.COUNT
      const flags = facts[at + RxFact.FLAGS]!
      if ((flags & RxFlag.TRUNCATED) !== 0) {
        this.counters.truncated++
        continue
      }
      if (this.#skipOutgoing && facts[at + RxFact.PACKET_TYPE] === PACKET_OUTGOING) continue
      const gsoType = facts[at + RxFact.GSO_TYPE]! & ~GsoType.ECN
      frame.start = facts[at + RxFact.START]!
      frame.end = facts[at + RxFact.END]!
      frame.checksum =
        (flags & RxFlag.PARTIAL) !== 0 ? 'partial' : (flags & RxFlag.VERIFIED) !== 0 ? 'verified' : 'complete'
      frame.segmentSize = gsoType === GsoType.TCPV4 || gsoType === GsoType.TCPV6 ? facts[at + RxFact.SEGMENT_SIZE]! : 0
      bytes += frame.end - frame.start
      this.counters.received++
      this.#delivering = i
      if (gsoType === GsoType.UDP) cutUdp(frame, this.medium, facts[at + RxFact.SEGMENT_SIZE]!, onFrame)
      else onFrame(frame)
    }
    this.#delivering = -1
    this.counters.receivedBytes += bytes
    if (this.#state === 'down') this.#recovered()
    return bytes
  }

  #ready(count: number): void {
    if (count < 0) {
      this.#fail(count)
      return
    }
    if (count === 0) {
      this.#awaitingRoom = false
      this.#retryAt = 0 as Micros
      this.#watch()
    }
    this.#pending += count
    this.onWake?.()
    // Nobody took the frames: the slab is theirs until somebody does.
    if (this.#pending > 0 && !this.#paused && this.#state !== 'closed') {
      this.#paused = true
      this.#watch()
    }
  }

  #postpone(done: number, now: Micros): void {
    const lost = this.#batch.keep(done)
    this.counters.sendFailures += lost
    this.counters.delayed++
    if (this.#txState[TxState.ERRNO] === EAGAIN) {
      this.#retryAt = NEVER
      this.#awaitingRoom = true
      this.#watch()
      return
    }
    this.#retries++
    if (this.#retries > MAX_RETRIES) {
      this.counters.sendFailures += this.#batch.count
      this.#batch.clear()
      this.#retries = 0
      this.#retryAt = NEVER
    } else {
      this.#retryAt = addMicros(now, RETRY_DELAY)
    }
  }

  #watch(): void {
    if (this.#state === 'up' || this.#state === 'down') this.#port.watch(!this.#paused, this.#awaitingRoom)
  }

  #fail(status: number): void {
    if (this.#state === 'closed' || this.#state === 'gone') return
    const gone = status !== -ENETDOWN
    if (!gone && this.#state === 'down') return
    this.#state = gone ? 'gone' : 'down'
    this.#error = osError(status, `use ${this.name}`, 'read', {
      ENETDOWN: `Bring it up: ip link set ${this.interface} up`,
      ENODEV: 'The interface was removed while in use',
    })
    if (gone) {
      this.#retryAt = NEVER
      this.#batch.clear()
      this.#port.watch(false, false)
    }
    this.onError?.(this.#error)
  }

  #recovered(): void {
    this.#state = 'up'
    this.#error = undefined
  }
}
