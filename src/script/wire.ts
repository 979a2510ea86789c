import { MAC_NONE } from '../base/address.ts'
import { type Micros, NEVER } from '../base/types.ts'
import { InFrame, type Link, type Offload, type OutFrame } from '../link/link.ts'
import { finishChecksum, Segmenter, segmentCount } from '../link/segment.ts'

/** A packet on the wire of a script: what the stack sent, or what the script did. */
export interface WirePacket {
  readonly at: Micros
  readonly direction: 'in' | 'out'
  readonly bytes: Uint8Array
  /** Payload bytes of each segment that a super-segment stands for; 0 for an ordinary packet. */
  readonly segmentSize: number
}

/**
 * The link of a script's machine, in packetdrill's manner: a TUN of bare IP packets. What the stack sends waits here
 * until the script looks at it; what the script injects is received with the next poll.
 */
export class Wire implements Link {
  readonly name = 'tun0'
  readonly medium = 'ip'
  readonly mac = MAC_NONE
  readonly mtu: number
  readonly offload: Offload = { checksum: true, segmentation: true }
  /** Super-segments are cut before anybody sees them: `ethtool -K … tso off gso off`. */
  cutsSegments = false
  onWake: (() => void) | undefined
  /** Told of every packet, for traces and captures. */
  onPacket: ((packet: WirePacket) => void) | undefined
  /** With a queue of no length every packet is dropped: `tc qdisc … pfifo limit 0`. */
  isClogged = false
  readonly #segmenter = new Segmenter()
  readonly #sent: WirePacket[] = []
  readonly #fed: InFrame[] = []

  constructor(mtu: number) {
    this.mtu = mtu
  }

  /** Packets that the script has not looked at yet. */
  get waiting(): number {
    return this.#sent.length
  }

  /** The oldest packet that the script has not looked at. */
  take(): WirePacket | undefined {
    return this.#sent.shift()
  }

  /** Puts a packet where the stack will receive it; its checksums are right. */
  inject(bytes: Uint8Array, now: Micros): void {
    const frame = new InFrame(bytes)
    frame.end = bytes.length
    this.#fed.push(frame)
    this.onPacket?.({ at: now, direction: 'in', bytes, segmentSize: 0 })
  }

  send(frame: OutFrame, now: Micros): boolean {
    if (this.isClogged) return false
    if (!this.cutsSegments || segmentCount(frame) === 1) this.#keep(frame, now)
    else {
      const count = this.#segmenter.begin(frame, this.medium)
      for (let i = 0; i < count; i++) this.#keep(this.#segmenter.piece(i), now)
    }
    return true
  }

  #keep(frame: OutFrame, now: Micros): void {
    // A super-segment's own checksum would mean nothing: that of its pieces counts.
    if (segmentCount(frame) === 1) finishChecksum(frame)
    const bytes = new Uint8Array(frame.length)
    frame.copyTo(bytes, 0)
    const packet: WirePacket = { at: now, direction: 'out', bytes, segmentSize: frame.segmentSize }
    this.#sent.push(packet)
    this.onPacket?.(packet)
  }

  flush(): void {}

  receive(_now: Micros, onFrame: (frame: InFrame) => void): void {
    for (const frame of this.#fed.splice(0)) onFrame(frame)
  }

  pollAt(): Micros {
    return this.#fed.length > 0 ? (0 as Micros) : NEVER
  }

  close(): void {}
}
