import { connect, type NetConnectOpts, type Socket } from 'node:net'

/** What one read takes at most and at least. All sockets share it: what came is copied out before the next one reads. */
const BUFFER = new Uint8Array(65_536)
const LEAST = 8192

/** Octets that there is room for beyond a socket, as far as somebody has said so. */
const rooms = new WeakMap<Socket, () => number>()

/**
 * A socket that connects, reads into memory of ours, and hands what came to its readers in memory of its own size. Left to
 * itself, Node sets 64 KiB aside for each read and has the rest given back, which leaves the heap full of holes.
 */
export function connectReading(options: NetConnectOpts): Socket {
  let socket: Socket | undefined
  const room = (): number => (socket === undefined ? 0 : (rooms.get(socket)?.() ?? 0))
  const buffer = (): Uint8Array => BUFFER.subarray(0, Math.max(LEAST, room()))
  socket = connect({ ...options, onread: { buffer, callback: (length) => socket!.push(BUFFER.slice(0, length)) } })
  return socket
}

/**
 * Lets a socket of `connectReading` take as much in one read as there was `room` for after the one before, and no less than is
 * worth a read. Until this is said it takes the least; other sockets are none the wiser.
 */
export const limitReads = (socket: Socket, room: () => number): void => void rooms.set(socket, room)
