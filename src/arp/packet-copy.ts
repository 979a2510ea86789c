import type { OutFrame } from '../link/link.ts'
import { ETHERNET_HEADER_LEN, VLAN_TAG_LEN } from '../wire/ethernet.ts'

const ETHERNET_ROOM = ETHERNET_HEADER_LEN + VLAN_TAG_LEN

/** A packet that must outlive the frame it was written in: its own bytes, and what the link must still do to them. */
export class PacketCopy {
  readonly bytes: Uint8Array
  readonly #headerLen: number
  readonly #segmentSize: number
  readonly #checksumStart: number
  readonly #checksumOffset: number

  constructor(frame: OutFrame) {
    this.bytes = new Uint8Array(frame.length)
    frame.copyTo(this.bytes, 0)
    this.#headerLen = frame.end - frame.start
    this.#segmentSize = frame.segmentSize
    this.#checksumStart = frame.checksumStart
    this.#checksumOffset = frame.checksumOffset
  }

  /** Fills `frame` with the packet, leaving room for an Ethernet header. */
  restore(frame: OutFrame): void {
    frame.reset()
    frame.start = ETHERNET_ROOM
    frame.end = ETHERNET_ROOM + this.#headerLen
    frame.bytes.set(this.bytes.subarray(0, this.#headerLen), ETHERNET_ROOM)
    frame.payload = this.bytes
    frame.payloadFrom = this.#headerLen
    frame.payloadTo = this.bytes.length
    frame.segmentSize = this.#segmentSize
    frame.checksumStart = this.#checksumStart
    frame.checksumOffset = this.#checksumOffset
  }
}
