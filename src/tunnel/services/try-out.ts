import type { Socket } from 'node:net'
import type { Waiting } from './join.ts'
import type { Connection } from './splice.ts'
import type { Octets } from './tally.ts'

/** Octets that are kept to be said once more. */
const MAX_KEPT = 64 * 1024
/** Milliseconds after which a silent connection is taken for one whose target is at work. */
const PROBATION = 1000
/** Milliseconds in which a reset follows an end that crossed what we said. */
const CROSSING = 200

/** What became of a connection that was tried. */
export interface TriedOut {
  /** Undefined when it was dead before it was used. */
  readonly connection: Connection | undefined
  /** What it was told, to be told to another. */
  readonly sent: readonly Uint8Array[]
}

/**
 * Uses a connection that has waited, until it has said something: its target may have closed it just now. It counts as
 * dead when it is reset before its first octet, within a second and 64 KiB, or when it ends before it was told anything.
 * A target that takes a request and then resets without an answer within that second sees the request twice.
 * @param counted what is sent is counted there, once
 */
export function tryOut(pooled: Required<Connection>, waiting: Waiting, counted: Octets): Promise<TriedOut> {
  const { socket, early } = pooled
  if (early.length > 0) return Promise.resolve({ connection: { socket, early }, sent: [] })
  return new Promise((resolve) => new Trial(socket, waiting, counted, resolve))
}

class Trial {
  readonly #socket: Socket
  readonly #waiting: Waiting
  readonly #counted: Octets
  readonly #resolve: (tried: TriedOut) => void
  readonly #sent: Uint8Array[] = []
  #octets = 0
  #isOver = false
  #timer: NodeJS.Timeout

  constructor(socket: Socket, waiting: Waiting, counted: Octets, resolve: (tried: TriedOut) => void) {
    this.#socket = socket
    this.#waiting = waiting
    this.#counted = counted
    this.#resolve = resolve
    this.#timer = setTimeout(this.#pass, PROBATION)
    waiting.onReadable = this.#pump
    waiting.signal.addEventListener('abort', this.#pass)
    socket.on('data', this.#onData).on('end', this.#onEnd).on('close', this.#onClose).resume()
    this.#pump()
  }

  readonly #pump = (): void => {
    const socket = this.#socket
    const { stream } = this.#waiting
    for (let chunk = stream.read(); chunk !== undefined; chunk = stream.read()) {
      this.#counted.octets += chunk.length
      this.#octets += chunk.length
      this.#sent.push(chunk)
      socket.write(chunk)
      if (this.#octets < MAX_KEPT) continue
      this.#pass()
      return
    }
    if (stream.isEnded && !socket.writableEnded) socket.end()
  }

  readonly #onData = (chunk: Buffer): void => this.#pass(chunk)

  readonly #onEnd = (): void => {
    if (this.#sent.length === 0) this.#finish(undefined)
    else {
      clearTimeout(this.#timer)
      this.#timer = setTimeout(this.#pass, CROSSING)
    }
  }

  readonly #onClose = (): void => {
    // One that ended in order after it was told something has taken it, and has nothing to say.
    if (this.#socket.errored === null && this.#sent.length > 0) this.#pass()
    else this.#finish(undefined)
  }

  readonly #pass = (chunk?: unknown): void => {
    const socket = this.#socket.pause()
    this.#finish({ socket, early: Buffer.isBuffer(chunk) ? [chunk] : [] })
  }

  #finish(connection: Connection | undefined): void {
    if (this.#isOver) return
    this.#isOver = true
    clearTimeout(this.#timer)
    this.#waiting.onReadable = () => undefined
    this.#waiting.signal.removeEventListener('abort', this.#pass)
    this.#socket.off('data', this.#onData).off('end', this.#onEnd).off('close', this.#onClose)
    if (connection === undefined) this.#socket.destroy()
    this.#resolve({ connection, sent: this.#sent })
  }
}
