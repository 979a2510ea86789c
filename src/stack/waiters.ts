import { NetError } from '../base/errors.ts'

interface Waiter<T> {
  resolve(value: T): void
  reject(error: unknown): void
}

/** What an operation ends with when its AbortSignal fires. */
export const abortError = (syscall: string): NetError =>
  new NetError('ABORT_ERR', 'The operation was aborted', { syscall })

/** Promises that wait in a row for the same kind of thing. */
export class Waiters<T> {
  readonly #syscall: string
  readonly #waiting = new Set<Waiter<T>>()

  /** `syscall` names the operation in the error of an abort. */
  constructor(syscall: string) {
    this.#syscall = syscall
  }

  get size(): number {
    return this.#waiting.size
  }

  /** Waits behind all others; rejects with ABORT_ERR when `signal` fires. */
  wait(signal?: AbortSignal): Promise<T> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(abortError(this.#syscall))
        return
      }
      const onAbort = (): void => {
        this.#waiting.delete(waiter)
        reject(abortError(this.#syscall))
      }
      const waiter: Waiter<T> = {
        resolve: (value) => {
          signal?.removeEventListener('abort', onAbort)
          resolve(value)
        },
        reject: (error) => {
          signal?.removeEventListener('abort', onAbort)
          reject(error)
        },
      }
      signal?.addEventListener('abort', onAbort, { once: true })
      this.#waiting.add(waiter)
    })
  }

  /** Serves the first in the row; false when nobody waits. */
  resolveFirst(value: T): boolean {
    for (const waiter of this.#waiting) {
      this.#waiting.delete(waiter)
      waiter.resolve(value)
      return true
    }
    return false
  }

  /** Fails the first in the row; false when nobody waits. */
  rejectFirst(error: unknown): boolean {
    for (const waiter of this.#waiting) {
      this.#waiting.delete(waiter)
      waiter.reject(error)
      return true
    }
    return false
  }

  resolveAll(value: T): void {
    while (this.resolveFirst(value));
  }

  rejectAll(error: unknown): void {
    while (this.rejectFirst(error));
  }
}
