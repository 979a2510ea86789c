import { isIP } from 'node:net'
import { suggest } from '../../base/suggest.ts'
import { parseRange } from '../../transport/address-range.ts'
import { parseFingerprint } from '../../transport/certificate.ts'
import { type HostPort, isHost, splitHostPort } from '../../transport/host-port.ts'
import { type PathProxy, parseProxy } from '../../transport/proxy.ts'
import { parseScramKeys } from '../auth/scram-keys.ts'
import { parseTargetRule, TARGET_FORMS } from '../target-rule.ts'
import { isInterfaceAddress, parseListen, parseRemote } from './addresses.ts'
import type { Kind } from './key.ts'
import { textOf } from './scalar.ts'
import type { QuotaConfig } from './types.ts'
import { parseBytes, parseQuota, parseRate, parseTime } from './units.ts'

const ofText =
  <T>(parse: (text: string) => T | undefined) =>
  (value: unknown): T | undefined =>
    typeof value === 'string' ? parse(value) : undefined

const quote = (value: unknown): string | undefined =>
  typeof value === 'number' || typeof value === 'boolean' ? 'put it in quotes, then it is text' : undefined

/** Text of 1 to 512 octets without control characters. */
export const TEXT: Kind<string> = {
  expects: 'some text',
  parse: ofText((text) =>
    text !== '' && Buffer.byteLength(text) <= 512 && !/[\x00-\x1f\x7f]/.test(text) ? text : undefined,
  ),
  fix: quote,
}

export const FILE: Kind<string> = { ...TEXT, expects: 'a file name' }

/** Names with `*` for anything and `?` for any character. */
export const PATTERN: Kind<string> = {
  expects: 'a name, in which * stands for anything',
  parse: ofText((text) => (/^[a-z0-9._*?-]{1,64}$/i.test(text) ? text : undefined)),
  fix: quote,
}

/** What services, paths and daemons are called. */
export const NAME: Kind<string> = {
  expects: 'a name of up to 64 letters, digits, dots, dashes and underscores',
  parse: ofText((text) => (/^[a-z0-9][a-z0-9._-]{0,63}$/i.test(text) ? text : undefined)),
  fix: quote,
}

export const BOOLEAN: Kind<boolean> = {
  expects: 'true or false',
  parse: (value) => (textOf(value) === 'true' ? true : textOf(value) === 'false' ? false : undefined),
  fix: (value) =>
    /^(yes|on)$/i.test(textOf(value)) ? 'write true' : /^(no|off)$/i.test(textOf(value)) ? 'write false' : undefined,
}

export const FALSE: Kind<false> = {
  expects: 'false, or a mapping of keys',
  parse: (value) => (textOf(value) === 'false' ? false : undefined),
}

/** A whole number within bounds, both included. */
export const integer = (least: number, most: number): Kind<number> => ({
  expects: `a whole number from ${least} to ${most}`,
  parse: (value) => {
    const number = /^\d+$/.test(textOf(value)) ? Number(value) : Number.NaN
    return number >= least && number <= most ? number : undefined
  },
})

/** A number above 0, fractions allowed. */
export const WEIGHT: Kind<number> = {
  expects: 'a number above 0, such as 1 or 2.5',
  parse: (value) => {
    const number = /^\d+(\.\d+)?$/.test(textOf(value)) ? Number(value) : 0
    return number > 0 && number <= 1e6 ? number : undefined
  },
}

/** One of a few words. */
export const choice = <const C extends string>(...choices: readonly C[]): Kind<C> => ({
  expects: `one of ${choices.join(', ')}`,
  choices,
  parse: (value) => choices.find((word) => word === value),
  fix: (value) => didYouMean(textOf(value), choices),
})

/** `did you mean x?`, where one is near. */
export function didYouMean(word: string, candidates: readonly string[]): string | undefined {
  const near = suggest(word.toLowerCase(), candidates)
  return near === undefined ? undefined : `did you mean ${near}?`
}

/** Bytes within bounds, written as people do. */
export const bytes = (least: string, most: string): Kind<number> => ({
  expects: `a size from ${least} to ${most}, such as 64M`,
  parse: (value) => {
    const size = parseBytes(value)
    return size !== undefined && size >= parseBytes(least)! && size <= parseBytes(most)! ? size : undefined
  },
})

/** A time within bounds. */
export const time = (least: string, most: string): Kind<number> => ({
  expects: `a time from ${least} to ${most}, such as 10s, 500ms or 2m`,
  parse: (value) => {
    const time = parseTime(value)
    return time !== undefined && time >= parseTime(least)! && time <= parseTime(most)! ? time : undefined
  },
  fix: (value) => (typeof value === 'number' ? 'a number without a unit counts seconds' : undefined),
})

export const RATE: Kind<number> = { expects: 'a rate in bits per second, such as 10M or 1Gbit', parse: parseRate }

export const QUOTA: Kind<QuotaConfig> = { expects: 'an amount such as 10G/month or 500M/day', parse: parseQuota }

