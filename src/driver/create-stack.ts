import { randomFillSync } from 'node:crypto'
import { hostname } from 'node:os'
import { isIpv4 } from '../base/address.ts'
import type { Rng } from '../base/rng.ts'
import { Host } from '../stack/host.ts'
import { within } from '../stack/limits.ts'
import type { StackOptions } from '../stack/stack.ts'
import { IpProtocol } from '../wire/ipv4.ts'
import { clock } from './clock.ts'
import { Loop, type LoopOptions } from './loop.ts'
import { KernelPortGuard } from './port-guard.ts'

/** Whoever wants more keeps a processor busy for good: a second. */
const LONGEST_SPIN = 1_000_000

export interface CreateStackOptions extends Partial<StackOptions>, LoopOptions {
  /** The network namespace in which the kernel shares addresses with us. Default: the process's own. */
  readonly netns?: string
}

/**
 * A host of our own on a real network, driven by this process's event loop.
 * Give it links with `addInterface`; `close` ends everything, so that the process can exit.
 * @throws {RangeError} for a `spin` that is not a whole number from 0 to a million.
 */
export function createStack(options: CreateStackOptions = {}): Host {
  const { netns, spin, ...rest } = options
  const loopOptions = { spin: spinOf(spin) }
  const host = new Host({ rng: cryptoRng(), hostname: hostname(), ...rest })
  const { stack } = host
  const loop = new Loop(stack, loopOptions)
  stack.poll(clock())
  stack.onWork = () => (stack.isClosed ? loop.stop() : loop.soon())
  stack.onWake = () => loop.wake()
  const guard = new KernelPortGuard({ netns })
  stack.ports.reserver = (protocol, addr, port) => {
    if (!isIpv4(addr)) return { release: () => undefined }
    return guard.reserve(protocol === IpProtocol.TCP ? 'tcp' : 'udp', addr, port)
  }
  return host
}

/** As `createStack` takes it. @throws {RangeError} that names its limits. */
export const spinOf = (given: number | undefined): number => within('spin', given, 0, 0, LONGEST_SPIN)

/** Secret randomness, fetched in blocks. */
function cryptoRng(): Rng {
  const words = new Uint32Array(256)
  let next = words.length
  return () => {
    if (next === words.length) {
      randomFillSync(words)
      next = 0
    }
    return words[next++]!
  }
}
