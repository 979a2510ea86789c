import type { Ipv4Addr, MacAddr } from '../base/address.ts'
import { addMicros, type Micros, NEVER } from '../base/types.ts'

/** RFC 5227 §1.1, in microseconds. */
const ANNOUNCE_NUM = 2
const ANNOUNCE_INTERVAL = 2_000_000
const DEFEND_INTERVAL = 10_000_000

/** Another machine uses an address of ours. */
export interface AddressConflict {
  readonly ip: Ipv4Addr
  readonly ours: MacAddr
  readonly theirs: MacAddr
  /** Whether we answered with an announcement (RFC 5227 §2.4 (c)). */
  readonly defended: boolean
}

interface Claim {
  readonly ip: Ipv4Addr
  left: number
  announceAt: Micros
  defendedAt: Micros
}

/** Tells the link which addresses are ours, and defends them (RFC 5227 §2.3 and §2.4). */
export class AddressClaims {
  readonly #announce: (ip: Ipv4Addr, now: Micros) => void
  readonly #claims = new Map<Ipv4Addr, Claim>()

  constructor(announce: (ip: Ipv4Addr, now: Micros) => void) {
    this.#announce = announce
  }

  /** Announces the address twice, the first time at the next poll. */
  claim(ip: Ipv4Addr): void {
    const defendedAt = Number.NEGATIVE_INFINITY as Micros
    this.#claims.set(ip, { ip, left: ANNOUNCE_NUM, announceAt: 0 as Micros, defendedAt })
  }

  release(ip: Ipv4Addr): void {
    this.#claims.delete(ip)
  }

  /** Someone else spoke in our name; at most every ten seconds we object. Returns whether we did. */
  defend(ip: Ipv4Addr, now: Micros): boolean {
    const claim = this.#claims.get(ip)
    if (claim === undefined || now - claim.defendedAt < DEFEND_INTERVAL) return false
    claim.defendedAt = now
    this.#announce(ip, now)
    return true
  }

  poll(now: Micros): void {
    for (const claim of this.#claims.values()) {
      if (claim.left === 0 || claim.announceAt > now) continue
      claim.left--
      claim.announceAt = addMicros(now, ANNOUNCE_INTERVAL)
      this.#announce(claim.ip, now)
    }
  }

  pollAt(): Micros {
    let at: Micros = NEVER
    for (const claim of this.#claims.values()) if (claim.left > 0 && claim.announceAt < at) at = claim.announceAt
    return at
  }
}
