const LONGEST = 2 ** 31 - 1

/** Keeps the process alive while anything is held, as the handles of open sockets do. */
export class Liveness {
  #held = 0
  #timer: NodeJS.Timeout | undefined

  hold(): void {
    if (this.#held++ === 0) this.#timer = setInterval(() => undefined, LONGEST)
  }

  release(): void {
    if (--this.#held === 0) clearInterval(this.#timer)
  }
}

/** One thing's part in it: it may let go and hold again, and lets go for good once it is over. */
export class Hold {
  readonly #liveness: Liveness
  #isRef = true
  #isActive = false

  constructor(liveness: Liveness) {
    this.#liveness = liveness
  }

  /** It is open: from now on it counts. */
  start(): void {
    if (this.#isActive) return
    this.#isActive = true
    if (this.#isRef) this.#liveness.hold()
  }

  stop(): void {
    if (!this.#isActive) return
    this.#isActive = false
    if (this.#isRef) this.#liveness.release()
  }

  setRef(isRef: boolean): void {
    if (isRef === this.#isRef) return
    this.#isRef = isRef
    if (!this.#isActive) return
    if (isRef) this.#liveness.hold()
    else this.#liveness.release()
  }
}
