import { connect, type NetConnectOpts, type OnReadOpts, Socket, type SocketConstructorOpts } from 'node:net'

/** What one read takes at most and at least. All sockets share it: what came is copied out before the next one reads. */
const BUFFER = new Uint8Array(65_536)
const LEAST = 8192

/** Octets that there is room for beyond a socket, as far as somebody has said so. */
const rooms = new WeakMap<Socket, () => number>()

/**
 * Reads into memory of ours, and hands what came to the socket's readers in memory of its own size. Left to itself, Node sets
 * 64 KiB aside for each read and has the rest given back, which leaves the heap full of holes.
 */
const into = (socket: () => Socket | undefined): OnReadOpts => ({
  buffer: () => {
    const reader = socket()
    const room = reader === undefined ? 0 : (rooms.get(reader)?.() ?? 0)
    return BUFFER.subarray(0, Math.max(LEAST, room))
  },
  callback: (length) => socket()!.push(BUFFER.slice(0, length)),
})

/** A socket that connects, and reads so. */
export function connectReading(options: NetConnectOpts): Socket {
  let socket: Socket | undefined
  socket = connect({ ...options, onread: into(() => socket) })
  return socket
}

/**
 * A connection that a server has accepted, as a socket that reads so: Node lets only sockets that connect do it, so another
 * one takes its handle over. The server must let it wait (`pauseOnConnect`) and count it no more.
 */
export function acceptReading(accepted: Socket, options: SocketConstructorOpts): Socket {
  const owner = accepted as unknown as { _handle: object | null }
  const handle = owner._handle
  owner._handle = null
  let socket: Socket | undefined
  socket = new Socket({ ...options, handle, onread: into(() => socket) } as SocketConstructorOpts)
  accepted.destroy()
  return socket
}

/**
 * Lets a socket of these two take as much in one read as there was `room` for after the one before, and no less than is
 * worth a read. Until this is said it takes the least; other sockets are none the wiser.
 */
export const limitReads = (socket: Socket, room: () => number): void => void rooms.set(socket, room)
