import type { OnReadOpts, Socket } from 'node:net'

/** What node:net drives its sockets by, and what it does itself where its reader brings the memory along (`onread`). */
interface Handle {
  reading?: boolean
  readStop?(): number
  readStart?(): number
}

const handleOf = (socket: Socket): Handle | null =>
  (socket as unknown as { readonly _handle?: Handle | null })._handle ?? null

/**
 * Pauses a socket at once. `pause` alone has it read one more piece, of up to 64 KiB, which waits here and not in the kernel:
 * a thousand of them that stand still would hold half as much again.
 */
export function stopReading(socket: Socket): void {
  const handle = handleOf(socket)
  socket.pause()
  if (handle?.reading !== true || handle.readStop === undefined) return
  handle.reading = false
  handle.readStop()
}

/** Undoes `stopReading`. */
export function startReading(socket: Socket): void {
  const handle = handleOf(socket)
  socket.resume()
  if (handle?.reading !== false || handle.readStart === undefined) return
  handle.reading = true
  handle.readStart()
}

/** What one read takes at most. All sockets share it: what came is copied out before the next one reads. */
const BUFFER = new Uint8Array(65_536)

/**
 * Has a socket that connects read into memory of ours, and hands what came to `push` in memory of its own size. Left to
 * itself, Node sets 64 KiB aside for each read and has the rest given back, which leaves the heap full of holes.
 */
export function readInto(push: (bytes: Uint8Array) => boolean): OnReadOpts {
  return { buffer: BUFFER, callback: (length) => push(BUFFER.slice(0, length)) }
}
