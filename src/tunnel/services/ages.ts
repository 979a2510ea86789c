/** The mean is of about so many. */
const OF_LATE = 64

/** How old datagrams were when they came, microseconds. */
export interface AgeRecord {
  /** Of those of late. */
  readonly mean: number
  /** Since the start. */
  readonly most: number
}

/** How long datagrams had waited at the other end for a path to take them, as far as that is known. */
export class Ages {
  #count = 0
  #mean = 0
  #most = 0

  note(micros: number): void {
    this.#count++
    this.#mean += (micros - this.#mean) / Math.min(this.#count, OF_LATE)
    this.#most = Math.max(this.#most, micros)
  }

  /** Undefined until one has come. */
  toJSON(): AgeRecord | undefined {
    return this.#count === 0 ? undefined : { mean: this.#mean, most: this.#most }
  }
}
