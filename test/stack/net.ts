import { type Ipv4Addr, parseCidr, parseIpv4 } from '../../src/base/address.ts'
import { seededRng } from '../../src/base/rng.ts'
import { fromMs } from '../../src/base/types.ts'
import { Cable, type CableOptions } from '../../src/link/cable.ts'
import type { Link } from '../../src/link/link.ts'
import { Host } from '../../src/stack/host.ts'
import { Simulation } from '../../src/stack/simulate.ts'
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

/** Longer than anything that a test waits for. */
export const LIMIT = fromMs(600_000)

/** Two hosts for programs of promises on a cable of 1 ms, on virtual time: 10.0.0.1 and 10.0.0.2. */
export function hosts() {
  const cable = new Cable({ delay: fromMs(1) })
  const a = new Host({ rng: seededRng(1) })
  const b = new Host({ rng: seededRng(2) })
  a.addInterface(cable.a, { address: '10.0.0.1/24' })
  b.addInterface(cable.b, { address: '10.0.0.2/24' })
  const simulation = new Simulation([a.stack, b.stack])
  /** Runs until the promise settles. */
  const run = <T>(promise: Promise<T>): Promise<T> => simulation.runUntilSettled(promise, LIMIT)
  return { a, b, simulation, run }
}
