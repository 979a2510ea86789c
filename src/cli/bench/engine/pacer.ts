import { setTimeout as sleep } from 'node:timers/promises'

/** As often as a slow stream sends, in milliseconds. */
const TURN = 1

/** Holds a sender to a bit rate. */
export class Pacer {
  readonly #bytesPerMs: number
  readonly #began = performance.now()
  #bytes = 0

  constructor(bitrate: number) {
    this.#bytesPerMs = bitrate / 8000
  }

  /** Resolves when `count` bytes more may go. What was missed in a pause is caught up with. */
  async turn(count: number): Promise<void> {
    for (;;) {
      const early = this.#bytes / this.#bytesPerMs - (performance.now() - this.#began)
      if (early <= 0) break
      await sleep(Math.min(Math.max(early, TURN), 100))
    }
    this.#bytes += count
  }
}
