import { rangeError } from '../base/argument-errors.ts'
import { parseAddress } from './address.ts'
import { type AddressRange, isInRange, parseRange } from './address-range.ts'

/** Addresses and networks that may come in: `10.0.0.0/8`, `192.0.2.7`, `2001:db8::/32`. */
export class AllowList {
  readonly #networks: readonly AddressRange[]

  /** Without any, everybody may. @throws {RangeError} that names the first which is no address and no network. */
  constructor(networks: readonly string[]) {
    this.#networks = networks.map(readNetwork)
  }

  has(address: string): boolean {
    if (this.#networks.length === 0) return true
    const bits = parseAddress(address)
    return bits !== undefined && this.#networks.some((network) => isInRange(bits, network))
  }
}

function readNetwork(text: string): AddressRange {
  const network = parseRange(text)
  if (network !== undefined) return network
  throw rangeError(`Cannot allow "${text}": it is no address and no network such as 10.0.0.0/8`)
}
