import type { ListenOptions } from 'node:net'
import { nodeError } from '../base/node-error.ts'

/** What node:net takes as well and a stack has not. */
interface Elsewhere {
  readonly port?: unknown
  readonly path?: unknown
  readonly fd?: unknown
  readonly handle?: unknown
  readonly _handle?: unknown
}

/**
 * Arguments of a server's `listen` as one object: `(options)`, `(port[, host][, backlog])` or none, each with or without a
 * callback. Exclusive, or node:net would ask a cluster's primary for a port of the kernel.
 * @throws {TypeError} ERR_INVALID_ARG_VALUE for pipes, descriptors and handles.
 */
export function listenArguments(args: readonly unknown[]): readonly [options: ListenOptions, ...callback: unknown[]] {
  const last = args.at(-1)
  const callback = typeof last === 'function' ? [last] : []
  const [first, second, third] = args.slice(0, args.length - callback.length)
  if (typeof first === 'object' && first !== null) {
    refuse(first)
    // Node's message for a port that is missing shows what was given.
    return ['port' in first ? { ...first, port: first.port as number, exclusive: true } : first, ...callback]
  }
  if (typeof first === 'string' && !(Number(first) >= 0)) refuse({ path: first })
  const host = typeof second === 'string' ? { host: second } : {}
  const backlog = Number(typeof second === 'string' ? third : (second ?? third))
  const options = { port: (first ?? 0) as number, ...host, ...(backlog > 0 ? { backlog } : {}), exclusive: true }
  return [options, ...callback]
}

/** A handle goes before a descriptor, that before a port, and a port before a pipe, as in node:net. */
function refuse({ port, path, fd, handle = null, _handle = null }: Elsewhere): void {
  if (handle !== null || _handle !== null) throw refusal('a handle', 'handles')
  if (typeof fd === 'number' && fd >= 0) throw refusal(`${fd}`, 'descriptors')
  if ((port ?? undefined) === undefined && typeof path === 'string' && path !== '') {
    throw refusal(JSON.stringify(path), 'pipes')
  }
}

function refusal(given: string, what: string): Error {
  const message = `Cannot listen on ${given}: a stack has no ${what}. Give a port`
  return nodeError(TypeError, 'ERR_INVALID_ARG_VALUE', message)
}
