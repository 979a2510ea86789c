import { seededRng } from '../../src/base/rng.ts'
import { fromMs } from '../../src/base/types.ts'
import { Cable } from '../../src/link/cable.ts'
import { type AddInterfaceOptions, Host } from '../../src/stack/host.ts'
import { Simulation } from '../../src/stack/simulate.ts'
import { LIMIT } from './net.ts'

/** Somebody whose default route leads to a stack that takes every address. */
export function anyAddressWorld(options: Partial<AddInterfaceOptions> = {}) {
  const cable = new Cable({ delay: fromMs(1), medium: 'ip' })
  const client = new Host({ rng: seededRng(1) })
  const stack = new Host({ rng: seededRng(2) })
  client.addInterface(cable.a, { address: '10.0.0.1/24', gateway: '10.0.0.2' })
  stack.addInterface(cable.b, { address: '10.0.0.2/24', anyAddress: true, ...options })
  const simulation = new Simulation([client.stack, stack.stack])
  const run = <T>(promise: Promise<T>): Promise<T> => simulation.runUntilSettled(promise, LIMIT)
  let now = 0
  /** Lets time pass, and those who wait act. */
  const pass = async (ms: number): Promise<void> => {
    const until = Math.max(now, simulation.now / 1000) + ms
    for (now = until - ms; now < until; ) {
      now = Math.min(until, now + 10)
      simulation.run(fromMs(now))
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  return { client, stack, simulation, run, pass }
}
