import { BlockList, isIP, isIPv4, isIPv6 } from 'node:net'
import { NetError } from '../../base/errors.ts'

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
  if (bracketed !== undefined) return isIPv6(bracketed) ? { host: bracketed.toLowerCase(), port } : undefined
  const host = plain!.toLowerCase().replace(/\.$/, '')
  return /^[\x21-\x7e]+$/.test(host) ? { host, port } : undefined
}

/** Whether text matches a pattern in which `*` stands for anything and `?` for any one character. */
export function globMatcher(pattern: string): (text: string) => boolean {
  const source = pattern
    .replace(/[\\^$.|+()[\]{}]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.')
  const regex = new RegExp(`^${source.replace(/(?:\.\*)+/g, '.*')}$`, 'su')
  return (text) => regex.test(text)
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
  const [address = '', prefixText] = text.replace(/[[\]]/g, '').split('/')
  const family = isIP(address)
  if (family !== 0) {
    const prefix = Number(prefixText ?? (family === 4 ? 32 : 128))
    if (!(Number.isInteger(prefix) && prefix >= 0 && prefix <= (family === 4 ? 32 : 128))) throw invalid(rule)
    return addressMatcher([{ address, prefix, family: family === 4 ? 'ipv4' : 'ipv6' }])
  }
  if (prefixText !== undefined || !/^[\x21-\x7e]+$/.test(text) || text.includes(':')) throw invalid(rule)
  if (text === '*') return () => true
  const matches = globMatcher(text.toLowerCase().replace(/\.$/, ''))
  return (host) => isIP(host) === 0 && matches(host)
}

interface Network {
  readonly address: string
  readonly prefix: number
  readonly family: 'ipv4' | 'ipv6'
}

/** Whether an address lies in one of the networks; an IPv4 address in IPv6's notation is that IPv4 address. */
function addressMatcher(networks: readonly Network[]): (host: string) => boolean {
  const list = new BlockList()
  for (const { address, prefix, family } of networks) list.addSubnet(address, prefix, family)
  return (host) => {
    if (isIPv4(host)) return list.check(host, 'ipv4')
    return isIPv6(host) && list.check(host, 'ipv6')
  }
}

/** Reads networks (`10.0.0.0/8`, `2001:db8::/32`, one address) to a test of addresses. @throws {NetError} EINVAL. */
export function networkMatcher(texts: readonly string[]): (address: string) => boolean {
  return addressMatcher(
    texts.map((text) => {
      const [address = '', prefixText, more] = text.split('/')
      const family = isIP(address)
      const most = family === 4 ? 32 : 128
      const prefix = Number(prefixText ?? most)
      if (
        family === 0 ||
        more !== undefined ||
        prefixText === '' ||
        !(Number.isInteger(prefix) && prefix >= 0 && prefix <= most)
      ) {
        throw new NetError('EINVAL', `Cannot read the network "${text}": write it as 10.0.0.0/8 or 2001:db8::/32`)
      }
      return { address, prefix, family: family === 4 ? 'ipv4' : 'ipv6' }
    }),
  )
}

const invalid = (rule: string): NetError =>
  new NetError('EINVAL', `Cannot read the target "${rule}": write host:port, *.example.org:443, 10.0.0.0/8:* or *`)
