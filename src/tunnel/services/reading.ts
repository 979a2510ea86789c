import type { OnReadOpts } from 'node:net'

/** What one read takes at most. All sockets share it: what came is copied out before the next one reads. */
const BUFFER = new Uint8Array(65_536)

/**
 * Has a socket that connects read into memory of ours, and hands what came to `push` in memory of its own size. Left to
 * itself, Node sets 64 KiB aside for each read and has the rest given back, which leaves the heap full of holes.
 */
export function readInto(push: (bytes: Uint8Array) => boolean): OnReadOpts {
  return { buffer: BUFFER, callback: (length) => push(BUFFER.slice(0, length)) }
}
