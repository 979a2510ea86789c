/** Lets a number of workers go on, or has all of them come to rest. */
export class Gate {
  readonly #workers: number
  #waiting: (() => void)[] = []
  #isOpen = true
  #onRest: (() => void) | undefined

  constructor(workers: number) {
    this.#workers = workers
  }

  /** For a worker: resolves when it may begin its next piece of work. */
  async pass(): Promise<void> {
    if (this.#isOpen) return
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve)
      if (this.#waiting.length === this.#workers) this.#onRest?.()
    })
  }

  /** Resolves when every worker waits. */
  rest(): Promise<void> {
    this.#isOpen = false
    return new Promise((resolve) => {
      if (this.#waiting.length === this.#workers) resolve()
      else this.#onRest = resolve
    })
  }

  open(): void {
    this.#isOpen = true
    this.#onRest = undefined
    const waiting = this.#waiting
    this.#waiting = []
    for (const resolve of waiting) resolve()
  }
}
