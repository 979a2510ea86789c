import { constants } from 'node:os'

import type { Cidr, MacAddr } from '../base/address.ts'
import type { NetError } from '../base/errors.ts'
import { addMicros, earliest, type Micros, NEVER } from '../base/types.ts'
import type { InFrame, Link, Offload, OutFrame } from '../link/link.ts'
import { requireBytes, within } from '../stack/limits.ts'
import { type BpfInstruction, encodeBpf } from './bpf.ts'
import { clock } from './clock.ts'
import { type NativePort, native, PortFeature, PortState } from './native.ts'
import { osError } from './os-errors.ts'
import { ReceiveBatch } from './receive-batch.ts'
import { ReceiveRing, type RingPlan } from './receive-ring.ts'
import { SendBatch } from './send-batch.ts'

const { EAGAIN, ENETDOWN } = constants.errno

const DEFAULT_SLOTS = 32
const MAX_SLOTS = 1024
/**
 * One `receive` asks for no more once it has so much: acknowledgments that leave late find the peer asleep, and what wakes
 * it is then done by our processor.
 */
const TURN_BYTES = 32 * 1024
/** After so much the next frames are there, like as not, before the event loop tells of them: they are asked for at once. */
const STREAM_BYTES = 16 * 1024
/** For so long, in microseconds, what the event loop told is news: no deadline may pass before what came meanwhile. */
const FRESH = 50
/** A device that says ENOBUFS does not tell when it has room again. */
const RETRY_DELAY = 1000
const MAX_RETRIES = 50
const NO_FILTER = new Uint8Array(0)
const NO_ADDRESSES = new Uint32Array(0)

/** What passed through a port, and what did not. */
export interface PortCounters {
  readonly received: number
  readonly receivedBytes: number
  readonly sent: number
  /** Frames the kernel would not take: a full queue that stayed full, a down interface, an impossible frame. */
  readonly sendFailures: number
  /** How often a full queue made frames wait. */
  readonly delayed: number
  /** Frames larger than any IPv4 packet can be, or than a slot of the ring that had segments of one size till then. */
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
  /** The kernel stamps each frame with its time of arrival. */
  readonly timestamps?: boolean
  /** The filter that the port was opened with. */
  readonly filter?: Uint8Array
  /** A ring that frames may come by. */
  readonly ring?: RingPlan | undefined
  /** The filter for a stack's addresses; undefined where it was said at the opening what to hear. */
  readonly filterFor?: ((addresses: readonly Cidr[]) => Uint8Array) | undefined
  /** Keeps the kernel from what comes for these addresses, and from nothing else; whether it could. */
  readonly withhold?: ((addresses: readonly Cidr[]) => boolean) | undefined
  /** TCP segments that follow each other are joined into super-segments. */
  readonly coalesce?: boolean
  /** Frames in a batch; each takes 66 KiB. */
  readonly slots: number
}

