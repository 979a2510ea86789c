import type { Brand } from './types.ts'

/** An IPv4 address as an unsigned 32-bit integer in host order. */
export type Ipv4Addr = Brand<number, 'Ipv4Addr'>
/** An IPv6 address as its canonical text (RFC 5952), so that `===` compares and a Map may key on it. */
export type Ipv6Addr = Brand<string, 'Ipv6Addr'>
/** Either family; `typeof` tells which. */
export type IpAddr = Ipv4Addr | Ipv6Addr
/** A 48-bit MAC address; fits a double exactly, compares with `===`, keys a Map. */
export type MacAddr = Brand<number, 'MacAddr'>

export const IPV4_ANY = 0 as Ipv4Addr
export const IPV4_BROADCAST = 0xffffffff as Ipv4Addr
export const IPV4_LOOPBACK = 0x7f000001 as Ipv4Addr
export const MAC_NONE = 0 as MacAddr
export const MAC_BROADCAST = 0xffffffffffff as MacAddr

export const isIpv4 = (addr: IpAddr): addr is Ipv4Addr => typeof addr === 'number'
/** 224.0.0.0/4 (RFC 5771). */
export const isMulticast = (addr: Ipv4Addr): boolean => addr >>> 28 === 0xe
/** 240.0.0.0/4, class E (RFC 1112 §4), and within it the limited broadcast. */
export const isReserved = (addr: Ipv4Addr): boolean => addr >>> 28 === 0xf
/** 127.0.0.0/8 (RFC 1122 §3.2.1.3). */
export const isLoopback = (addr: Ipv4Addr): boolean => addr >>> 24 === 127
export const isGroupMac = (mac: MacAddr): boolean => (Math.trunc(mac / 0x10000000000) & 1) === 1

/** Parses dotted-quad text; undefined for anything else, leading zeros included. */
export function parseIpv4(text: string): Ipv4Addr | undefined {
  const parts = text.split('.')
  if (parts.length !== 4) return undefined
  let value = 0
  for (const part of parts) {
    if (!/^(0|[1-9]\d{0,2})$/.test(part)) return undefined
    const octet = Number(part)
    if (octet > 255) return undefined
    value = value * 256 + octet
  }
  return value as Ipv4Addr
}

export function formatIpv4(addr: Ipv4Addr): string {
  return `${addr >>> 24}.${(addr >>> 16) & 255}.${(addr >>> 8) & 255}.${addr & 255}`
}

export const formatIp = (addr: IpAddr): string => (isIpv4(addr) ? formatIpv4(addr) : addr)

/** `host:port`, with brackets around IPv6 (RFC 3986 §3.2.2). */
export const formatEndpoint = (addr: IpAddr, port: number): string =>
  isIpv4(addr) ? `${formatIpv4(addr)}:${port}` : `[${addr}]:${port}`

/** Parses six colon- or dash-separated octets; undefined for anything else. */
export function parseMac(text: string): MacAddr | undefined {
  if (!/^[0-9a-f]{1,2}([:-][0-9a-f]{1,2}){5}$/i.test(text)) return undefined
  return text.split(/[:-]/).reduce((value, part) => value * 256 + Number.parseInt(part, 16), 0) as MacAddr
}

export function formatMac(mac: MacAddr): string {
  const hex = mac.toString(16).padStart(12, '0')
  return hex.replace(/(..)(?!$)/g, '$1:')
}

/** The Ethernet address of an IPv4 group (RFC 1112 §6.4). */
export const multicastMac = (group: Ipv4Addr): MacAddr => (0x01005e000000 + (group & 0x7fffff)) as MacAddr

/** An address with the prefix of its network: 10.0.0.9/24. */
export interface Cidr {
  readonly addr: Ipv4Addr
  readonly prefix: number
}

/** Parses `a.b.c.d/n`; a bare address is a /32. Undefined for anything else. */
export function parseCidr(text: string): Cidr | undefined {
  const [host, bits, ...rest] = text.split('/')
  const addr = parseIpv4(host ?? '')
  if (addr === undefined || rest.length > 0) return undefined
  if (bits === undefined) return { addr, prefix: 32 }
  if (!/^\d{1,2}$/.test(bits) || Number(bits) > 32) return undefined
  return { addr, prefix: Number(bits) }
}

export const formatCidr = (cidr: Cidr): string => `${formatIpv4(cidr.addr)}/${cidr.prefix}`
export const maskOf = (prefix: number): number => (prefix === 0 ? 0 : (-1 << (32 - prefix)) >>> 0)
export const networkOf = (addr: Ipv4Addr, prefix: number): Ipv4Addr => ((addr & maskOf(prefix)) >>> 0) as Ipv4Addr
export const inNetwork = (addr: Ipv4Addr, cidr: Cidr): boolean =>
  networkOf(addr, cidr.prefix) === networkOf(cidr.addr, cidr.prefix)
/** The directed broadcast of a network; a /31 and a /32 have none (RFC 3021). */
export const broadcastOf = (cidr: Cidr): Ipv4Addr | undefined =>
  cidr.prefix >= 31 ? undefined : (((cidr.addr | ~maskOf(cidr.prefix)) >>> 0) as Ipv4Addr)
