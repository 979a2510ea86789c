import type { Ipv4Addr } from '../base/address.ts'
import { below, type Rng } from '../base/rng.ts'
import { type SipKey, sipHash, sipKey } from '../base/siphash.ts'

const BUCKETS = 1024
const MAX_STEP = 8

/**
 * Identifications for packets that may be fragmented: apart for each
 * destination, not to be guessed by others (RFC 6864 §4.3, RFC 7739 §5.3).
 */
export class PacketIds {
  readonly #rng: Rng
  readonly #key: SipKey
  readonly #next = new Uint16Array(BUCKETS)

  constructor(rng: Rng) {
    this.#rng = rng
    this.#key = sipKey(rng)
    for (let i = 0; i < BUCKETS; i++) this.#next[i] = rng()
  }

  /** The secret number of a pair of hosts; a route keeps it. */
  hash(src: Ipv4Addr, dst: Ipv4Addr): number {
    return sipHash(this.#key, [src, dst])
  }

  /** The next identification for the pair with this `hash`. */
  next(hash: number): number {
    const bucket = hash & (BUCKETS - 1)
    this.#next[bucket]! += 1 + below(this.#rng, MAX_STEP)
    return (this.#next[bucket]! + (hash >>> 16)) & 0xffff
  }
}
