import type { Ipv4Addr } from '../base/address.ts'
import type { Micros } from '../base/types.ts'
import type { InFrame } from '../link/link.ts'
import { ECN_MASK, EcnCodepoint, IPV4_MAX_LEN, type Ipv4Header } from '../wire/ipv4.ts'

/** Enough for 64 KiB through the smallest MTU that is common (576); more pieces are an attack. */
const MAX_FRAGMENTS = 256
/** What an object costs beyond its bytes, roughly. */
const FRAGMENT_OVERHEAD = 128
const DATAGRAM_OVERHEAD = 512
const TOS = 1
const TOTAL_LEN = 2
const FLAGS_OFFSET = 6

interface Fragment {
  readonly from: number
  readonly to: number
  readonly bytes: Uint8Array
}

/** A datagram of which some fragments have arrived. */
export class PartialDatagram {
  readonly src: Ipv4Addr
  readonly dst: Ipv4Addr
  readonly id: number
  readonly protocol: number
  readonly deadline: Micros
  /** The memory it is held to account for. */
  charge = DATAGRAM_OVERHEAD
  /** The IP header of the fragment at offset 0; its options are the datagram's (RFC 791 §3.2). */
  #header: Uint8Array | undefined
  /** RFC 3168 §5.3: some fragment met congestion; some fragment could not have said so. */
  #isMarked = false
  #isUnmarkable = false
  /** Sorted, disjoint. */
  readonly #fragments: Fragment[] = []
  #received = 0
  /** The payload's length, once the last fragment is here; -1 before. */
  #total = -1

  constructor(header: Ipv4Header, deadline: Micros) {
    this.src = header.src
    this.dst = header.dst
    this.id = header.id
    this.protocol = header.protocol
    this.deadline = deadline
  }

  get isComplete(): boolean {
    return this.#received === this.#total && this.#header !== undefined
  }

  /** The datagram's header and the data that followed it in the first fragment; undefined before that came. */
  get start(): Uint8Array | undefined {
    if (this.#header === undefined) return undefined
    const data = this.#fragments[0]!.bytes
    const start = new Uint8Array(this.#header.length + data.length)
    start.set(this.#header)
    start.set(data, this.#header.length)
    return start
  }

  /** Takes a copy of one fragment. */
  add(bytes: Uint8Array, header: Ipv4Header) {
    const from = header.fragmentOffset
    const to = from + header.end - header.payloadAt
    const index = this.#indexFor(from)
    const before = this.#fragments[index - 1]
    const after = this.#fragments[index]
    if (after !== undefined && after.from === from && after.to === to) {
      return isSame(after.bytes, bytes, header.payloadAt) ? 'ip-fragment-duplicate' : 'ip-fragment-overlap'
    }
    if ((before !== undefined && before.to > from) || (after !== undefined && after.from < to)) {
      return 'ip-fragment-overlap'
    }
    if (!header.moreFragments) {
      // Two different ends, or data beyond the end.
      const last = this.#fragments[this.#fragments.length - 1]
      if (this.#total >= 0 || (last !== undefined && last.to > to)) return 'ip-fragment-inconsistent'
      this.#total = to
    } else if (this.#total >= 0 && to > this.#total) return 'ip-fragment-inconsistent'
    const codepoint = header.tos & ECN_MASK
    this.#isMarked ||= codepoint === EcnCodepoint.CE
    this.#isUnmarkable ||= codepoint === EcnCodepoint.NOT_ECT
    if (this.#isMarked && this.#isUnmarkable) return 'ip-fragment-inconsistent'
    if (this.#fragments.length >= MAX_FRAGMENTS) return 'ip-fragment-too-many'
    const copy = bytes.slice(header.payloadAt, header.end)
    this.#fragments.splice(index, 0, { from, to, bytes: copy })
    this.#received += to - from
    this.charge += copy.length + FRAGMENT_OVERHEAD
    if (from === 0) this.#header = bytes.slice(header.payloadAt - header.headerLen, header.payloadAt)
    // The first fragment's header may be longer than the last one's was.
    if (this.#total + (this.#header?.length ?? 0) > IPV4_MAX_LEN) return 'ip-fragment-too-large'
    return undefined
  }

  /** Writes the whole datagram, with a header that knows of no fragments, to the frame; returns its length. */
  writeTo(frame: InFrame): number {
    const header = this.#header!
    frame.bytes.set(header)
    if (this.#isMarked) frame.view.setUint8(TOS, header[TOS]! | EcnCodepoint.CE)
    for (const { from, bytes } of this.#fragments) frame.bytes.set(bytes, header.length + from)
    const totalLen = header.length + this.#total
    frame.view.setUint16(TOTAL_LEN, totalLen)
    frame.view.setUint16(FLAGS_OFFSET, 0)
    frame.checksum = 'complete'
    frame.segmentSize = 0
    return totalLen
  }

  /** Where a fragment beginning at `from` belongs; most come in order, so the search starts at the end. */
  #indexFor(from: number): number {
    let index = this.#fragments.length
    while (index > 0 && this.#fragments[index - 1]!.from >= from) index--
    return index
  }
}

function isSame(kept: Uint8Array, bytes: Uint8Array, at: number): boolean {
  for (let i = 0; i < kept.length; i++) if (kept[i] !== bytes[at + i]) return false
  return true
}
