import type { Socket } from 'node:net'
import { NetError } from '../base/errors.ts'

/** The next `count` octets; what follows them stays in the socket. @throws when it ends or fails before. */
export function readExactly(socket: Socket, count: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      socket.off('readable', look).off('end', look).off('close', look).off('error', look)
    }
    const look = (): void => {
      const chunk = socket.read(count) as Buffer | null
      if (chunk === null && !socket.readableEnded && !socket.destroyed) return
      stop()
      if (chunk?.length === count) resolve(chunk)
      else reject(socket.errored ?? tooShort(socket))
    }
    // One listener for all that is to come: a new one would be told of the same few octets again and again.
    socket.on('readable', look).on('end', look).on('close', look).on('error', look)
    look()
  })
}

const tooShort = ({ remoteAddress, remotePort }: Socket): NetError =>
  new NetError('ERR_PROXY', `${remoteAddress ?? 'The proxy'} ended the connection in the middle of an answer`, {
    syscall: 'read',
    ...(remotePort === undefined ? {} : { port: remotePort }),
  })
