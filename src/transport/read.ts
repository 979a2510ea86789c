import type { Duplex } from 'node:stream'

/** The next `count` octets; what follows them stays in the socket. @throws when it ends or fails before. */
export const readExactly = (socket: Duplex, count: number): Promise<Buffer> => read(socket, count)

/** All that has come, once there is something. @throws when it ends or fails before. */
export const readSome = (socket: Duplex): Promise<Buffer> => read(socket)

function read(socket: Duplex, count?: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      socket.off('readable', look).off('end', look).off('close', look).off('error', look)
    }
    const look = (): void => {
      const chunk = socket.read(count) as Buffer | null
      if (chunk === null && !socket.readableEnded && !socket.destroyed) return
      stop()
      // At the end of the stream Node hands out what is left, however little.
      if (chunk !== null && chunk.length === (count ?? chunk.length)) resolve(chunk)
      else reject(socket.errored ?? new Error('it ended the connection in the middle of an answer'))
    }
    // One listener for all that is to come: a new one would be told of the same few octets again and again.
    socket.on('readable', look).on('end', look).on('close', look).on('error', look)
    look()
  })
}