/** What an address lacks. */
function fixAddress(value: unknown, example: string): string | undefined {
  if (typeof value === 'number') return `write the host, too: ${example.replace(/\d+$/, textOf(value))}`
  if (typeof value !== 'string') return undefined
  if (isIP(value) === 6) return `an IPv6 address wants brackets and a port: [${value}]:${example.split(':').at(-1)}`
  const { host, port } = splitHostPort(value)
  if (/^[a-z][a-z0-9+]*:\/\//i.test(value)) return 'leave the scheme out'
  if (port === undefined && isHost(host)) return `the port is missing: ${value}:${example.split(':').at(-1)}`
  if (host === '' && port !== undefined) return `the host is missing: 127.0.0.1:${port}`
  return undefined
}

/** Where to connect to. */
export const remote = (example: string): Kind<HostPort> => ({
  expects: `host:port such as ${example}`,
  parse: ofText(parseRemote),
  fix: (value) => fixAddress(value, example),
})

/** Where to listen. */
export const listen = (example: string): Kind<HostPort> => ({
  expects: `address:port such as ${example}`,
  parse: ofText(parseListen),
  fix: (value) => fixAddress(value, example),
})

/** An address to listen on or to connect to, or a Unix socket; the path is made absolute later. */
export const endpoint = (address: Kind<HostPort>): Kind<HostPort | { readonly path: string }> => ({
  expects: `${address.expects}, or unix:/path`,
  parse: (value) => {
    const path = typeof value === 'string' && value.startsWith('unix:') ? value.slice(5) : undefined
    return path === undefined ? address.parse(value) : path === '' ? undefined : { path }
  },
  fix: (value) => address.fix?.(value),
})

export const NETWORK: Kind<string> = {
  expects: 'a network such as 10.0.0.0/8, or an address',
  parse: ofText((text) => (parseRange(text) === undefined ? undefined : text)),
}

/** What `parseTargetRule` takes. */
export const TARGET: Kind<string> = {
  expects: TARGET_FORMS,
  parse: ofText((text) => (parseTargetRule(text) === undefined ? undefined : text)),
  fix: (value) => {
    if (typeof value !== 'string') return undefined
    if (value.endsWith(':0')) return 'any port is *'
    if ((value.match(/:/g)?.length ?? 0) > 1)
      return 'an IPv6 address or network stands in brackets: [2001:db8::/32]:443'
    if (/[*?]/.test(value.replace(/^\*\.?|:\*$/g, ''))) return 'of a name only the beginning may be *.'
    return splitHostPort(value).port === undefined ? `say which ports: "${value}:*" is all of them` : undefined
  },
}

export const IP: Kind<string> = {
  expects: 'an address of this machine such as 192.0.2.3',
  parse: ofText((text) => (isIP(text) === 0 ? undefined : text)),
  fix: (value) =>
    typeof value === 'string' && isIP(splitHostPort(value).host) !== 0 ? 'leave the port out' : undefined,
}

export const IPV4: Kind<string> = {
  expects: 'an IPv4 address such as 10.0.0.1',
  parse: ofText((text) => (isIP(text) === 4 ? text : undefined)),
}

export const INTERFACE_ADDRESS: Kind<string> = {
  expects: 'an IPv4 address with its prefix such as 10.0.0.9/24',
  parse: ofText((text) => (isInterfaceAddress(text) ? text : undefined)),
  fix: (value) => (typeof value === 'string' && isIP(value) === 4 ? `the prefix is missing: ${value}/24` : undefined),
}

/** Linux allows 15 octets without a slash or white space (IFNAMSIZ). */
export const INTERFACE: Kind<string> = {
  expects: 'an interface name of at most 15 characters',
  parse: ofText((text) => (/^[^\s/]{1,15}$/.test(text) && text !== '.' && text !== '..' ? text : undefined)),
}

export const PROXY: Kind<PathProxy> = {
  expects: 'a proxy such as socks5://user:password@host:1080, http://host:8080, https://host or tcp://host:7000',
  parse: ofText(parseProxy),
  fix: (value) => {
    if (typeof value !== 'string') return undefined
    const scheme = /^([a-z0-9]*):\/\//i.exec(value)?.[1]?.toLowerCase()
    if (scheme === undefined) return 'the scheme is missing: socks5://, http://, https:// or tcp://'
    if (parseProxy(`${scheme}://host`) === undefined) return `${scheme}:// is not known`
    if (scheme === 'tcp') return 'a redirector has a port, and neither user nor password'
    return 'in a name or password write %40 for @, %3A for : and %2F for /'
  },
}

export const FINGERPRINT: Kind<string> = {
  expects: 'sha256: and 64 hexadecimal digits, as the server or openssl x509 -fingerprint -sha256 prints it',
  parse: ofText(parseFingerprint),
}

/** RFC 5803 §3, as PostgreSQL and `gotcp tunnel passwd` print it. */
export const SCRAM: Kind<string> = {
  expects: 'a line that gotcp tunnel passwd printed: SCRAM-SHA-256$100000:…',
  parse: ofText((text) => (parseScramKeys(text) === undefined ? undefined : text.trim())),
}
