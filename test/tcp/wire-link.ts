import { MAC_NONE } from '../../src/base/address.ts'
import { type Micros, NEVER } from '../../src/base/types.ts'
import { type ChecksumState, InFrame, type Link, type OutFrame } from '../../src/link/link.ts'

/** A packet that the stack sent. */
export interface SentPacket {
  readonly at: Micros
  readonly bytes: Uint8Array
  readonly segmentSize: number
}

/** A link of bare IP packets in the hands of a test: what the stack sends is kept, what the test feeds is received. */
export class WireLink implements Link {
  readonly name = 'wire'
  readonly medium = 'ip'
  readonly mac = MAC_NONE
  readonly mtu: number
  readonly offload: Link['offload']
  onWake: (() => void) | undefined
  /** Called when everything that was fed has been received. */
  onReceived: (() => void) | undefined
  readonly sent: SentPacket[] = []
  /** Its queue is full: it takes nothing. */
  isFull = false
  readonly #fed: InFrame[] = []

  constructor(mtu: number, offload: boolean) {
    this.mtu = mtu
    this.offload = { checksum: offload, segmentation: offload }
  }

  feed(bytes: Uint8Array, checksum: ChecksumState = 'complete', segmentSize = 0): void {
    const frame = new InFrame(bytes)
    frame.end = bytes.length
    frame.checksum = checksum
    frame.segmentSize = segmentSize
    this.#fed.push(frame)
  }

  send(frame: OutFrame, now: Micros): boolean {
    if (this.isFull) return false
    const bytes = new Uint8Array(frame.length)
    frame.copyTo(bytes, 0)
    this.sent.push({ at: now, bytes, segmentSize: frame.segmentSize })
    return true
  }

  flush(): void {}

  receive(_now: Micros, onFrame: (frame: InFrame) => void): void {
    for (const frame of this.#fed.splice(0)) onFrame(frame)
    this.onReceived?.()
  }

  pollAt(): Micros {
    return this.#fed.length > 0 ? (0 as Micros) : NEVER
  }

  close(): void {}
}
