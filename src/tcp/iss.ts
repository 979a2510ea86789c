import type { IpAddr } from '../base/address.ts'
import { type Seq, seq } from '../base/seq.ts'
import { type SipKey, sipHash } from '../base/siphash.ts'
import type { Micros } from '../base/types.ts'

/** The two ends of a connection, as a hash takes them. */
export interface FourTuple {
  readonly local: IpAddr
  readonly localPort: number
  readonly remote: IpAddr
  readonly remotePort: number
}

/** RFC 6528 §3: ISN = M + F(localip, localport, remoteip, remoteport, secretkey), where M counts 4 µs. */
export function initialSequenceNumber(key: SipKey, ends: FourTuple, now: Micros): Seq {
  const hash = sipHash(key, [...addressWords(ends.local), ...addressWords(ends.remote), ports(ends)])
  return seq((Math.floor(now / 4) % 0x100000000) + hash)
}

/**
 * Where the timestamp clock of a pair of hosts starts (RFC 7323 §7.1): hidden
 * from others, and the same for every connection of the pair, so that it only
 * grows from one incarnation to the next (RFC 6191 §2).
 */
export function timestampOffset(key: SipKey, ends: FourTuple): number {
  return sipHash(key, [...addressWords(ends.local), ...addressWords(ends.remote)]) | 0
}

export const ports = (ends: FourTuple): number => (ends.localPort << 16) | ends.remotePort

/** An address as 32-bit words for hashing. */
export function addressWords(addr: IpAddr): number[] {
  if (typeof addr === 'number') return [addr]
  return Array.from({ length: Math.ceil(addr.length / 4) }, (_, i) =>
    [...addr.slice(4 * i, 4 * i + 4)].reduce((word, char) => (word << 8) | char.charCodeAt(0), 0),
  )
}
