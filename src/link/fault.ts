import { type Micros, NEVER } from '../base/types.ts'
import { type FaultCounters, FaultLine, type FaultSink, OTHER_SEED } from './fault-line.ts'
import { type FaultOptions, resolveFaults } from './fault-options.ts'
import type { HeldPacket } from './held-packet.ts'
import { FrameLayout } from './layout.ts'
import type { QueueState } from './line-queue.ts'
import { type ChecksumState, ETHERNET_MAX, FULL_OFFLOAD, InFrame, type Link, type Offload, OutFrame } from './link.ts'
import { describeArrival, finishChecksum, Segmenter, segmentCount } from './segment.ts'
import { LinkWrapper } from './wrapper.ts'

export type { FaultOptions } from './fault-options.ts'

/**
 * A link around another that loses, repeats, delays, reorders, damages and
 * throttles what passes, in either direction.
 *
 * It works on packets as a wire carries them: a super-segment of either
 * direction is cut first, its checksums finished, so that one loss is one
 * packet. A damaged packet has one bit wrong under a finished checksum, and is
 * never handed up as `partial` or `verified`: the receiver's own check must see it.
 */
export class FaultLink extends LinkWrapper {
  readonly #down: FaultLine
  readonly #up: FaultLine
  readonly #segmenter = new Segmenter()
  readonly #layout = new FrameLayout()
  /** The arrived frame described as one to be sent. */
  readonly #arrival = new OutFrame()
  readonly #delayed = new OutFrame()
  /** Packets whose payload the inner link may read until its flush. */
  readonly #spent: HeldPacket[] = []
  readonly #piece: InFrame
  /** The arrived frame when it is passed on as it is. */
  #whole: InFrame | undefined
  #now: Micros = 0 as Micros
  #onFrame: (frame: InFrame) => void = () => {}
  /** What the inner link said to the frame that is being sent. */
  #accepted = true
  #closed = false

  /** @throws {RangeError} when a fault is out of its range. */
  constructor(inner: Link, options: FaultOptions = {}) {
    super(inner)
    const packetBytes = inner.mtu + ETHERNET_MAX
    const seed = options.seed ?? 1
    this.#piece = new InFrame(new Uint8Array(packetBytes))
    const below: FaultSink = {
      pass: (packet, _state, now) => this.#sendOn(packet, now),
      emit: (packet, now) => this.#sendHeld(packet, now),
    }
    const above: FaultSink = {
      pass: (packet, state) => this.#handUp(packet, state),
      emit: (packet) => this.#handUpHeld(packet),
    }
    this.#down = new FaultLine(inner.medium, packetBytes, resolveFaults(options, options.send), seed, below)
    this.#up = new FaultLine(
      inner.medium,
      packetBytes,
      resolveFaults(options, options.receive),
      seed ^ OTHER_SEED,
      above,
    )
  }

  override get offload(): Offload {
    return FULL_OFFLOAD
  }

  /** What has happened to packets on the way down and on the way up. */
  get counters(): { readonly send: Readonly<FaultCounters>; readonly receive: Readonly<FaultCounters> } {
    return { send: this.#down.counters, receive: this.#up.counters }
  }

  /** What waits for the line on the way down and on the way up. */
  queues(now: Micros): { readonly send: QueueState; readonly receive: QueueState } {
    return { send: this.#down.queueState(now), receive: this.#up.queueState(now) }
  }

  /**
   * Other faults from now on; packets already on the way keep theirs, and the seed goes on.
   *
   * @throws {RangeError} when a fault is out of its range.
   */
  configure(options: FaultOptions): void {
    const up = resolveFaults(options, options.receive)
    this.#down.faults = resolveFaults(options, options.send)
    this.#up.faults = up
  }

  /** Unknown: what is held back reaches the inner link with a later flush. */
  override get flushedAt(): undefined {
    return undefined
  }

  /** False only where the inner link said so at once: what is lost or delayed here was taken. */
  override send(frame: OutFrame, now: Micros): boolean {
    if (this.#closed) return false
    this.#accepted = true
    if (segmentCount(frame) > 1) {
      const count = this.#segmenter.begin(frame, this.medium)
      for (let i = 0; i < count; i++) this.#down.take(this.#segmenter.piece(i), 'complete', now)
      return count > 0 && this.#accepted
    }
    frame.segmentSize = 0
    if (frame.length > this.mtu + ETHERNET_MAX) return false
    this.#down.take(frame, 'complete', now)
    return this.#accepted
  }

  override flush(now: Micros): void {
    if (this.#closed) return
    this.#down.pump(now)
    this.inner.flush(now)
    for (const packet of this.#spent) this.#down.recycle(packet)
    this.#spent.length = 0
  }

  override receive(now: Micros, onFrame: (frame: InFrame) => void): void {
    if (this.#closed) return
    if (this.#down.pollAt() <= now) this.flush(now)
    this.#now = now
    this.#onFrame = onFrame
    this.#up.pump(now)
    if (!this.#closed) this.inner.receive(now, this.#onInner)
  }

  override pollAt(): Micros {
    return this.#closed ? NEVER : (Math.min(this.inner.pollAt(), this.#down.pollAt(), this.#up.pollAt()) as Micros)
  }

  override close(): void {
    this.#closed = true
    this.#down.clear()
    this.#up.clear()
    this.#spent.length = 0
    this.inner.close()
  }

  readonly #onInner = (frame: InFrame): void => {
    if (this.#closed) return
    const arrival = this.#arrival
    describeArrival(frame, this.medium, this.#layout, arrival)
    if (segmentCount(arrival) > 1) {
      this.#whole = undefined
      const count = this.#segmenter.begin(arrival, this.medium)
      for (let i = 0; i < count; i++) this.#up.take(this.#segmenter.piece(i), 'complete', this.#now)
      if (count > 0) return
    }
    this.#whole = frame
    this.#up.take(arrival, arrival.checksumStart >= 0 ? 'complete' : frame.checksum, this.#now)
  }

  #handUp(packet: OutFrame, state: ChecksumState): void {
    if (this.#closed) return
    if (this.#whole !== undefined) {
      this.#onFrame(this.#whole)
      return
    }
    finishChecksum(packet)
    const piece = this.#piece
    piece.end = packet.copyTo(piece.bytes, 0)
    piece.checksum = state
    this.#onFrame(piece)
  }

  #handUpHeld(packet: HeldPacket): void {
    this.#onFrame(packet)
    this.#up.recycle(packet)
  }

  #sendOn(packet: OutFrame, now: Micros): void {
    if (!this.inner.offload.checksum) finishChecksum(packet)
    if (!this.inner.send(packet, now)) this.#accepted = false
  }

  #sendHeld(packet: HeldPacket, now: Micros): void {
    const frame = this.#delayed
    frame.reset()
    frame.start = 0
    frame.end = packet.headerLength
    for (let i = 0; i < packet.headerLength; i++) frame.bytes[i] = packet.bytes[i]!
    frame.payload = packet.bytes
    frame.payloadFrom = packet.headerLength
    frame.payloadTo = packet.end
    this.inner.send(frame, now)
    this.#spent.push(packet)
  }
}
