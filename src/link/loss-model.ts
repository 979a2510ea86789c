import { chance, type Rng } from '../base/rng.ts'
import type { ResolvedFaults } from './fault-options.ts'

/**
 * Which packets a line loses: each for itself, or in bursts by the model of Gilbert and Elliott, a line that is now
 * good and now bad, and loses packets only while it is bad.
 */
export class LossModel {
  readonly #rng: Rng
  #isBad = false

  constructor(rng: Rng) {
    this.#rng = rng
  }

  /** Whether the next packet is lost. */
  loses({ loss, burst, burstLoss }: ResolvedFaults): boolean {
    const rng = this.#rng
    if (burst === 1 && burstLoss === 1) return chance(rng, loss)
    const whileBad = Math.max(loss, burstLoss)
    const bad = loss / whileBad
    // In the long run the line is bad for a share `bad` of the packets; where such short bursts cannot make it
    // up, they are longer.
    const leave = Math.min(1 / burst, (1 - bad) / bad)
    const enter = bad < 1 ? (leave * bad) / (1 - bad) : 1
    this.#isBad = this.#isBad ? !chance(rng, leave) : chance(rng, enter)
    return this.#isBad && chance(rng, whileBad)
  }
}
