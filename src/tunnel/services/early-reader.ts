import type { Socket } from 'node:net'

/** Octets that a connection may say before it has anyone to say them to; then it waits. */
const MAX_EARLY = 64 * 1024

export interface EarlyEvents {
  /** It says no more. */
  readonly onEnd?: () => void
  /** It is gone. */
  readonly onClose: () => void
}

/** Listens to a connection that has nobody to talk to yet: keeps what it says, and notices when it goes. */
export class EarlyReader {
  readonly #socket: Socket
  readonly #events: EarlyEvents
  readonly #chunks: Buffer[] = []
  #octets = 0

  constructor(socket: Socket, events: EarlyEvents) {
    this.#socket = socket
    this.#events = events
    socket.on('data', this.#onData).on('end', this.#onEnd).on('close', this.#onClose).resume()
  }

  /** What it said. It is listened to no more, and waits. */
  release(): readonly Buffer[] {
    this.#socket.pause().off('data', this.#onData).off('end', this.#onEnd).off('close', this.#onClose)
    return this.#chunks
  }

  readonly #onData = (chunk: Buffer): void => {
    this.#chunks.push(chunk)
    this.#octets += chunk.length
    if (this.#octets >= MAX_EARLY) this.#socket.pause()
  }

  readonly #onEnd = (): void => this.#events.onEnd?.()

  readonly #onClose = (): void => this.#events.onClose()
}
