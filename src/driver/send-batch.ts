import type { OutFrame } from '../link/link.ts'
import { GsoType, TxFact } from './native.ts'

/** Frames that go down in one call. */
export const BATCH_FRAMES = 64
/** A frame up to this size is copied at once; the payload of a larger one stays where it lies until the flush. */
const COPY_LIMIT = 2048
const SLOT_SIZE = COPY_LIMIT + 256
/** What may wait for a full device: about what its queue of a thousand ordinary frames holds. */
const BACKLOG_BYTES = 1 << 20
const BACKLOG_ALIGN = 8

const UDP_CHECKSUM_OFFSET = 6
const TCP_FLAGS = 13
const CWR = 0x80
const NO_BYTES = new Uint8Array(0)

/** The frames of one turn, in the form the addon gathers from, and those a full device left over. */
export class SendBatch {
  readonly slab = new Uint8Array(BATCH_FRAMES * SLOT_SIZE)
  readonly facts = new Int32Array(BATCH_FRAMES * TxFact.COUNT)
  readonly payloads: Uint8Array[] = new Array<Uint8Array>(BATCH_FRAMES * 2).fill(NO_BYTES)
  count = 0
  #slabEnd = 0
  #backlog = NO_BYTES
  #spare = NO_BYTES

  get full(): boolean {
    return this.count === BATCH_FRAMES || this.#slabEnd + SLOT_SIZE > this.slab.length
  }

  /** Takes a frame; there must be room. */
  add(frame: OutFrame): void {
    const at = this.count * TxFact.COUNT
    const facts = this.facts
    const header = this.#slabEnd
    const headers = frame.end - frame.start
    const payload = frame.payloadLength
    facts[at + TxFact.HEADER] = header
    facts[at + TxFact.HEADERS_END] = headers
    if (headers + payload <= COPY_LIMIT) {
      frame.copyTo(this.slab, header)
      facts[at + TxFact.HEADER_LENGTH] = headers + payload
      facts[at + TxFact.PIECE_LENGTH] = 0
      facts[at + TxFact.PIECE2_LENGTH] = 0
      this.#slabEnd += (headers + payload + 7) & ~7
    } else {
      for (let i = 0; i < headers; i++) this.slab[header + i] = frame.bytes[frame.start + i]!
      facts[at + TxFact.HEADER_LENGTH] = headers
      facts[at + TxFact.PIECE] = frame.payloadFrom
      facts[at + TxFact.PIECE_LENGTH] = frame.payloadTo - frame.payloadFrom
      facts[at + TxFact.PIECE2] = frame.payload2From
      facts[at + TxFact.PIECE2_LENGTH] = frame.payload2To - frame.payload2From
      this.payloads[this.count * 2] = frame.payload
      this.payloads[this.count * 2 + 1] = frame.payload2
      this.#slabEnd += (headers + 7) & ~7
    }
    facts[at + TxFact.CHECKSUM_START] = frame.checksumStart
    facts[at + TxFact.CHECKSUM_OFFSET] = frame.checksumOffset
    // A frame that fits one segment is not segmented.
    const segmented = frame.segmentSize > 0 && payload > frame.segmentSize
    facts[at + TxFact.SEGMENT_SIZE] = segmented ? frame.segmentSize : 0
    facts[at + TxFact.GSO_TYPE] = segmented ? gsoTypeOf(frame) : GsoType.NONE
    this.count++
  }

  /** Forgets every frame, and lets go of their payloads. */
  clear(): void {
    for (let i = 0; i < this.count; i++) {
      if (this.facts[i * TxFact.COUNT + TxFact.PIECE_LENGTH] === 0) continue
      this.payloads[i * 2] = NO_BYTES
      this.payloads[i * 2 + 1] = NO_BYTES
    }
    this.count = 0
    this.#slabEnd = 0
  }

  /**
   * Keeps the frames from `from` on for a later flush, their bytes copied: the owner may now overwrite them.
   * Returns how many found no room and are lost.
   */
  keep(from: number): number {
    if (this.#spare.length === 0) {
      this.#spare = new Uint8Array(BACKLOG_BYTES)
      this.#backlog = new Uint8Array(BACKLOG_BYTES)
    }
    const target = this.#spare
    let end = 0
    let kept = 0
    for (let i = from; i < this.count; i++) {
      const at = i * TxFact.COUNT
      const length = this.#lengthOf(at)
      if (end + length > target.length) break
      this.#copyOut(i, target, end)
      const to = kept * TxFact.COUNT
      this.facts.copyWithin(to, at, at + TxFact.COUNT)
      this.facts[to + TxFact.HEADER_LENGTH] = 0
      this.facts[to + TxFact.PIECE] = end
      this.facts[to + TxFact.PIECE_LENGTH] = length
      this.facts[to + TxFact.PIECE2_LENGTH] = 0
      end += (length + BACKLOG_ALIGN - 1) & -BACKLOG_ALIGN
      kept++
    }
    const lost = this.count - from - kept
    this.payloads.fill(NO_BYTES)
    for (let i = 0; i < kept; i++) this.payloads[i * 2] = target
    this.#spare = this.#backlog
    this.#backlog = target
    this.count = kept
    this.#slabEnd = 0
    return lost
  }

  #lengthOf(at: number): number {
    return (
      this.facts[at + TxFact.HEADER_LENGTH]! +
      this.facts[at + TxFact.PIECE_LENGTH]! +
      this.facts[at + TxFact.PIECE2_LENGTH]!
    )
  }

  #copyOut(index: number, target: Uint8Array, at: number): void {
    const facts = this.facts
    const base = index * TxFact.COUNT
    const header = facts[base + TxFact.HEADER]!
    let end = at + facts[base + TxFact.HEADER_LENGTH]!
    target.set(this.slab.subarray(header, header + facts[base + TxFact.HEADER_LENGTH]!), at)
    for (let piece = 0; piece < 2; piece++) {
      const from = facts[base + TxFact.PIECE + 2 * piece]!
      const length = facts[base + TxFact.PIECE_LENGTH + 2 * piece]!
      if (length === 0) continue
      target.set(this.payloads[index * 2 + piece]!.subarray(from, from + length), end)
      end += length
    }
  }
}

/** The transport is told by where its checksum lies. */
function gsoTypeOf(frame: OutFrame): number {
  if (frame.checksumOffset === UDP_CHECKSUM_OFFSET) return GsoType.UDP
  const transport = frame.start + frame.checksumStart
  // RFC 3168 §6.1.2: CWR belongs on the first segment only, which whoever cuts must know.
  return GsoType.TCPV4 | ((frame.bytes[transport + TCP_FLAGS]! & CWR) !== 0 ? GsoType.ECN : 0)
}
