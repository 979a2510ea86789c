import type { OutFrame } from '../link/link.ts'
import { PacketCopy } from './packet-copy.ts'

/** What one neighbour's queue may hold while its address is asked for. */
export interface QueueLimits {
  readonly packets: number
  readonly bytes: number
}

/**
 * Packets that wait for a neighbour's address (RFC 1122 §2.3.2.2).
 *
 * The first is kept whatever follows, for it is what woke the connection; of
 * the others the oldest goes when the bounds are reached.
 */
export class PacketQueue {
  readonly #limits: QueueLimits
  #packets: PacketCopy[] = []
  #bytes = 0

  constructor(limits: QueueLimits) {
    this.#limits = limits
  }

  get length(): number {
    return this.#packets.length
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Copies the frame in; returns how many older packets had to go. */
  push(frame: OutFrame): number {
    const packet = new PacketCopy(frame)
    let dropped = 0
    while (this.#packets.length > 1 && this.#isFull(packet.bytes.length)) {
      this.#bytes -= this.#packets[1]!.bytes.length
      this.#packets.splice(1, 1)
      dropped++
    }
    if (this.#packets.length > 0 && this.#isFull(packet.bytes.length)) return dropped + 1
    this.#packets.push(packet)
    this.#bytes += packet.bytes.length
    return dropped
  }

  /** Empties the queue into the hands of the caller, oldest first. */
  takeAll(): PacketCopy[] {
    const packets = this.#packets
    this.#packets = []
    this.#bytes = 0
    return packets
  }

  #isFull(more: number): boolean {
    return this.#packets.length >= this.#limits.packets || this.#bytes + more > this.#limits.bytes
  }
}
