import type { Ipv4Addr } from '../base/address.ts'
import { addMicros, type Micros } from '../base/types.ts'

/** RFC 1191 §6.3: ten minutes, then a larger packet is tried again. */
const EXPIRY = 600_000_000
/** Below this nobody is believed: smaller packets only serve an attacker (RFC 1191 §3 allows it; Linux does the same). */
const FLOOR = 552
const MAX_ENTRIES = 4096
/** RFC 1191 §7.1, Table 7-1. */
const PLATEAUS = [32000, 17914, 8166, 4352, 2002, 1492, 1006, 508, 296, 68]

/** The plateau below `totalLen`, for routers that do not say their MTU (RFC 1191 §5). */
export function plateauBelow(totalLen: number): number {
  for (const plateau of PLATEAUS) if (plateau < totalLen) return plateau
  return PLATEAUS[PLATEAUS.length - 1]!
}

interface PathMtu {
  mtu: number
  /** The path carries less than the floor: packets to it must be left fragmentable. */
  isBelowFloor: boolean
  expiresAt: Micros
}

/** What routers told of the paths to single hosts (RFC 1191). */
export class PathMtuCache {
  readonly #entries = new Map<Ipv4Addr, PathMtu>()

  get size(): number {
    return this.#entries.size
  }

  /** The path's MTU where one is known; undefined leaves it to the interface. */
  lookup(dst: Ipv4Addr): number | undefined {
    return this.#entries.get(dst)?.mtu
  }

  isBelowFloor(dst: Ipv4Addr): boolean {
    return this.#entries.get(dst)?.isBelowFloor ?? false
  }

  /** Believes that the path to `dst` carries no more than `mtu`. It never grows that way (RFC 1191 §3). */
  lower(dst: Ipv4Addr, mtu: number, now: Micros): void {
    const known = this.#entries.get(dst)
    if (known !== undefined && known.mtu <= mtu) return
    this.#entries.delete(dst)
    if (this.#entries.size >= MAX_ENTRIES) this.#entries.delete(this.#entries.keys().next().value!)
    const expiresAt = addMicros(now, EXPIRY)
    this.#entries.set(dst, { mtu: Math.max(mtu, FLOOR), isBelowFloor: mtu < FLOOR, expiresAt })
  }

  /** A packet of `mtu` reached `dst`. */
  raise(dst: Ipv4Addr, mtu: number, now: Micros): void {
    const known = this.#entries.get(dst)
    if (known === undefined || known.mtu >= mtu) return
    this.#entries.delete(dst)
    this.#entries.set(dst, { mtu, isBelowFloor: false, expiresAt: addMicros(now, EXPIRY) })
  }

  /** Forgets what is too old; entries stand in the order of their age. */
  poll(now: Micros): void {
    for (const [dst, entry] of this.#entries) {
      if (entry.expiresAt > now) return
      this.#entries.delete(dst)
    }
  }
}
