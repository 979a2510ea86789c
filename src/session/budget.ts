import { BUDGET } from './limits.ts'

/** What the windows of all sessions of a process may have together: many peers share it, none takes more than is left. */
export class Budget {
  #left: number

  constructor(octets = BUDGET) {
    this.#left = octets
  }

  get left(): number {
    return this.#left
  }

  /** Takes up to `octets`; how many there were. */
  take(octets: number): number {
    const taken = Math.max(0, Math.min(octets, this.#left))
    this.#left -= taken
    return taken
  }

  giveBack(octets: number): void {
    this.#left += octets
  }
}
