import type { Duplex } from 'node:stream'
import { type ErrorCode, NetError } from '../base/errors.ts'

export interface AttemptOptions {
  /** Gives up with the signal's reason. */
  readonly signal?: AbortSignal | undefined
  /** Milliseconds for all of it. Default 30,000. */
  readonly timeout?: number | undefined
}

const DEFAULT_TIMEOUT = 30_000

/**
 * One attempt at something that takes several steps on the network: its time, its signal, and what it has opened so far.
 * Whichever way it fails, nothing of that is left.
 */
export class Attempt {
  readonly #stopped = new AbortController()
  readonly #held = new Set<Duplex>()
  readonly #timeout: number
  readonly #ends: number
  #waits: { readonly code: ErrorCode; readonly what: string } = { code: 'ETIMEDOUT', what: 'Nothing happened' }

  private constructor(timeout: number) {
    this.#timeout = timeout
    this.#ends = performance.now() + timeout
  }

  /** @throws what `body` does, the signal's reason, or NetError for the step that had not ended in time. */
  static async run<T>(options: AttemptOptions, body: (attempt: Attempt) => Promise<T>): Promise<T> {
    const { signal, timeout = DEFAULT_TIMEOUT } = options
    signal?.throwIfAborted()
    const attempt = new Attempt(timeout)
    const onAbort = (): void => attempt.#stop(signal?.reason)
    const timer = setTimeout(() => attempt.#stop(attempt.#late()), timeout)
    signal?.addEventListener('abort', onAbort, { once: true })
    try {
      return await Promise.race([body(attempt), attempt.#untilStopped()])
    } catch (error) {
      attempt.#stop(error)
      throw attempt.signal.reason
    } finally {
      clearTimeout(timer)
      signal?.removeEventListener('abort', onAbort)
    }
  }

  /** Aborted when the attempt is over without success, with what it fails with. */
  get signal(): AbortSignal {
    return this.#stopped.signal
  }

  /** Milliseconds that are left. */
  get left(): number {
    return Math.max(0, this.#ends - performance.now())
  }

  /** Which step is under way: when the time is up meanwhile, the error has this code and says `${what} within … s`. */
  waitFor(code: ErrorCode, what: string): void {
    this.#waits = { code, what }
  }

  /**
   * Destroys the socket should the attempt fail, and swallows what it says of itself then. With `beneath` in place of that
   * one, which TLS has been laid over: it goes with it. Destroyed by itself, it would take OpenSSL's memory away from a
   * call of OpenSSL that has not returned yet.
   */
  hold<T extends Duplex>(socket: T, beneath?: Duplex): T {
    // Whoever owns it later learns of errors by 'close', or listens himself.
    socket.on('error', () => undefined)
    if (beneath !== undefined) this.#held.delete(beneath)
    this.#held.add(socket)
    if (this.signal.aborted) socket.destroy(this.signal.reason)
    return socket
  }

  /** It has failed, and the attempt goes on without it. */
  drop(socket: Duplex): void {
    this.#held.delete(socket)
    socket.destroy()
  }

  #late(): NetError {
    const { code, what } = this.#waits
    return new NetError(code, `${what} within ${Number((this.#timeout / 1000).toPrecision(2))} s`, {
      syscall: 'connect',
    })
  }

  #stop(reason: unknown): void {
    if (this.signal.aborted) return
    this.#stopped.abort(reason)
    for (const socket of this.#held) socket.destroy(reason instanceof Error ? reason : undefined)
  }

  #untilStopped(): Promise<never> {
    return new Promise((_, reject) => {
      this.signal.addEventListener('abort', () => reject(this.signal.reason), { once: true })
    })
  }
}
