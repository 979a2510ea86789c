/** Something that is forgotten when it has not been used for a while. Its fields belong to the list. */
export interface Aged {
  usedAt: number
  older: Aged | undefined
  newer: Aged | undefined
}

/**
 * What is used in the order of its last use, so that neither a use nor the search for the oldest costs more than a few
 * steps; one timer for all.
 */
export class AgingList<T extends Aged> {
  readonly #idle: number
  readonly #onIdle: (one: T) => void
  #oldest: Aged | undefined = undefined
  #newest: Aged | undefined = undefined
  #timer: NodeJS.Timeout | undefined = undefined

  /**
   * @param idle milliseconds without use
   * @param onIdle is to remove it
   */
  constructor(idle: number, onIdle: (one: T) => void) {
    this.#idle = idle
    this.#onIdle = onIdle
  }

  get oldest(): T | undefined {
    return this.#oldest as T | undefined
  }

  /** Adds one that is not in it. */
  add(one: T): void {
    one.usedAt = performance.now()
    this.#append(one)
    this.#timer ??= setTimeout(this.#expire, this.#idle)
  }

  /** It is being used. */
  touch(one: T): void {
    one.usedAt = performance.now()
    if (this.#newest === one) return
    this.#unlink(one)
    this.#append(one)
  }

  remove(one: T): void {
    this.#unlink(one)
    if (this.#oldest !== undefined) return
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #append(one: T): void {
    one.older = this.#newest
    one.newer = undefined
    if (this.#newest === undefined) this.#oldest = one
    else this.#newest.newer = one
    this.#newest = one
  }

  #unlink({ older, newer }: T): void {
    if (older === undefined) this.#oldest = newer
    else older.newer = newer
    if (newer === undefined) this.#newest = older
    else newer.older = older
  }

  readonly #expire = (): void => {
    this.#timer = undefined
    const now = performance.now()
    for (let one = this.#oldest; one !== undefined && one.usedAt + this.#idle <= now; one = this.#oldest) {
      this.#onIdle(one as T)
    }
    if (this.#oldest === undefined) return
    this.#timer = setTimeout(this.#expire, Math.max(1, this.#oldest.usedAt + this.#idle - now))
  }
}
