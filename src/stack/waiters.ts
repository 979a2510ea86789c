import { NetError } from '../base/errors.ts'

/** How to call an operation off that waits: it then fails with ABORT_ERR. */
export interface Abortable {
  readonly signal?: AbortSignal
}

/** What an operation ends with when its AbortSignal fires. */
export const abortError = (syscall: string): NetError =>
  new NetError('ABORT_ERR', 'The operation was aborted', { syscall })

/**
 * Promises that wait for a change. All are woken at once, in the order in which
 * they came, and each looks again for itself whether it was its turn.
 */
export class Waiters {
  readonly #syscall: string
  #waiting: (() => void)[] | undefined = undefined

  /** `syscall` names the operation in the error of an abort. */
  constructor(syscall = 'wait') {
    this.#syscall = syscall
  }

  get isEmpty(): boolean {
    return this.#waiting === undefined || this.#waiting.length === 0
  }

  /** Resolves with the next `wake`; rejects with ABORT_ERR when `signal` fires before. */
  wait(signal?: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      if (signal === undefined) this.#add(resolve)
      else this.#addAbortable(resolve, reject, signal)
    })
  }

  #add(onWake: () => void): void {
    if (this.#waiting === undefined) this.#waiting = [onWake]
    else this.#waiting.push(onWake)
  }

  #addAbortable(resolve: () => void, reject: (error: Error) => void, signal: AbortSignal): void {
    if (signal.aborted) {
      reject(abortError(this.#syscall))
      return
    }
    const onWake = (): void => {
      signal.removeEventListener('abort', onAbort)
      resolve()
    }
    const onAbort = (): void => {
      this.#waiting = this.#waiting?.filter((each) => each !== onWake)
      reject(abortError(this.#syscall))
    }
    signal.addEventListener('abort', onAbort, { once: true })
    this.#add(onWake)
  }

  wake(): void {
    const waiting = this.#waiting
    if (waiting === undefined) return
    this.#waiting = undefined
    for (const onWake of waiting) onWake()
  }
}
