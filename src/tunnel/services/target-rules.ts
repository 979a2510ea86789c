import { isIP } from 'node:net'
import { domainToASCII } from 'node:url'
import { NetError } from '../../base/errors.ts'
import { type AddressBits, parseAddress } from '../../transport/address.ts'
import { type AddressRange, isInRange, isWithin, parseRange } from '../../transport/address-range.ts'
import { parseHostPort } from '../../transport/host-port.ts'
import type { Resolve } from './dial.ts'

export interface TargetRulesOptions {
  /**
   * Targets that may be asked for: `host:port`, `*.example.org:443` (any name below), `10.0.0.0/8:*`, `[::1]:80`,
   * `host:1-1024`, `*:443`. Names are matched as they are asked for, addresses by range.
   */
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

interface Rule {
  /** A name, `*.name`, `*`, or a range. */
  readonly host: string | AddressRange
  readonly low: number
  readonly high: number
}

/** Which targets the other side may ask for. */
export class TargetRules {
  readonly #rules: readonly Rule[]
  readonly #denied: readonly AddressRange[]

  /** @throws {NetError} EINVAL when a rule is none. */
  constructor({ allow, deny = [] }: TargetRulesOptions) {
    this.#rules = allow.map(parseRule)
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
  async find(target: string, resolve: Resolve): Promise<CheckedTarget> {
    const parsed = parseHostPort(target)
    const host = parsed === undefined ? undefined : canonicalHost(parsed.host)
    if (parsed === undefined || host === undefined || parsed.port === 0) {
      throw forbidden(target, 'it is not host:port')
    }
    const { port } = parsed
    const literal = parseAddress(host)
    if (literal !== undefined) {
      if (!this.#allowsAddress(literal, port) || !this.#isOpen(literal, host, port)) {
        throw forbidden(target, 'no rule allows it')
      }
      return { host, port, addresses: [host] }
    }
    if (!this.#rules.some((rule) => hasPort(rule, port) && matchesName(rule, host))) {
      throw forbidden(target, 'no rule allows it')
    }
    const found = await resolve(host)
    if (found.length === 0) throw new NetError('EHOSTUNREACH', `${host} has no address`)
    const addresses = found.filter((address) => {
      const bits = parseAddress(address)
      return bits !== undefined && this.#isOpen(bits, host, port)
    })
    if (addresses.length === 0) throw forbidden(target, `it leads to ${found.join(', ')}, which no rule opens`)
    return { host, port, addresses }
  }

  #allowsAddress(address: AddressBits, port: number): boolean {
    return this.#rules.some(
      ({ host, low, high }) =>
        port >= low && port <= high && (host === '*' || (typeof host !== 'string' && isInRange(address, host))),
    )
  }

  /** Whether nothing keeps that address shut, however it was found. */
  #isOpen(address: AddressBits, name: string, port: number): boolean {
    if (this.#denied.some((range) => isInRange(address, range))) return false
    const guard = GUARDED.find((range) => isInRange(address, range))
    if (guard === undefined) return true
    const isLocal = name === 'localhost' && LOCALHOST_RANGES.some((range) => isInRange(address, range))
    return this.#rules.some((rule) => {
      if (!hasPort(rule, port)) return false
      if (typeof rule.host === 'string') return isLocal && rule.host === 'localhost'
      return isWithin(rule.host, guard) && isInRange(address, rule.host)
    })
  }
}

const hasPort = ({ low, high }: Rule, port: number): boolean => port >= low && port <= high

function matchesName({ host }: Rule, name: string): boolean {
  if (typeof host !== 'string') return false
  if (host === '*') return true
  return host.startsWith('*.') ? name.endsWith(host.slice(1)) && name.length > host.length - 1 : name === host
}

/** In small letters, without the dot at the end, international names in ASCII; undefined where that is no name. */
function canonicalHost(text: string): string | undefined {
  if (isIP(text)) return text
  const ascii = domainToASCII(text.replace(/\.$/, ''))
  return ascii === '' || ascii.length > 253 || !/^[a-z0-9._-]+$/.test(ascii) ? undefined : ascii
}

function parseRule(text: string): Rule {
  const [, bracketed, plain, ports] = /^(?:\[([^\]]+)\]|(.+)):([^:]+)$/.exec(text) ?? []
  const host = parseRuleHost((bracketed ?? plain ?? '').toLowerCase())
  const [, low, high = low] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(ports ?? '') ?? []
  const [first, last] = ports === '*' ? [1, 65_535] : [Number(low), Number(high)]
  if (host === undefined || !(first >= 1 && last >= first && last <= 65_535)) {
    throw new NetError('EINVAL', `Cannot allow "${text}": rules are as *.example.org:443, 10.0.0.0/8:*, host:1-1024`)
  }
  return { host, low: first, high: last }
}

function parseRuleHost(text: string): string | AddressRange | undefined {
  if (text === '*') return text
  const range = parseRange(text)
  if (range !== undefined) return range
  const isBelow = text.startsWith('*.')
  const name = canonicalHost(isBelow ? text.slice(2) : text)
  if (name === undefined || isIP(name)) return undefined
  return isBelow ? `*.${name}` : name
}

const forbidden = (target: string, why: string): NetError =>
  new NetError('EPERM', `Will not connect to "${target}": ${why}`)
