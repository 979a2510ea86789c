import { type IpAddr, type Ipv4Addr, isIpv4, parseIpv4 } from '../base/address.ts'
import { NetError } from '../base/errors.ts'

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
  const parsed = parseIpv4(address as string)
  if (parsed !== undefined) return parsed
  if (IPV6.test(address as string)) {
    throw new NetError('EAFNOSUPPORT', `Cannot use address "${address}": IPv6 is not supported. Give an IPv4 address`)
  }
  throw new TypeError(`Cannot use address "${address}": it is not four numbers with dots, such as 10.0.0.1`)
}
