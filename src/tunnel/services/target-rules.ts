import { NetError } from '../../base/errors.ts'
import { parseAddress } from '../../transport/address.ts'
import { type AddressRange, isInRange, isWithin, parseRange } from '../../transport/address-range.ts'
import type { Resolve } from '../../transport/resolve.ts'
import { isMeant, parseTarget, type Target, type TargetRule, targetRule } from '../target-rule.ts'
import { cannotReach } from './dial.ts'

export interface TargetRulesOptions {
  /** Targets that may be asked for, as `targetRule` reads them; what a name leads to must be open, too. */
  readonly allow: readonly string[]
  /** Ranges that no name may lead to and no rule allows, such as `192.168.0.0/16`. */
  readonly deny?: readonly string[]
}

/** Where a target leads: addresses that have been checked. */
export interface CheckedTarget {
  readonly host: string
  readonly port: number
  readonly addresses: readonly string[]
}

/**
 * What lies there is this machine, its link, or what tells a machine in a cloud its secrets: refused unless a rule names
 * that range or a part of it.
 */
const GUARDED = [
  // "This network" and loopback (RFC 1122 §3.2.1.3); Linux takes 0.0.0.0 for loopback.
  '0.0.0.0/8',
  '127.0.0.0/8',
  '::/128',
  '::1/128',
  // Link-local (RFC 3927, RFC 4291 §2.5.6), with the metadata address of most clouds in it.
  '169.254.0.0/16',
  'fe80::/10',
  // Both by way of NAT64 (RFC 6052 §2.1).
  '64:ff9b::7f00:0/104',
  '64:ff9b::a9fe:0/112',
  // Metadata of Amazon by IPv6, of Alibaba, of Oracle, and Azure's host.
  'fd00:ec2::254/128',
  '100.100.100.200/32',
  '192.0.0.192/32',
  '168.63.129.16/32',
  // Groups and broadcast.
  '224.0.0.0/3',
  'ff00::/8',
].map((text) => parseRange(text)!)

/** RFC 6761 §6.3: this name is loopback, whoever asks. */
const LOCALHOST_RANGES = ['127.0.0.0/8', '::1/128'].map((text) => parseRange(text)!)

/** Which targets the other side may ask for. */
export class TargetRules {
  readonly #rules: readonly TargetRule[]
  readonly #denied: readonly AddressRange[]

  /** @throws {NetError} EINVAL when a rule is none. */
  constructor({ allow, deny = [] }: TargetRulesOptions) {
    this.#rules = allow.map(targetRule)
    this.#denied = deny.map((text) => {
      const range = parseRange(text)
      if (range === undefined) throw new NetError('EINVAL', `Cannot deny "${text}": it is no range of addresses`)
      return range
    })
  }

  /**
   * Looks a target up once, and gives those of its addresses that may be connected to.
   * @throws {NetError} EPERM when it is not allowed, EHOSTUNREACH when it has no address; what the resolver throws.
   */
  async find(text: string, resolve: Resolve): Promise<CheckedTarget> {
    const target = parseTarget(text)
    if (target === undefined) throw forbidden(text, 'it is not host:port')
    if (!this.#rules.some((rule) => isMeant(target, rule))) throw forbidden(text, 'no rule allows it')
    const { host, port } = target
    if (target.address !== undefined) {
      if (!this.#isOpen(host, target)) throw forbidden(text, 'no rule allows it')
      return { host, port, addresses: [host] }
    }
    const found = await resolve(host).catch((error: unknown) => {
      throw cannotReach(error, { host, port })
    })
    if (found.length === 0) throw new NetError('EHOSTUNREACH', `${host} has no address`)
    const addresses = found.filter((address) => this.#isOpen(address, target))
    if (addresses.length === 0) throw forbidden(text, `it leads to ${found.join(', ')}, which no rule opens`)
    return { host, port, addresses }
  }

  /** Whether nothing keeps that address of a target shut, however it was found. */
  #isOpen(text: string, { host: name, port }: Target): boolean {
    const address = parseAddress(text)
    if (address === undefined || this.#denied.some((range) => isInRange(address, range))) return false
    const guard = GUARDED.find((range) => isInRange(address, range))
    if (guard === undefined) return true
    const isLocal = name === 'localhost' && LOCALHOST_RANGES.some((range) => isInRange(address, range))
    return this.#rules.some(({ host, low, high }) => {
      if (port < low || port > high) return false
      if (typeof host === 'string') return isLocal && host === 'localhost'
      return isWithin(host, guard) && isInRange(address, host)
    })
  }
}

const forbidden = (target: string, why: string): NetError =>
  new NetError('EPERM', `Will not connect to "${target}": ${why}`)
