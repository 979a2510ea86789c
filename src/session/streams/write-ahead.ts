import { LEAST_WRITE_AHEAD, WRITE_AHEAD } from '../limits.ts'

/** What one user may write beyond what the other side lets go, where a share for each is `most`. */
export const beyondFor = (most: number): number => Math.max(LEAST_WRITE_AHEAD, most)

/** How far a stream's user may write ahead of what is sent. */
export class WriteAhead {
  #octets = WRITE_AHEAD
  /** Its user was told to wait. */
  isWaiting = false

  /**
   * Whether he may write on, with so much unsent, and so much of it `beyond` what the other side lets go: of that a stream
   * may have its share of what all may, `most`, and it has to wait for readers anyway. If not, he waits.
   */
  allows(unsent: number, beyond: number, most: number): boolean {
    if (unsent < this.#octets && beyond < beyondFor(most)) return true
    this.isWaiting = true
    return false
  }

  /**
   * Whether he who waits may go on. Where the stream has run dry he may write further ahead from now on, up to `most`;
   * where the other side holds it up, he need not.
   */
  resumes(unsent: number, beyond: number, most: number): boolean {
    if (!this.isWaiting || unsent >= this.#octets / 2 || beyond >= beyondFor(most) / 2) return false
    this.isWaiting = false
    if (unsent === 0) this.#octets = Math.min(2 * this.#octets, Math.max(WRITE_AHEAD, most))
    else if (unsent === beyond) this.#octets = Math.max(this.#octets / 2, WRITE_AHEAD)
    return true
  }
}
