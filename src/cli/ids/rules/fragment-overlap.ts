import { BoundedMap } from '../../../base/bounded-map.ts'
import { IPV4_MAX_LEN } from '../../../wire/ipv4.ts'
import type { Observation } from '../observation.ts'
import type { Report, Rule } from '../rule.ts'

const MAX_DATAGRAMS = 4096
const MAX_FRAGMENTS = 64
/** A host keeps fragments for about that long (RFC 1122 §3.3.2). */
const LIFETIME = 60_000

interface Datagram {
  readonly since: number
  /** Pairs of start and end. */
  readonly ranges: [number, number][]
}

/** Fragments that cover the same bytes twice, or reach behind the largest packet: ways around a filter. */
export class FragmentOverlap implements Rule {
  readonly name = 'fragment-overlap'
  readonly severity = 'high'
  readonly summary = 'fragments of a packet overlap without being equal, or end behind 65535 bytes'
  readonly #datagrams = new BoundedMap<string, Datagram>(MAX_DATAGRAMS)

  get size(): number {
    return this.#datagrams.size
  }

  onPacket(seen: Observation, report: Report): void {
    if (!seen.isFragment) return
    const { ipv4 } = seen
    const start = ipv4.fragmentOffset
    const end = start + ipv4.totalLen - ipv4.headerLen
    const subject = `${seen.srcText} > ${seen.dstText}`
    if (end + ipv4.headerLen > IPV4_MAX_LEN)
      report(subject, `packet ${ipv4.id} would be ${end + ipv4.headerLen} bytes long`)
    const key = `${subject} ${ipv4.protocol} ${ipv4.id}`
    let datagram = this.#datagrams.get(key)
    if (datagram === undefined || seen.now - datagram.since > LIFETIME) {
      datagram = { since: seen.now, ranges: [] }
      this.#datagrams.set(key, datagram)
    }
    for (const [from, to] of datagram.ranges) {
      // The same fragment again is a duplicate on the way, not a trick.
      if (from === start && to === end) return
      if (start < to && from < end) {
        report(subject, `packet ${ipv4.id}: bytes ${start}-${end} over ${from}-${to}`)
        break
      }
    }
    if (datagram.ranges.length < MAX_FRAGMENTS) datagram.ranges.push([start, end])
  }
}
