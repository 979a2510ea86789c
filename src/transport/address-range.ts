import { type AddressBits, parseAddress } from './address.ts'

/** An address and how many of its leading bits count. */
export interface AddressRange extends AddressBits {
  readonly prefix: number
}

const WIDTH = { 4: 32, 6: 128 } as const

/** Reads `10.0.0.0/8`, `2001:db8::/32`, or an address alone. */
export function parseRange(text: string): AddressRange | undefined {
  const [host = '', prefix, ...rest] = text.split('/')
  const address = parseAddress(host)
  if (address === undefined || rest.length > 0) return undefined
  const width = WIDTH[address.family]
  if (prefix === undefined) return { ...address, prefix: width }
  if (!/^\d{1,3}$/.test(prefix) || Number(prefix) > width) return undefined
  return { ...address, prefix: Number(prefix) }
}

/** Whether the address lies in the range. */
export function isInRange(address: AddressBits, range: AddressRange): boolean {
  if (address.family !== range.family) return false
  const shift = BigInt(WIDTH[range.family] - range.prefix)
  return address.bits >> shift === range.bits >> shift
}

/** Whether all of `inner` lies in `outer`. */
export const isWithin = (inner: AddressRange, outer: AddressRange): boolean =>
  inner.prefix >= outer.prefix && isInRange(inner, outer)
