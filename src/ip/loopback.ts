import { PacketCopy } from '../arp/packet-copy.ts'
import { MAC_NONE } from '../base/address.ts'
import { type Micros, NEVER } from '../base/types.ts'
import { InFrame, type Link, type Offload, type OutFrame } from '../link/link.ts'
import { IPV4_MAX_LEN } from '../wire/ipv4.ts'

const MAX_PACKETS = 1024
const MAX_BYTES = 8 * 1024 * 1024

/** Carries what a stack sends to itself (RFC 1122 §3.2.1.3 (g)); a packet sent in one poll arrives in the next. */
export class LoopbackLink implements Link {
  readonly name = 'lo'
  readonly medium = 'ip'
  readonly mac = MAC_NONE
  readonly mtu = IPV4_MAX_LEN
  readonly offload: Offload = { checksum: true, segmentation: true }
  readonly #frame = new InFrame(new Uint8Array(0))
  #packets: { bytes: Uint8Array; segmentSize: number; isPartial: boolean }[] = []
  #bytes = 0

  send(frame: OutFrame): boolean {
    const length = frame.length
    if (this.#packets.length >= MAX_PACKETS || this.#bytes + length > MAX_BYTES) return false
    this.#bytes += length
    const { segmentSize, checksumStart } = frame
    this.#packets.push({ bytes: new PacketCopy(frame).bytes, segmentSize, isPartial: checksumStart >= 0 })
    return true
  }

  flush(): void {}

  /** Hands up what lay here before the call: an answer to an answer waits for the next poll. */
  receive(_now: Micros, onFrame: (frame: InFrame) => void): void {
    if (this.#packets.length === 0) return
    const packets = this.#packets
    this.#packets = []
    this.#bytes = 0
    const frame = this.#frame
    for (const { bytes, segmentSize, isPartial } of packets) {
      frame.bytes = bytes
      frame.view = new DataView(bytes.buffer)
      frame.start = 0
      frame.end = bytes.length
      frame.segmentSize = segmentSize
      frame.checksum = isPartial ? 'partial' : 'verified'
      onFrame(frame)
    }
  }

  pollAt(): Micros {
    return this.#packets.length > 0 ? (0 as Micros) : NEVER
  }

  close(): void {
    this.#packets = []
    this.#bytes = 0
  }
}
