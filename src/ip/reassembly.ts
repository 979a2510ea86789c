import type { Ipv4Addr } from '../base/address.ts'
import { addMicros, type Micros, NEVER } from '../base/types.ts'
import { InFrame } from '../link/link.ts'
import { FRAGMENT_UNIT, IPV4_MAX_LEN, type Ipv4Header } from '../wire/ipv4.ts'
import { PartialDatagram } from './partial-datagram.ts'

/** RFC 1122 §3.3.2 wants a fixed time; thirty seconds, as Linux has it, keeps 16-bit identifications apart (RFC 6864 §4.2). */
const TIMEOUT = 30_000_000
const MAX_BYTES = 4 * 1024 * 1024
const MAX_DATAGRAMS = 1024
const MAX_SOURCE_BYTES = 1024 * 1024
const MAX_SOURCE_DATAGRAMS = 64

/** Why a fragment was refused. Also the name of the drop counter. */
export type ReassemblyDrop =
  | 'ip-fragment-empty'
  | 'ip-fragment-misaligned'
  | 'ip-fragment-too-large'
  | 'ip-fragment-inconsistent'
  | 'ip-fragment-overlap'
  | 'ip-fragment-duplicate'
  | 'ip-fragment-too-many'
  | 'ip-fragment-evicted'
  | 'ip-fragment-timeout'

interface SourceUse {
  bytes: number
  datagrams: number
}

/**
 * Puts fragments together again (RFC 791 §3.2, RFC 815).
 *
 * Memory is bounded in all, for each source and for each datagram; where a
 * bound is met the oldest unfinished datagram goes, so that a flood of
 * fragments leaves room for what is completed quickly.
 */
export class Reassembly {
  /** The finished datagram after `add` returned true; good until the next call. */
  readonly frame = new InFrame(new Uint8Array(IPV4_MAX_LEN))
  readonly #onExpired: (datagram: PartialDatagram, now: Micros) => void
  readonly #onDrop: (reason: ReassemblyDrop, count: number, now: Micros) => void
  /** By source and identification, then the few that differ in the rest. */
  readonly #byKey = new Map<number, PartialDatagram[]>()
  /** In order of age, and so of deadlines. */
  readonly #byAge = new Set<PartialDatagram>()
  readonly #sources = new Map<Ipv4Addr, SourceUse>()
  #bytes = 0

  constructor(
    onExpired: (datagram: PartialDatagram, now: Micros) => void,
    onDrop: (reason: ReassemblyDrop, count: number, now: Micros) => void,
  ) {
    this.#onExpired = onExpired
    this.#onDrop = onDrop
  }

  /** Bytes held for unfinished datagrams, overhead included. */
  get bytes(): number {
    return this.#bytes
  }

  get size(): number {
    return this.#byAge.size
  }

  /** Takes one fragment. True when it completed its datagram; else undefined, or the drop reason. */
  add(frame: InFrame, header: Ipv4Header, now: Micros): ReassemblyDrop | true | undefined {
    const from = header.fragmentOffset
    const length = header.end - header.payloadAt
    // A fragment without data advances nothing, and only floods send it.
    if (length === 0) return 'ip-fragment-empty'
    // RFC 791 §3.2: every fragment but the last ends on a unit of eight.
    if (header.moreFragments && length % FRAGMENT_UNIT !== 0) return 'ip-fragment-misaligned'
    // The "ping of death": offset and length beyond what a total length can say.
    if (header.headerLen + from + length > IPV4_MAX_LEN) return 'ip-fragment-too-large'
    const datagram = this.#find(header) ?? this.#create(header, now)
    const before = datagram.charge
    const drop = datagram.add(frame.bytes, header)
    if (drop === 'ip-fragment-duplicate') return drop
    if (drop !== undefined) {
      // RFC 5722 §4, RFC 8900 §3.7: whoever overlaps fragments attacks; nothing of the datagram is kept.
      this.#remove(datagram, before)
      return drop
    }
    this.#charge(datagram.src, datagram.charge - before, 0)
    if (datagram.isComplete) {
      this.#remove(datagram, datagram.charge)
      this.frame.start = 0
      this.frame.end = datagram.writeTo(this.frame)
      return true
    }
    this.#enforce(datagram, now)
    return undefined
  }

  /** Gives up what is too old (RFC 1122 §3.3.2). */
  poll(now: Micros): void {
    for (const datagram of this.#byAge) {
      if (datagram.deadline > now) return
      this.#remove(datagram, datagram.charge)
      this.#onDrop('ip-fragment-timeout', 1, now)
      this.#onExpired(datagram, now)
    }
  }

  pollAt(): Micros {
    for (const datagram of this.#byAge) return datagram.deadline
    return NEVER
  }

  #find(header: Ipv4Header): PartialDatagram | undefined {
    const candidates = this.#byKey.get(keyOf(header))
    if (candidates === undefined) return undefined
    for (const datagram of candidates) {
      if (datagram.dst === header.dst && datagram.protocol === header.protocol) return datagram
    }
    return undefined
  }

  #create(header: Ipv4Header, now: Micros): PartialDatagram {
    const datagram = new PartialDatagram(header, addMicros(now, TIMEOUT))
    const key = keyOf(header)
    const candidates = this.#byKey.get(key)
    if (candidates === undefined) this.#byKey.set(key, [datagram])
    else candidates.push(datagram)
    this.#byAge.add(datagram)
    this.#charge(datagram.src, datagram.charge, 1)
    return datagram
  }

  #remove(datagram: PartialDatagram, charge: number): void {
    const key = keyOf(datagram)
    const rest = this.#byKey.get(key)!.filter((other) => other !== datagram)
    if (rest.length === 0) this.#byKey.delete(key)
    else this.#byKey.set(key, rest)
    this.#byAge.delete(datagram)
    this.#charge(datagram.src, -charge, -1)
  }

  #charge(source: Ipv4Addr, bytes: number, datagrams: number): void {
    this.#bytes += bytes
    let use = this.#sources.get(source)
    if (use === undefined) {
      use = { bytes: 0, datagrams: 0 }
      this.#sources.set(source, use)
    }
    use.bytes += bytes
    use.datagrams += datagrams
    if (use.datagrams === 0) this.#sources.delete(source)
  }

  /** Evicts the oldest until the bounds hold again; `newest` may be among them. */
  #enforce(newest: PartialDatagram, now: Micros): void {
    const use = this.#sources.get(newest.src)!
    while (use.bytes > MAX_SOURCE_BYTES || use.datagrams > MAX_SOURCE_DATAGRAMS) this.#evict(newest.src, now)
    while (this.#bytes > MAX_BYTES || this.#byAge.size > MAX_DATAGRAMS) this.#evict(undefined, now)
  }

  #evict(source: Ipv4Addr | undefined, now: Micros): void {
    for (const datagram of this.#byAge) {
      if (source !== undefined && datagram.src !== source) continue
      this.#remove(datagram, datagram.charge)
      this.#onDrop('ip-fragment-evicted', 1, now)
      return
    }
  }
}

const keyOf = (of: { src: Ipv4Addr; id: number }): number => of.src * 0x10000 + of.id
