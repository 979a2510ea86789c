import {
  formatIp,
  formatMac,
  IPV4_ANY,
  type Ipv4Addr,
  isGroupMac,
  MAC_NONE,
  type MacAddr,
} from '../../../base/address.ts'
import { BoundedMap } from '../../../base/bounded-map.ts'
import type { Observation } from '../observation.ts'
import type { Report, Rule } from '../rule.ts'

const MAX_ADDRESSES = 65536

interface Claim {
  readonly mac: MacAddr
  readonly at: number
}

/** An address is claimed by a station while another one still does; or a claim is sent by a third. */
export class ArpSpoof implements Rule {
  readonly name = 'arp-spoof'
  readonly severity = 'high'
  readonly summary: string
  readonly #quiet: number
  readonly #claims = new BoundedMap<Ipv4Addr, Claim>(MAX_ADDRESSES)

  /** `quietSeconds` without a claim free an address for another station. */
  constructor(quietSeconds = 120) {
    this.#quiet = quietSeconds * 1000
    this.summary = `an address changes its station within ${quietSeconds} s, or a claim is made for somebody else`
  }

  get size(): number {
    return this.#claims.size
  }

  onPacket(seen: Observation, report: Report): void {
    if (!seen.isArp) return
    const { senderIp, senderMac } = seen.arp
    // RFC 5227 §1.1: a probe has no sender address, and claims nothing.
    if (senderIp === IPV4_ANY || senderMac === MAC_NONE) return
    const address = formatIp(senderIp)
    if (isGroupMac(senderMac)) report(address, `claimed for the group address ${formatMac(senderMac)}`)
    if (seen.srcMac !== MAC_NONE && seen.srcMac !== senderMac) {
      report(address, `claimed for ${formatMac(senderMac)} by ${formatMac(seen.srcMac)}`)
    }
    const before = this.#claims.get(senderIp)
    if (before !== undefined && before.mac !== senderMac && seen.now - before.at < this.#quiet) {
      report(address, `claimed by ${formatMac(senderMac)}, by ${formatMac(before.mac)} until now`)
    }
    this.#claims.set(senderIp, { mac: senderMac, at: seen.now })
  }
}
