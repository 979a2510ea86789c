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
  readonly #spent = { idle: 0, busy: 0, receiver: 0, buffer: 0 }

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
    this.#spent[this.#state] += now - this.#since
    this.#state = state
    this.#since = now
  }

  /** The time spent in `state` up to now. */
  spent(state: SendLimit, now: Micros): Micros {
    return micros(this.#spent[state] + (state === this.#state ? now - this.#since : 0))
  }

  /** The time in which there was anything to send or unacknowledged. */
  busy(now: Micros): Micros {
    return micros(this.spent('busy', now) + this.spent('receiver', now) + this.spent('buffer', now))
  }
}
