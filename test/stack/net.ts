import { type Ipv4Addr, parseCidr, parseIpv4 } from '../../src/base/address.ts'
import { seededRng } from '../../src/base/rng.ts'
import { Cable, type CableOptions } from '../../src/link/cable.ts'
import type { Link } from '../../src/link/link.ts'
import { Stack, type StackInterfaceOptions } from '../../src/stack/stack.ts'

export const ip = (text: string): Ipv4Addr => parseIpv4(text)!

/** A stack with one interface. */
export function host(link: Link, address: string, options: Partial<StackInterfaceOptions> = {}, seed = 1): Stack {
  const stack = new Stack({ rng: seededRng(seed), hostname: address })
  stack.addInterface(link, { addresses: [parseCidr(address)!], ...options })
  return stack
}

/** Two stacks on one cable: 10.0.0.1/24 and 10.0.0.2/24. */
export function pair(options: CableOptions = {}): { a: Stack; b: Stack; cable: Cable } {
  const cable = new Cable(options)
  return { a: host(cable.a, '10.0.0.1/24', {}, 1), b: host(cable.b, '10.0.0.2/24', {}, 2), cable }
}
