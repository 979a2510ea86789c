import { domainToASCII } from 'node:url'
import { NetError } from '../base/errors.ts'
import { type AddressBits, parseAddress } from '../transport/address.ts'
import { type AddressRange, isInRange, parseRange } from '../transport/address-range.ts'
import { isHost, parseHostPort, parsePort } from '../transport/host-port.ts'

/** A place that a stream or a flow is to lead to. */
export interface Target {
  /** A name as `canonicalName` has it, or an address; IPv6 without brackets. */
  readonly host: string
  readonly port: number
  /** Of an address. */
  readonly address: AddressBits | undefined
}

/** Which targets one line of a configuration means. */
export interface TargetRule {
  /** `*`, a name, `*.name` (any name below), or addresses. */
  readonly host: string | AddressRange
  readonly low: number
  readonly high: number
}

/** What a rule may be, for errors and documents. */
export const TARGET_FORMS = 'host:port such as "*.example.org:443", "10.0.0.0/8:*" or "db:5432-5440"'

/** Letters of any language, digits, dots, dashes and underscores: nothing that is left out when a name is made ASCII. */
const NAME = /^[\p{L}\p{M}\p{N}._-]+$/u
const LAST_PORT = 65_535

/** Reads `host:port` or `[IPv6]:port`; undefined for anything else. */
export function parseTarget(text: string): Target | undefined {
  const place = parseHostPort(text, 1)
  if (place === undefined) return undefined
  const { host, port } = place
  const address = parseAddress(host)
  const canonical = address === undefined ? canonicalName(host) : host
  return canonical === undefined ? undefined : { host: canonical, port, address }
}

/**
 * Reads one rule: a host, a colon, and a port, `first-last` or `*`. The host is `*`, a name, `*.name` for all names below it,
 * an IPv4 address or network, or an IPv6 one in brackets. Undefined for anything else.
 */
export function parseTargetRule(text: string): TargetRule | undefined {
  const [, bracketed, plain, ports] = /^(?:\[([^\]]*)\]|([^:[\]]+)):([\d*-]+)$/.exec(text) ?? []
  const host = bracketed === undefined ? parseRuleHost(plain ?? '') : parseRange(bracketed)
  if (host === undefined || (bracketed !== undefined && !bracketed.includes(':'))) return undefined
  const [first = '', last = first, ...more] = ports === '*' ? ['1', `${LAST_PORT}`] : ports!.split('-')
  const [low, high] = [parsePort(first, 1), parsePort(last, 1)]
  return low === undefined || high === undefined || high < low || more.length > 0 ? undefined : { host, low, high }
}

/** As `parseTargetRule`. @throws {NetError} EINVAL for what is none. */
export function targetRule(text: string): TargetRule {
  const rule = parseTargetRule(text)
  if (rule === undefined) throw new NetError('EINVAL', `Cannot read the target "${text}": write ${TARGET_FORMS}`)
  return rule
}

/**
 * Whether a rule means a target, as it is asked for: rules of addresses say nothing about names, whatever they lead to, and
 * rules of names nothing about addresses.
 */
export function isMeant({ host, address, port }: Target, rule: TargetRule): boolean {
  if (port < rule.low || port > rule.high) return false
  if (rule.host === '*') return true
  if (typeof rule.host !== 'string') return address !== undefined && isInRange(address, rule.host)
  if (address !== undefined) return false
  return rule.host.startsWith('*.') ? host.endsWith(rule.host.slice(1)) : host === rule.host
}

function parseRuleHost(text: string): string | AddressRange | undefined {
  if (text === '*') return text
  const range = parseRange(text)
  if (range !== undefined) return range
  if (text.startsWith('*.')) {
    const name = canonicalName(text.slice(2))
    return name === undefined ? undefined : `*.${name}`
  }
  return canonicalName(text)
}

/** In small letters, without the dot at the end, international names in ASCII; undefined where that is no name. */
function canonicalName(text: string): string | undefined {
  if (!NAME.test(text)) return undefined
  const ascii = domainToASCII(text.replace(/\.$/, ''))
  // What URLs take for an address, such as 0x7f.1, is neither.
  return isHost(ascii) && parseAddress(ascii) === undefined ? ascii : undefined
}
