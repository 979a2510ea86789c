import type { Ipv4Addr } from '../../src/base/address.ts'
import { addSum, finishSum, pseudoSum } from '../../src/base/checksum.ts'
import { type Seq, seqAdd } from '../../src/base/seq.ts'
import { type ChecksumState, InFrame } from '../../src/link/link.ts'
import { Ipv4Header } from '../../src/wire/ipv4.ts'
import type { Tap } from './rig.ts'

const IP_AT = 14
const SEQ = 4
const TCP = 6
const CHECKSUM = { tcp: 16, udp: 6 } as const
/** Whatever carries data is longer. */
const LEAST = 200

/** A frame that arrived once, to arrive again and again; of TCP with the sequence numbers counted on. */
export class Replay {
  readonly #frame: InFrame
  readonly #state: ChecksumState
  readonly #at: number
  readonly #isTcp: boolean
  /** Of the stream, in each. */
  readonly #length: number
  /** Of the segment and its pseudo-header without the sequence number and the checksum. */
  readonly #sum: number
  #seq: Seq

  /** Takes a frame whose payload has so many bytes. */
  constructor(seen: InFrame, length: number, state: ChecksumState) {
    // Where frames begin modulo 4, their IP headers lie on words.
    const bytes = new Uint8Array(2 + seen.end - seen.start)
    bytes.set(seen.bytes.subarray(seen.start, seen.end), 2)
    const frame = new InFrame(bytes)
    frame.start = 2
    frame.end = bytes.length
    frame.segmentSize = seen.segmentSize
    frame.checksum = state
    const ip = new Ipv4Header()
    ip.parse(frame.view, 2 + IP_AT, frame.end)
    const { payloadAt: at, end, protocol, src, dst } = ip
    this.#isTcp = protocol === TCP
    this.#seq = frame.view.getInt32(at + SEQ) as Seq
    if (this.#isTcp) frame.view.setInt32(at + SEQ, 0)
    const field = at + (this.#isTcp ? CHECKSUM.tcp : CHECKSUM.udp)
    frame.view.setUint16(field, 0)
    this.#sum = addSum(pseudoSum(src as Ipv4Addr, dst as Ipv4Addr, protocol, end - at), bytes, at, end)
    frame.view.setUint16(field, finishSum(this.#sum))
    this.#frame = frame
    this.#state = state
    this.#at = at
    this.#length = length
  }

  /** The next one. */
  next(): InFrame {
    const frame = this.#frame
    if (!this.#isTcp) return frame
    this.#seq = seqAdd(this.#seq, this.#length)
    frame.view.setInt32(this.#at + SEQ, this.#seq)
    if (this.#state !== 'complete') return frame
    const sum = this.#sum + (this.#seq >>> 16) + (this.#seq & 0xffff)
    frame.view.setUint16(this.#at + CHECKSUM.tcp, finishSum(sum))
    return frame
  }
}

/** Keeps a copy of the latest frame with data that comes to a tap. */
export function record(tap: Tap): { frame: InFrame | undefined } {
  const kept: { frame: InFrame | undefined } = { frame: undefined }
  tap.watch = (frame) => {
    if (frame.end - frame.start < LEAST) return
    kept.frame = new InFrame(frame.bytes.slice(frame.start, frame.end))
    kept.frame.end = frame.end - frame.start
    kept.frame.segmentSize = frame.segmentSize
  }
  return kept
}
