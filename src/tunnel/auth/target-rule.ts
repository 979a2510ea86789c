import { isIP, isIPv6 } from 'node:net'
import { NetError } from '../../base/errors.ts'
import { parseAddress } from '../../transport/address.ts'
import { isInRange, parseRange } from '../../transport/address-range.ts'
import { globMatcher } from './glob.ts'

/** A place that a stream is to lead to. */
export interface Target {
  /** A name in lower case without a last dot, or an address; IPv6 without brackets. */
  readonly host: string
  readonly port: number
}

const MAX_PORT = 65_535

/** Reads `host:port` or `[address]:port`; undefined for anything else. */
export function parseTarget(text: string): Target | undefined {
  const [, bracketed, plain, portText] = /^(?:\[([^\]]*)\]|([^:[\]]+)):(\d{1,5})$/.exec(text) ?? []
  const port = Number(portText)
  if (portText === undefined || port === 0 || port > MAX_PORT) return undefined
  if (bracketed !== undefined)
    return isIPv6(bracketed) && !bracketed.includes('%') ? { host: bracketed.toLowerCase(), port } : undefined
  const host = plain!.toLowerCase().replace(/\.$/, '')
  return /^[\x21-\x7e]+$/.test(host) ? { host, port } : undefined
}

/**
 * Reads one rule: `*`, `host:port`, `*.example.org:443`, `10.0.0.0/8:*`, `[2001:db8::]/32:80-90`. A rule of addresses
 * says nothing about names, whatever they lead to; a rule of names nothing about addresses.
 * @throws {NetError} EINVAL for anything else.
 */
export function targetRule(text: string): (target: Target) => boolean {
  if (text === '*') return () => true
  const [, hostText, portText] = /^(.+):(\*|\d{1,5}(?:-\d{1,5})?)$/.exec(text) ?? []
  if (hostText === undefined) throw invalid(text)
  const isPort = portMatcher(portText!, text)
  const isHost = hostMatcher(hostText, text)
  return ({ host, port }) => isPort(port) && isHost(host)
}

function portMatcher(text: string, rule: string): (port: number) => boolean {
  if (text === '*') return () => true
  const [first = 0, last = first] = text.split('-').map(Number)
  if (first < 1 || last > MAX_PORT || last < first) throw invalid(rule)
  return (port) => port >= first && port <= last
}

function hostMatcher(text: string, rule: string): (host: string) => boolean {
  const plain = text.replace(/^\[(.*)\]/, '$1')
  const [address = '', prefixText] = plain.split('/')
  const isBracketed = plain !== text
  // Without brackets nobody knows where an IPv6 address ends.
  if (isIP(address) === (isBracketed ? 6 : 4)) {
    const range = parseRange(plain)
    if (range === undefined) throw invalid(rule)
    return (host) => {
      const bits = parseAddress(host)
      return bits !== undefined && isInRange(bits, range)
    }
  }
  if (prefixText !== undefined || !/^[\x21-\x7e]+$/.test(text) || /[:[\]]/.test(text)) throw invalid(rule)
  if (text === '*') return () => true
  const matches = globMatcher(text.toLowerCase().replace(/\.$/, ''))
  return (host) => isIP(host) === 0 && matches(host)
}

const invalid = (rule: string): NetError =>
  new NetError('EINVAL', `Cannot read the target "${rule}": write host:port, *.example.org:443, 10.0.0.0/8:* or *`)
