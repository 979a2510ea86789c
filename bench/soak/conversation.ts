import { once } from 'node:events'
import type { Socket } from 'node:net'
import type { Host } from '../../src/index.ts'
import type { Net } from '../../src/net/index.ts'

const READ = 128 * 1024

/** A connection as a client of the soak uses it, whichever way it speaks with the stack. */
export interface Conversation {
  /** Resolves when more may be written. */
  write(bytes: Uint8Array): Promise<void>
  end(): void
  /** The next bytes, good until the next call; undefined at the end. */
  read(): Promise<Uint8Array | undefined>
  abort(): void
  /** Ends both sides and waits until the connection is over, or is in TIME-WAIT. */
  close(): Promise<void>
}

/** Where a client connects to, and with what. */
export interface Door {
  connect(port: number): Promise<Conversation>
}

/** Connections by the stack's own sockets. */
export function promiseDoor({ tcp }: Host, host: string, timeWait: number): Door {
  return {
    async connect(port) {
      const socket = await tcp.connect({ host, port, noDelay: true, timeWait })
      const memory = Buffer.allocUnsafeSlow(READ)
      return {
        write: (bytes) => socket.write(bytes),
        end: () => socket.end(),
        read: async () => {
          const count = await socket.readInto(memory)
          return count === 0 ? undefined : memory.subarray(0, count)
        },
        abort: () => socket.abort(),
        close: async () => {
          await socket.close()
          await socket.closed
        },
      }
    },
  }
}

/** Connections by the sockets of `gotcp/net`. */
export function netDoor(net: Net, host: string): Door {
  return {
    async connect(port) {
      const socket = net.connect({ host, port, noDelay: true, allowHalfOpen: true })
      await once(socket, 'connect')
      return new NodeConversation(socket)
    },
  }
}

/**
 * Connects once more when it is refused. Where resets are lost, the kernel may still have half of a connection that we ended
 * long ago, and Linux answers a SYN from the port of such a one in FIN-WAIT-2 with a reset.
 */
export const secondTry = (door: Door): Door => ({
  connect: (port) =>
    door.connect(port).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ECONNREFUSED') throw error
      return door.connect(port)
    }),
})

class NodeConversation implements Conversation {
  readonly #socket: Socket
  readonly #chunks: AsyncIterator<Buffer>

  constructor(socket: Socket) {
    this.#socket = socket
    // Each call tells of its own failure.
    socket.on('error', () => undefined)
    this.#chunks = socket[Symbol.asyncIterator]()
  }

  write(bytes: Uint8Array): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#socket.write(bytes, (error) => (error ? reject(error) : resolve()))
    })
  }

  end(): void {
    this.#socket.end()
  }

  async read(): Promise<Uint8Array | undefined> {
    const { value, done } = await this.#chunks.next()
    return done ? undefined : value
  }

  abort(): void {
    this.#socket.resetAndDestroy()
  }

  async close(): Promise<void> {
    this.#socket.end()
    if (!this.#socket.closed) await once(this.#socket, 'close')
  }
}
