import { DOUBLE_ZERO } from '../base/double-zero.ts'
import type { Micros } from '../base/types.ts'
import { InFrame } from '../link/link.ts'
import { GsoType, RxFact, RxFlag } from './native.ts'
import type { ReceiveRing } from './receive-ring.ts'
import { LARGE_FRAME } from './ring-scales.ts'
import { cutUdp } from './udp-cut.ts'

/** Room for a whole super-segment with a tag, after the addon's 14 to 32 bytes of alignment. */
const SLOT_SIZE = 67584
/** A frame on its way out of this machine (linux/if_packet.h). */
const PACKET_OUTGOING = 4

/** The slab that the addon fills, and what it says of each frame in it. */
export class ReceiveBatch {
  readonly slots: number
  readonly slab: Uint8Array
  readonly facts: Int32Array
  readonly times: Float64Array
  received = 0
  receivedBytes = DOUBLE_ZERO
  truncated = 0
  readonly #medium: 'ethernet' | 'ip'
  readonly #skipOutgoing: boolean
  readonly #frame: InFrame
  #ringFrame: InFrame | undefined
  readonly #ring: ReceiveRing | undefined
  /** The slot being handed up; -1 between batches. */
  #slot = -1
  #stopped = false

  /** A batch of so many frames, and as many of the ring. */
  constructor(slots: number, medium: 'ethernet' | 'ip', skipOutgoing: boolean, ring: ReceiveRing | undefined) {
    this.#ring = ring
    this.slots = slots
    // What nobody writes to takes no memory.
    this.slab = new Uint8Array(2 * slots * SLOT_SIZE)
    this.facts = new Int32Array(2 * slots * RxFact.COUNT)
    this.times = new Float64Array(2 * slots)
    this.#medium = medium
    this.#skipOutgoing = skipOutgoing
    this.#frame = new InFrame(this.slab)
  }

  /** Whether a callback runs just now: the slab must stay as it is. */
  get delivering(): boolean {
    return this.#slot >= 0
  }

  get timestamp(): number {
    return this.#slot < 0 ? 0 : this.times[this.#slot]!
  }

  get outgoing(): boolean {
    return this.#fact(RxFact.PACKET_TYPE) === PACKET_OUTGOING
  }

  get wireLength(): number {
    return this.#fact(RxFact.WIRE_LENGTH)
  }

  /**
   * Hands up the first `count` frames; returns their bytes. `wallOffset` is what the wall clock of the
   * time stamps is ahead of the stack's; NaN where frames are not stamped. A callback that throws loses the rest.
   */
  deliver(count: number, onFrame: (frame: InFrame) => void, wallOffset: number, now: Micros): number {
    const facts = this.facts
    const ring = this.#ring
    let bytes = 0
    try {
      for (let i = 0; i < count && !this.#stopped; i++) {
        const at = i * RxFact.COUNT
        const flags = facts[at + RxFact.FLAGS]!
        if (this.#skipOutgoing && facts[at + RxFact.PACKET_TYPE] === PACKET_OUTGOING) continue
        const isByRing = (flags & RxFlag.BY_RING) !== 0
        if ((flags & RxFlag.TRUNCATED) !== 0) {
          this.truncated++
          if (isByRing) ring!.sawCut()
          continue
        }
        const frame = (flags & RxFlag.IN_RING) !== 0 ? this.#inRing() : this.#frame
        const gsoType = facts[at + RxFact.GSO_TYPE]! & ~GsoType.ECN
        frame.start = facts[at + RxFact.START]!
        frame.end = facts[at + RxFact.END]!
        frame.checksum =
          (flags & RxFlag.PARTIAL) !== 0 ? 'partial' : (flags & RxFlag.VERIFIED) !== 0 ? 'verified' : 'complete'
        frame.segmentSize =
          gsoType === GsoType.TCPV4 || gsoType === GsoType.TCPV6 ? facts[at + RxFact.SEGMENT_SIZE]! : 0
        frame.arrivedAt = this.times[i]! > wallOffset ? this.times[i]! - wallOffset : -1
        const length = frame.end - frame.start
        bytes += length
        this.received++
        if (isByRing) {
          if (length >= ring!.leastLarge) ring!.sawOwn(now)
        } else if (ring !== undefined) {
          const isJoined = (flags & RxFlag.JOINED) !== 0
          if (length >= LARGE_FRAME || (frame.segmentSize > 0 && !isJoined)) ring.saw(frame, isJoined, now)
        }
        this.#slot = i
        if (gsoType === GsoType.UDP) cutUdp(frame, this.#medium, facts[at + RxFact.SEGMENT_SIZE]!, onFrame)
        else onFrame(frame)
      }
    } finally {
      this.#slot = -1
      this.receivedBytes += bytes
    }
    return bytes
  }

  /** Hands up nothing more, not even of the batch at hand. */
  stop(): void {
    this.#stopped = true
  }

  #inRing(): InFrame {
    const { memory } = this.#ring!
    if (this.#ringFrame?.bytes !== memory) this.#ringFrame = new InFrame(memory)
    return this.#ringFrame
  }

  #fact(which: number): number {
    return this.#slot < 0 ? 0 : this.facts[this.#slot * RxFact.COUNT + which]!
  }
}
