import { type Micros, NEVER } from '../base/types.ts'
import { type ChecksumState, InFrame, type OutFrame } from './link.ts'
import { finishChecksum } from './segment.ts'

/** A packet kept for later, in a buffer that is used again. */
export class HeldPacket extends InFrame {
  /** When it came to the queue, had left it for the line, and is at the other end, in microseconds. */
  arrived = 0
  left = 0
  due: Micros = NEVER
  /** Its place in the order of sending. */
  order = 0
  /** How many later packets may still overtake it. */
  overtakes = 0
  headerLength = 0
}

/** Packets that were kept, and the buffers for more: `packetBytes` each; a larger packet gets one of its own. */
export class PacketStore {
  readonly #packetBytes: number
  readonly #free: HeldPacket[] = []

  constructor(packetBytes: number) {
    this.#packetBytes = packetBytes
  }

  /** A copy of `packet`, its checksum finished and `state` from now on. */
  copy(packet: OutFrame, state: ChecksumState): HeldPacket {
    finishChecksum(packet)
    const small = packet.length <= this.#packetBytes
    const copy =
      (small ? this.#free.pop() : undefined) ??
      new HeldPacket(new Uint8Array(small ? this.#packetBytes : packet.length))
    copy.start = 0
    copy.headerLength = packet.end - packet.start
    copy.end = packet.copyTo(copy.bytes, 0)
    copy.checksum = state
    copy.segmentSize = packet.segmentSize
    return copy
  }

  /** Takes back a packet that nobody reads any more. */
  recycle(packet: HeldPacket): void {
    if (packet.bytes.length === this.#packetBytes) this.#free.push(packet)
  }

  clear(): void {
    this.#free.length = 0
  }
}
