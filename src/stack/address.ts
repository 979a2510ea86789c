import {
  type Cidr,
  type IpAddr,
  type Ipv4Addr,
  isIpv4,
  type MacAddr,
  parseCidr,
  parseIpv4,
  parseMac,
} from '../base/address.ts'
import { rangeError, typeError } from '../base/argument-errors.ts'
import { NetError } from '../base/errors.ts'
import { shown } from './limits.ts'

/** An address as users write it. */
export type AddressLike = string | IpAddr

const IPV6 = /^[0-9a-f:.]*:[0-9a-f:.]*$/i

/**
 * The IPv4 address that is meant.
 * @throws {TypeError} when it is no address.
 * @throws {NetError} EAFNOSUPPORT when it is an IPv6 address.
 */
export function toIpv4(address: AddressLike): Ipv4Addr {
  if (typeof address === 'number' && isIpv4(address)) return address
  if (typeof address !== 'string')
    throw typeError(`Cannot use address ${shown(address)}: it must be text such as 10.0.0.1`, toIpv4)
  const parsed = parseIpv4(address)
  if (parsed !== undefined) return parsed
  if (IPV6.test(address)) {
    throw new NetError('EAFNOSUPPORT', `Cannot use address "${address}": IPv6 is not supported. Give an IPv4 address`)
  }
  throw typeError(`Cannot use address "${address}": it is not four numbers with dots, such as 10.0.0.1`)
}

/**
 * The address and prefix that are meant.
 * @throws {TypeError} when the text is not like 10.0.0.9/24.
 * @throws {RangeError} when the numbers are beyond their limits.
 */
export function toCidr(address: string | Cidr): Cidr {
  const cidr = typeof address === 'string' ? parseCidr(address) : address
  if (typeof cidr?.addr !== 'number' || typeof cidr.prefix !== 'number') {
    throw typeError(`Cannot use address ${shown(address)}: write it with its prefix, such as 10.0.0.9/24`, toCidr)
  }
  const { addr, prefix } = cidr
  if (addr === addr >>> 0 && Number.isInteger(prefix) && prefix >= 0 && prefix <= 32) return cidr
  const what = `{ addr: ${addr}, prefix: ${prefix} }`
  throw rangeError(`Cannot use address ${what}: addr has 32 bits, and prefix is a whole number from 0 to 32`, toCidr)
}

/**
 * The Ethernet address that is meant.
 * @throws {TypeError} when the text is not like 02:00:00:00:00:01.
 */
export function toMac(text: string): MacAddr {
  const mac = parseMac(text)
  if (mac !== undefined) return mac
  throw typeError(`Cannot use MAC address "${text}": write six octets, such as 02:00:00:00:00:01`)
}