/** As the openers take it. @throws {RangeError} that names its limits. */
export const slotsOf = (given: number | undefined): number => within('slots', given, DEFAULT_SLOTS, 1, MAX_SLOTS)

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
  /** Half of a ring for everything: frames are not always full, and others want slots as well. */
  readonly room: number | undefined
  /** Called when `receive` has something, or a full device has room again: poll the stack then. */
  onWake: (() => void) | undefined
  /**
   * Called once when the interface goes down (ENETDOWN; the link works again when it comes up) and once when it is
   * gone (ENODEV; nothing will pass any more).
   */
  onError: ((error: NetError) => void) | undefined

  readonly #port: NativePort
  readonly #in: ReceiveBatch
  readonly #ring: ReceiveRing | undefined
  readonly #out = new SendBatch()
  readonly #portState = new Int32Array(PortState.COUNT)
  #state: 'up' | 'down' | 'gone' | 'closed' = 'up'
  #error: NetError | undefined
  #pending = 0
  #paused = false
  #more = false
  /** When the event loop has told of all there was, and will again: the next `receive`, at once, need not ask. */
  #drainedAt: Micros | undefined
  #awaitingRoom = false
  #retryAt: Micros = NEVER
  #retries = 0
  #sent = 0
  #sendFailures = 0
  #delayed = 0
  readonly #timestamps: boolean
  readonly #filterFor: PortFacts['filterFor']
  readonly #withhold: PortFacts['withhold']
  #withholds = false
  #flushedAt: Micros | undefined

  /** Takes an opened port over. */
  constructor(port: NativePort, facts: PortFacts) {
    this.#port = port
    this.name = facts.name
    this.interface = facts.interface
    this.medium = facts.medium
    this.mac = facts.mac
    this.mtu = facts.mtu
    this.#timestamps = facts.timestamps ?? false
    this.#filterFor = facts.filterFor
    this.#withhold = facts.withhold
    this.features = port.features()
    // Without virtio-net headers the addon finishes and cuts what the kernel would.
    const isDoneBelow = (bit: number): boolean =>
      (this.features & bit) !== 0 || (this.features & PortFeature.VNET_HEADER) === 0
    this.offload = { checksum: isDoneBelow(PortFeature.CHECKSUM), segmentation: isDoneBelow(PortFeature.TSO4) }
    this.receiveBuffer = Math.max(0, port.bufferSize(true))
    const { ring, filter = NO_FILTER } = facts
    this.#ring = ring && new ReceiveRing(port, this.#portState, ring, facts.medium, filter)
    this.#in = new ReceiveBatch(facts.slots, facts.medium, facts.skipOutgoing, this.#ring)
    port.setCoalescing(facts.coalesce ?? false)
    const { slab, facts: rxFacts, times } = this.#in
    const attached = port.attach(slab, rxFacts, times, this.#out.slab, this.#out.facts, this.#portState)
    const started = attached < 0 ? attached : port.start((count) => this.#ready(count))
    if (started < 0) {
      port.close()
      throw osError(started, `watch ${this.name}`, 'open')
    }
    if (this.#ring !== undefined && ring?.forAll === true) {
      this.#openRing(this.#ring, ring)
      this.room = this.#ring.memory.length >> 1
    }
  }

  get counters(): PortCounters {
    const { received, receivedBytes, truncated } = this.#in
    const [sent, sendFailures, delayed] = [this.#sent, this.#sendFailures, this.#delayed]
    return { received, receivedBytes, sent, sendFailures, delayed, truncated }
  }

  /** The descriptor, for socket options; -1 when closed. */
  get descriptor(): number {
    return this.#port.descriptor()
  }

  /** Why the link is down or gone; undefined while it works. */
  get error(): NetError | undefined {
    return this.#error
  }

  /** Frames the kernel dropped because its receive buffer or ring was full, since the link was opened. */
  kernelDrops(): number {
    return this.#port.drops()
  }

  /** With time stamps: when the last batch was given to the kernel. */
  get flushedAt(): Micros | undefined {
    return this.#flushedAt
  }

  /** During a `receive` callback: when the kernel got the frame, in microseconds since 1970; 0 if not asked for. */
  get timestamp(): number {
    return this.#in.timestamp
  }

  /** During a `receive` callback: whether the frame was leaving this machine. */
  get outgoing(): boolean {
    return this.#in.outgoing
  }

  /** During a `receive` callback: the frame's length on the wire, where a capture filter cut it. */
  get wireLength(): number {
    return this.#in.wireLength
  }

  /**
   * Replaces the filter of a packet link at once; an empty one removes it.
   * @throws NetError EINVAL. @throws {TypeError} for what is neither instructions nor their bytes.
   */
  setFilter(filter: Uint8Array | readonly BpfInstruction[]): void {
    const bytes = Array.isArray(filter) ? encodeBpf(filter) : requireBytes('filter with', filter as Uint8Array)
    const status = this.#ring?.setFilter(bytes) ?? this.#port.setFilter(bytes, false)
    if (status < 0) throw osError(status, `attach a filter to ${this.name}`, 'setsockopt')
  }

  /** Whether the kernel does no more with what comes for the stack's own addresses than give it to packet links. */
  get withholds(): boolean {
    return this.#withholds
  }

  hear(addresses: readonly Cidr[], shared: boolean): void {
    if (this.#state === 'closed') return
    if (this.#filterFor !== undefined) this.setFilter(this.#filterFor(addresses))
    if (this.#state !== 'gone') this.#withholds = this.#withhold?.(shared ? [] : addresses) ?? false
  }

  /** Whether the open link keeps the process alive; it does until told otherwise. */
  setRef(ref: boolean): void {
    this.#port.setRef(ref)
  }

  send(frame: OutFrame, now: Micros): boolean {
    if (this.#state !== 'up' && this.#state !== 'down') return false
    const batch = this.#out
    if (batch.full) {
      this.flush(now)
      if (batch.full) {
        this.#sendFailures++
        return false
      }
    }
    batch.add(frame)
    return true
  }

  flush(now: Micros): void {
    const batch = this.#out
    if (this.#state === 'closed') return
    if (batch.count === 0) {
      this.#retryAt = NEVER
      return
    }
    if (this.#timestamps) this.#flushedAt = clock()
    const done = this.#port.send(batch.count, batch.payloads)
    if (done < 0) {
      this.#sendFailures += batch.count
      batch.clear()
      this.#fail(done)
      return
    }
    const lost = this.#portState[PortState.TX_LOST]!
    this.#sent += done - lost
    if (done > lost && this.#state === 'down') this.#recovered()
    this.#sendFailures += lost
    if (done === batch.count) {
      batch.clear()
      this.#retryAt = NEVER
      this.#retries = 0
      if (this.#awaitingRoom) {
        this.#awaitingRoom = false
        this.#watch()
      }
    } else {
      this.#postpone(done, now)
    }
  }

  receive(now: Micros, onFrame: (frame: InFrame) => void): void {
    // A callback that polls again must not have the slab filled under the frames still to come.
    if (this.#in.delivering) return
    if (this.#retryAt <= now) this.flush(now)
    if (this.#state !== 'closed') this.#ring?.poll(now)
    let count = this.#pending
    const isTold = count > 0
    const isDrained = this.#drainedAt !== undefined && now - this.#drainedAt < FRESH
    this.#pending = 0
    this.#more = false
    this.#drainedAt = undefined
    if (!isTold && !isDrained && (this.#state === 'up' || this.#state === 'down')) count = this.#port.receive()
    const wallOffset = this.#timestamps && count > 0 ? native().wallClock() - clock() : Number.NaN
    let bytes = 0
    try {
      while (count > 0) {
        bytes += this.#deliver(count, onFrame, wallOffset, now)
        if (this.#ring !== undefined && this.#state !== 'closed') this.#ring.poll(now)
        // What had come before it went down is no sign that it is up again.
        if (this.#state === 'down' && this.#port.isUp()) this.#recovered()
        if (this.#portState[PortState.RX_MORE] === 0 || this.#state === 'closed' || bytes >= TURN_BYTES) break
        count = this.#port.receive()
      }
    } finally {
      if (this.#paused) {
        this.#paused = false
        this.#watch()
      }
    }
    if (count < 0) this.#fail(count)
    else if (count === 0 || this.#state === 'closed') return
    else if (bytes >= STREAM_BYTES) this.#more = true
    else if (isTold && this.#portState[PortState.RX_MORE] === 0) this.#drainedAt = now
  }

  pollAt(): Micros {
    if (this.#pending > 0 || this.#more) return 0 as Micros
    return this.#state === 'closed' || this.#ring === undefined
      ? this.#retryAt
      : earliest(this.#retryAt, this.#ring.pollAt())
  }

  close(): void {
    if (this.#state === 'closed') return
    this.#state = 'closed'
    this.#withholds = false
    this.#pending = 0
    this.#more = false
    this.#retryAt = NEVER
    this.#in.stop()
    this.#out.clear()
    if (!this.#in.delivering) this.#port.release()
    this.#port.close()
  }

  #deliver(count: number, onFrame: (frame: InFrame) => void, wallOffset: number, now: Micros): number {
    try {
      return this.#in.deliver(count, onFrame, wallOffset, now)
    } finally {
      if (this.#ring?.isOpen) this.#port.release()
    }
  }

  #openRing(ring: ReceiveRing, { shapes }: RingPlan): void {
    const status = ring.open('superSegments')
    if (status >= 0) return
    this.#port.close()
    throw osError(status, `open a receive ring on "${this.name}"`, 'open', {
      ENOMEM: `Ask for fewer slots than ring: ${shapes.superSegments.slots}, or do without a ring`,
      EINVAL: 'The kernel makes no such ring: do without, by ring: 0',
    })
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
    const lost = this.#out.keep(done)
    this.#sendFailures += lost
    this.#delayed++
    if (this.#portState[PortState.TX_ERRNO] === EAGAIN) {
      this.#retryAt = NEVER
      this.#awaitingRoom = true
      this.#watch()
      return
    }
    this.#retries++
    if (this.#retries > MAX_RETRIES) {
      this.#sendFailures += this.#out.count
      this.#out.clear()
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
      // The interface may live on in another network namespace, with other addresses.
      this.#port.withhold(NO_ADDRESSES)
      this.#withholds = false
      this.#retryAt = NEVER
      this.#out.clear()
      this.#port.watch(false, false)
    }
    this.onError?.(this.#error)
  }

  #recovered(): void {
    this.#state = 'up'
    this.#error = undefined
  }
}
