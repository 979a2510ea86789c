import { type Cidr, type Ipv4Addr, parseCidr, parseIpv4 } from '../base/address.ts'
import type { Micros } from '../base/types.ts'

/** What the value of a flag or positional may be: how it is read, and how help and errors speak of it. */
export interface Kind<T> {
  /** Stands for the value in help: `IFACE`. */
  readonly placeholder: string
  /** Ends the sentence "expected …". */
  readonly expects: string
  /** What the shell offers on TAB. */
  readonly complete?: 'file' | 'interface'
  readonly choices?: readonly string[]
  /** The value, or undefined for text that makes no sense. */
  parse(text: string): T | undefined
  /** What is wrong with such a text, where more is known than that it is not what was expected. */
  explain?(text: string): string
}

export const TEXT: Kind<string> = { placeholder: 'TEXT', expects: 'some text', parse: (text) => text || undefined }

export const FILE: Kind<string> = { ...TEXT, placeholder: 'FILE', expects: 'a file name', complete: 'file' }

/** Linux allows 15 bytes without a slash or white space (IFNAMSIZ). */
export const INTERFACE: Kind<string> = {
  placeholder: 'IFACE',
  expects: 'an interface name of at most 15 characters',
  complete: 'interface',
  parse: (text) => (/^[^\s/]{1,15}$/.test(text) && text !== '.' && text !== '..' ? text : undefined),
}

export const IPV4: Kind<Ipv4Addr> = {
  placeholder: 'ADDR',
  expects: 'an IPv4 address such as 172.20.0.3',
  parse: parseIpv4,
}

export const CIDR: Kind<Cidr> = {
  placeholder: 'CIDR',
  expects: 'an address with its prefix such as 10.0.0.9/24',
  parse: (text) => (text.includes('/') ? parseCidr(text) : undefined),
}

/** A whole number within bounds, both included. */
export function integer(placeholder: string, min: number, max: number = Number.MAX_SAFE_INTEGER): Kind<number> {
  const expects =
    max === Number.MAX_SAFE_INTEGER ? `a whole number from ${min} up` : `a whole number from ${min} to ${max}`
  return {
    placeholder,
    expects,
    parse: (text) => {
      const value = /^-?\d+$/.test(text) ? Number(text) : Number.NaN
      return value >= min && value <= max ? value : undefined
    },
  }
}

export const PORT: Kind<number> = { ...integer('PORT', 1, 65535), expects: 'a port from 1 to 65535' }

/** One of a few words. */
export function choice<const C extends string>(...choices: readonly C[]): Kind<C> {
  return {
    placeholder: choices.join('|'),
    expects: `one of ${choices.join(', ')}`,
    choices,
    parse: (text) => choices.find((c) => c === text),
  }
}

/** A number with an optional unit behind it. */
function scaled(text: string, units: Readonly<Record<string, number>>): number | undefined {
  const match = /^(\d+(?:\.\d+)?|\.\d+)\s*([a-z/%]*)$/i.exec(text)
  const unit = units[match?.[2]?.toLowerCase() ?? '?']
  return match === null || unit === undefined ? undefined : Number(match[1]) * unit
}

/** A probability: `5%` or `0.05`. */
export const PROBABILITY: Kind<number> = {
  placeholder: 'SHARE',
  expects: 'a share such as 5% or 0.05',
  parse: (text) => {
    const value = scaled(text, { '': 1, '%': 0.01 })
    return value !== undefined && value <= 1 ? value : undefined
  },
}

/** More than Node's timers hold, which are then due at once: 2^31 milliseconds. In seconds, 23 days. */
const LONGEST = 2_000_000

/** A stretch of time in microseconds; a bare number counts milliseconds. */
export const DURATION: Kind<Micros> = {
  placeholder: 'TIME',
  expects: 'a time such as 20ms, 1.5s or 250us, at most 23 days',
  parse: (text) => {
    const value = scaled(text, { '': 1000, us: 1, ms: 1000, s: 1_000_000, m: 60_000_000 })
    return value === undefined || value > LONGEST * 1_000_000 ? undefined : (Math.round(value) as Micros)
  },
}

/** Seconds as a number, fractions allowed, as ping's own flags count. */
export const SECONDS: Kind<number> = {
  placeholder: 'SECONDS',
  expects: 'a number of seconds such as 1 or 0.2, at most 23 days',
  parse: (text) => {
    const value = scaled(text, { '': 1, s: 1, ms: 0.001 })
    return value === undefined || value > LONGEST ? undefined : value
  },
}

/** How often something happens. */
export const PERIOD: Kind<number> = {
  ...SECONDS,
  expects: 'a number of seconds above 0 such as 1 or 0.2',
  parse: (text) => SECONDS.parse(text) || undefined,
}

const SI = { '': 1, k: 1e3, m: 1e6, g: 1e9 }
/** Bits per second, in SI units. */
export const RATE: Kind<number> = {
  placeholder: 'RATE',
  expects: 'a rate in bits per second such as 10M, 10mbit or 1G',
  parse: (text) => {
    const value = scaled(text.replace(/(bit\/s|bit|bps)$/i, ''), SI)
    return value !== undefined && value > 0 ? value : undefined
  },
}

/** A number of bytes, in IEC units: `20M` is 20 MiB. */
export const BYTES: Kind<number> = {
  placeholder: 'BYTES',
  expects: 'a number of bytes such as 20480, 64K or 20M',
  parse: (text) => {
    const value = scaled(text.replace(/i?b$/i, ''), { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 })
    return value === undefined ? undefined : Math.round(value)
  },
}
