import type { ResetCode } from '../../session/streams/stream-types.ts'

/** What is open of a service, and how to end it. */
export interface Open {
  abort(code: ResetCode): void
}

/** All that is open of a service: to be waited for, or ended. */
export class OpenSet {
  readonly #open = new Set<Open>()
  readonly #onEmpty: (() => void)[] = []

  get size(): number {
    return this.#open.size
  }

  add(one: Open): void {
    this.#open.add(one)
  }

  delete(one: Open): void {
    this.#open.delete(one)
    if (this.#open.size > 0) return
    for (const onEmpty of this.#onEmpty.splice(0)) onEmpty()
  }

  /**
   * Resolves when nothing is open; what is still after so many milliseconds is ended with `code`. May be called again
   * with less patience.
   */
  async drain(milliseconds: number, code: ResetCode): Promise<void> {
    if (this.#open.size === 0) return
    const empty = new Promise<void>((resolve) => void this.#onEmpty.push(resolve))
    const timer = milliseconds > 0 ? setTimeout(() => this.#abort(code), milliseconds) : undefined
    if (timer === undefined) this.#abort(code)
    await empty
    clearTimeout(timer)
  }

  #abort(code: ResetCode): void {
    for (const one of [...this.#open]) one.abort(code)
  }
}
