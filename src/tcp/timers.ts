import { type Micros, NEVER } from '../base/types.ts'

/** Every timer a connection can have armed. Order is priority at equal times. */
export const Timer = {
  /** RFC 8985 §7.2: the end of a flight may have been lost. It comes before the retransmission timer, and starts that anew. */
  TAIL_PROBE: 0,
  /** RFC 6298. */
  RETRANSMIT: 1,
  /** RFC 9293 §3.8.6.1: probes a zero window, and overrides silly-window avoidance. */
  PERSIST: 2,
  /** RFC 8985 §6.3: a segment may by then be called lost rather than reordered. */
  REORDER: 3,
  /** RFC 9293 §3.8.6.3. */
  DELAYED_ACK: 4,
  /** RFC 9293 §3.8.4. */
  KEEPALIVE: 5,
  /** A peer that never closes may not hold FIN-WAIT-2 for ever, once nobody reads. */
  FIN_WAIT_2: 6,
  /** A closed connection may not take longer to deliver (SO_LINGER). */
  LINGER: 7,
  /** The next frame of a paced connection has its turn. */
  PACE: 8,
} as const
export type Timer = (typeof Timer)[keyof typeof Timer]

const TIMER_COUNT = 9

export const TIMER_NAMES: readonly string[] = [
  'tail probe',
  'retransmit',
  'persist',
  'reorder',
  'delayed ack',
  'keepalive',
  'fin-wait-2',
  'linger',
  'pace',
]

/** So many tables are kept for use. */
const MOST_SPARE = 1024

// A plain list of doubles is half as large as a typed array.
const newTable = (): number[] => [NEVER, NEVER, NEVER, NEVER, NEVER, NEVER, NEVER, NEVER, NEVER]

/** The table of all that have nothing armed; nothing but NEVER is written to it. */
const REST = newTable()
/** Tables of those that came to rest, for the next that arm something. */
const spare: number[][] = []

/** A fixed table of deadlines: arming is one store. While none is armed it holds no memory. */
export class Deadlines {
  #at = REST

  arm(timer: Timer, at: Micros): void {
    if (this.#at === REST) this.#at = spare.pop() ?? newTable()
    this.#at[timer] = at
  }

  stop(timer: Timer): void {
    this.#at[timer] = NEVER
  }

  stopAll(): void {
    this.#at.fill(NEVER)
  }

  isArmed(timer: Timer): boolean {
    return this.#at[timer] !== NEVER
  }

  at(timer: Timer): Micros {
    return this.#at[timer] as Micros
  }

  /** The earliest deadline; NEVER when none is armed, and then the table goes to whoever needs one next. */
  pollAt(): Micros {
    let min: number = NEVER
    for (let i = 0; i < TIMER_COUNT; i++) if (this.#at[i]! < min) min = this.#at[i]!
    if (min === NEVER && this.#at !== REST) {
      if (spare.length < MOST_SPARE) spare.push(this.#at)
      this.#at = REST
    }
    return min as Micros
  }

  /** Disarms and reports the first expired timer, or undefined. */
  takeExpired(now: Micros): Timer | undefined {
    for (let i = 0; i < TIMER_COUNT; i++) {
      if (this.#at[i]! <= now) {
        this.#at[i] = NEVER
        return i as Timer
      }
    }
    return undefined
  }
}
