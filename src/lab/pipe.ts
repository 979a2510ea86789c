import type { Socket } from 'node:net'

/** One TCP connection, whoever speaks it: our stack or the kernel. */
export interface Pipe {
  /** Resolves when more may be written. */
  write(chunk: Uint8Array): Promise<void>
  /** Half-closes. */
  end(): Promise<void>
  /** The next bytes, valid until the next read; undefined at the end of the stream. */
  read(): Promise<Uint8Array | undefined>
  /** Segments sent again so far, where the speaker can tell. */
  retransmits(): number | undefined
  /** Gives the connection up, whatever its state. */
  destroy(): void
}

/** A connection of the kernel's. */
export function kernelPipe(socket: Socket): Pipe {
  socket.setNoDelay(true)
  const chunks = socket.iterator({ destroyOnReturn: false })
  socket.on('error', () => {})
  const failure = (): Error => socket.errored ?? new Error('the connection closed')
  return {
    write: (chunk) =>
      new Promise((resolve, reject) => {
        if (socket.write(chunk)) return resolve()
        const done = (): void => {
          socket.off('drain', done).off('close', done)
          if (socket.destroyed) reject(failure())
          else resolve()
        }
        socket.on('drain', done).on('close', done)
      }),
    end: () => new Promise((resolve) => socket.end(resolve)),
    read: async () => {
      const next = await chunks.next()
      return next.done === true ? undefined : (next.value as Uint8Array)
    },
    retransmits: () => undefined,
    destroy: () => void socket.destroy(),
  }
}
