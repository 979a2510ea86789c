/** Beyond so many intervals a queue that grows again is a new queue. */
const FORGOTTEN_AFTER = 16

/**
 * Controlled delay (RFC 8289 §5): says, packet by packet as they leave a queue, which of them must go so that the queue
 * stays short. Times are microseconds.
 */
export class CoDel {
  #firstAboveTime = 0
  #dropNext = 0
  #count = 0
  #lastCount = 0
  #dropping = false

  /**
   * Whether the packet that leaves at `now` after waiting for `sojourn` is to be dropped or marked; `left` says
   * that more than one packet waits behind it.
   */
  signals(now: number, sojourn: number, left: boolean, target: number, interval: number): boolean {
    const okToDrop = this.#isAbove(now, sojourn, left, target, interval)
    if (!this.#dropping) return okToDrop && this.#enter(now, interval)
    if (!okToDrop) this.#dropping = false
    if (!this.#dropping || now < this.#dropNext) return false
    this.#dropNext = controlLaw(this.#dropNext, interval, ++this.#count)
    return true
  }

  /** RFC 8289 §5.4: whether the delay has been above the target for an interval. */
  #isAbove(now: number, sojourn: number, left: boolean, target: number, interval: number): boolean {
    if (sojourn < target || !left) {
      this.#firstAboveTime = 0
      return false
    }
    if (this.#firstAboveTime === 0) this.#firstAboveTime = now + interval
    return now >= this.#firstAboveTime
  }

  /** RFC 8289 §5.5: begins where it was, if it has not been away for long. */
  #enter(now: number, interval: number): boolean {
    this.#dropping = true
    const delta = this.#count - this.#lastCount
    this.#count = delta > 1 && now - this.#dropNext < FORGOTTEN_AFTER * interval ? delta : 1
    this.#lastCount = this.#count
    this.#dropNext = controlLaw(now, interval, this.#count)
    return true
  }
}

const controlLaw = (from: number, interval: number, count: number): number => from + interval / Math.sqrt(count)
