import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'

/** The addresses of a name, in the order in which they are to be tried. */
export type Resolve = (name: string) => Promise<readonly string[]>

const running = new Map<string, Promise<readonly string[]>>()

/**
 * The addresses of a name as every other program on this machine finds them, asked for anew each time. Whoever asks while
 * the same question is under way shares its answer: a name server that is silent holds up one thread of the process's
 * four, however many paths lead to that name.
 */
export const resolveByMachine: Resolve = (name) => {
  const known = running.get(name)
  if (known !== undefined) return known
  const asked = lookup(name, { all: true })
    .then((found) => [...new Set(found.map(({ address }) => address))])
    .finally(() => running.delete(name))
  running.set(name, asked)
  return asked
}

/** What `host` stands for, itself where it is an address; only addresses of the family `family`, unless that is 0. */
export async function addressesOf(host: string, family: 0 | 4 | 6, resolve: Resolve): Promise<readonly string[]> {
  const found = isIP(host) === 0 ? await resolve(host) : [host]
  return family === 0 ? found : found.filter((address) => isIP(address) === family)
}
