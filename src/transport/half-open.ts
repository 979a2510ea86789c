import type { Socket } from 'node:net'

/** One connection that was let in, as whoever counts connections knows it. */
export interface Admission {
  /** Called when it is given up for a newer one: end it. */
  onDisplaced: (() => void) | undefined
  /** It is over, or counts no more; harmless when repeated. */
  release(): void
}

/** Why one did not finish TLS: it took too long, broke, or gave way to a newer one. */
export type Ended = 'late' | 'failed' | 'displaced'

interface Entry<A extends Admission> {
  readonly socket: Socket
  readonly admission: A
  readonly timer: NodeJS.Timeout
  readonly onClose: () => void
}

/** Connections that were let in and have not finished TLS: not for long. How many there may be, their admission says. */
export class HalfOpen<A extends Admission> {
  readonly #timeout: number
  readonly #onEnded: (why: Ended) => void
  readonly #entries = new Map<string, Entry<A>>()

  /** @param timeout milliseconds that TLS may take */
  constructor(timeout: number, onEnded: (why: Ended) => void) {
    this.#timeout = timeout
    this.#onEnded = onEnded
  }

  get size(): number {
    return this.#entries.size
  }

  add(socket: Socket, admission: A): void {
    const key = keyOf(socket)
    const timer = setTimeout(() => this.#end(key, 'late'), this.#timeout)
    const onClose = (): void => this.#end(key, 'failed')
    socket.once('close', onClose)
    // Soon: it may be displaced from inside a call of OpenSSL, from whose socket nobody may take the ground then.
    admission.onDisplaced = () => setImmediate(() => this.#end(key, 'displaced'))
    this.#entries.set(key, { socket, admission, timer, onClose })
  }

  /**
   * It is open now, as `socket`, which is TLS over the one of `add`; whoever takes it over has its admission as well.
   * Undefined when it was not half-open any more.
   */
  open(socket: Socket): A | undefined {
    const admission = this.#remove(keyOf(socket))?.admission
    if (admission !== undefined) admission.onDisplaced = undefined
    return admission
  }

  /** Ends all, soon: whoever asks may be inside a call of OpenSSL. */
  clear(): void {
    for (const key of this.#entries.keys()) {
      const entry = this.#remove(key)
      entry?.admission.release()
      setImmediate(() => entry?.socket.destroy())
    }
  }

  #end(key: string, why: Ended): void {
    const entry = this.#remove(key)
    if (entry === undefined) return
    this.#onEnded(why)
    entry.admission.release()
    entry.socket.destroy()
  }

  #remove(key: string): Entry<A> | undefined {
    const entry = this.#entries.get(key)
    if (entry === undefined) return undefined
    clearTimeout(entry.timer)
    entry.socket.off('close', entry.onClose)
    this.#entries.delete(key)
    return entry
  }
}

/** No two connections have the same ends. */
const keyOf = ({ remoteAddress, remotePort, localAddress, localPort }: Socket): string =>
  `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`
