import type { TestContext } from 'node:test'
import fc from 'fast-check'

/** Every random test of the session is a pure function of this; a failure prints it, and so does the test's report. */
export const SEED = Number(process.env['GOTCP_SEED'] ?? 20_261_121)
/** How often the usual number of random runs is made. */
export const TIMES = Number(process.env['GOTCP_SESSION_TIMES'] ?? 1)

/** Holds a property to `runs` random cases. */
export function check<T>(t: TestContext, property: fc.IProperty<T>, runs = 200): void {
  t.diagnostic(`GOTCP_SEED=${SEED}`)
  fc.assert(property, { seed: SEED, numRuns: Math.ceil(runs * TIMES) })
}
