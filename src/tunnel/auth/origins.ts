import { originOf } from '../../transport/address.ts'

/** A phone sees many networks; what it came from long ago is forgotten. */
const MOST = 64

/** Where the paths of one session came from, as `originOf` has it. */
export class Origins {
  readonly #latest = new Set<string>()

  add(address: string): void {
    const origin = originOf(address)
    this.#latest.delete(origin)
    this.#latest.add(origin)
    for (const earliest of this.#latest) {
      if (this.#latest.size <= MOST) return
      this.#latest.delete(earliest)
    }
  }

  /** Whether one came from that address, or from its network. */
  has(address: string): boolean {
    return this.#latest.has(originOf(address))
  }
}
