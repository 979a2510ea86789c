import { type Micros, NEVER } from '../base/types.ts'
import { hasNative, type NativeAlarm, native } from './native.ts'

/** A later deadline is looked at again when this has passed: the limit of setTimeout is 2^31 ms. */
const LONGEST_SLEEP = 86_400_000_000

/**
 * One timer of the event loop: exact to some tens of microseconds through the addon, to a millisecond without.
 * It keeps the process alive while it is set.
 */
export class Alarm {
  readonly #onAlarm: () => void
  readonly #native: NativeAlarm | undefined
  #timer: NodeJS.Timeout | undefined
  #at: Micros = NEVER

  constructor(onAlarm: () => void) {
    this.#onAlarm = onAlarm
    this.#native = hasNative() ? new (native().Alarm)() : undefined
    this.#native?.open(() => this.#ring())
  }

  /** Rings at `at` or, where it was set to an earlier time already, then: one call too early costs less than a timer moved. */
  setBy(at: Micros, now: Micros): void {
    if (at >= this.#at) return
    this.#at = at
    const sleep = Math.min(LONGEST_SLEEP, at - now)
    if (this.#native !== undefined) {
      this.#native.set(sleep)
      return
    }
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#ring(), Math.ceil(sleep / 1000))
  }

  /** Never rings again. */
  close(): void {
    clearTimeout(this.#timer)
    this.#native?.close()
  }

  #ring(): void {
    this.#at = NEVER
    this.#onAlarm()
  }
}
