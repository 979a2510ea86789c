import { type Micros, micros } from '../../base/types.ts'

/** What a sender that has something to send waits for. */
export type SendLimit = 'idle' | 'busy' | 'receiver' | 'buffer'

/**
 * Where a sender's time goes, as Linux's tcp_info tells it: busy with data that is queued or unacknowledged, and of that,
 * held back by the receiver's window, or by a send buffer that holds less than the congestion window would let out.
 */
export class SendLimits {
  #state: SendLimit
  #since: Micros
  /** Up to `#since`: the time with anything to send, and of it what was spent with each that holds back. */
  #busy = 0
  #receiver = 0
  #buffer = 0

  /** For the first time there is something to send. */
  constructor(state: SendLimit, now: Micros) {
    this.#state = state
    this.#since = now
  }

  get state(): SendLimit {
    return this.#state
  }

  /** From now on it is this that sending waits for. */
  become(state: SendLimit, now: Micros): void {
    if (state === this.#state) return
    this.#busy = this.busy(now)
    this.#receiver = this.heldBack('receiver', now)
    this.#buffer = this.heldBack('buffer', now)
    this.#state = state
    this.#since = now
  }

  /** The time in which there was anything to send or unacknowledged. */
  busy(now: Micros): Micros {
    return micros(this.#busy + (this.#state === 'idle' ? 0 : now - this.#since))
  }

  /** Of that, the time in which `by` was in the way. */
  heldBack(by: 'receiver' | 'buffer', now: Micros): Micros {
    const before = by === 'receiver' ? this.#receiver : this.#buffer
    return micros(before + (by === this.#state ? now - this.#since : 0))
  }
}
