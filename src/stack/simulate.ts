import { type Micros, NEVER, type Pollable } from '../base/types.ts'

export interface SimulationOptions {
  /** The time at which the simulation begins. Default 0. */
  readonly from?: Micros
  /** Polls at one and the same instant that pass for progress; more are reported as an endless loop. Default 1,000,000. */
  readonly maxSpins?: number
  /** Called after each instant at which somebody was polled. */
  readonly onStep?: (now: Micros) => void
  /**
   * Lets promises of the simulated program settle, for `runAsync`. Default: a
   * fixed number of microtask turns, so that a run stays a pure function of its seed.
   */
  readonly settle?: () => Promise<void>
}

const MAX_SPINS = 1_000_000
const TURNS = 32
/** How often an idle simulation lets promises settle before it is called stuck. */
const IDLE_ROUNDS = 16

async function settleTurns(): Promise<void> {
  for (let i = 0; i < TURNS; i++) await undefined
}

/** What an error calls a party: the name it has, else its place. */
function nameOf(party: Pollable, index: number): string {
  const name = (party as { name?: unknown }).name
  return typeof name === 'string' ? `party ${index} "${name}"` : `party ${index}`
}

/**
 * Runs stacks, links and anything else with deadlines on virtual time: the clock
 * jumps from deadline to deadline, so hours cost milliseconds and every run of
 * the same parties is the same run.
 */
export class Simulation {
  readonly #parties: readonly Pollable[]
  readonly #maxSpins: number
  readonly #onStep: ((now: Micros) => void) | undefined
  readonly #settle: () => Promise<void>
  #now: Micros
  #spins = 0

  constructor(parties: readonly Pollable[], options: SimulationOptions = {}) {
    this.#parties = parties
    this.#now = options.from ?? (0 as Micros)
    this.#maxSpins = options.maxSpins ?? MAX_SPINS
    this.#onStep = options.onStep
    this.#settle = options.settle ?? settleTurns
  }

  get now(): Micros {
    return this.#now
  }

  /**
   * Runs until nobody has a deadline, or until `until`; returns the time reached,
   * which is `until` unless all fell idle before.
   *
   * @throws {Error} when a party asks to be polled at the same instant for ever.
   */
  run(until: Micros): Micros {
    for (;;) {
      const at = this.#nextAt()
      if (at === NEVER) return this.#now
      if (at > until) {
        this.#advance(until)
        return this.#now
      }
      this.#advance(at)
      this.#pollDue()
      this.#onStep?.(this.#now)
    }
  }

  /**
   * Runs a program of promises: after every instant its continuations get their
   * turn and every party is polled, since they may have touched any. Ends when
   * `done` holds (checked after each instant), and returns that time.
   *
   * @throws {Error} when `limit` passes or all fall idle before `done` holds.
   */
  async runAsync(done: () => boolean, limit: Micros = NEVER): Promise<Micros> {
    for (let idle = 0; ; ) {
      await this.#settle()
      for (const party of this.#parties) party.poll(this.#now)
      this.#onStep?.(this.#now)
      if (done()) return this.#now
      const at = this.#nextAt()
      if (at === NEVER) {
        if (++idle > IDLE_ROUNDS) throw new Error(`Simulation is stuck at ${this.#now} µs: nobody has a deadline`)
        continue
      }
      idle = 0
      if (at > limit) throw new Error(`Simulation passed its limit of ${limit} µs before it was done`)
      this.#advance(at)
      this.#pollDue()
    }
  }

  /** As `runAsync` until the promise settles; hands on what it settles to. */
  async runUntilSettled<T>(promise: Promise<T>, limit: Micros = NEVER): Promise<T> {
    let settled = false
    const mark = (): void => {
      settled = true
    }
    promise.then(mark, mark)
    await this.runAsync(() => settled, limit)
    return promise
  }

  #nextAt(): Micros {
    let at: Micros = NEVER
    for (const party of this.#parties) {
      const own = party.pollAt()
      if (own < at) at = own
    }
    return at
  }

  /** Time never runs backwards: a deadline that has passed is due now. */
  #advance(at: Micros): void {
    if (at <= this.#now) return
    this.#now = at
    this.#spins = 0
  }

  #pollDue(): void {
    const now = this.#now
    for (let i = 0; i < this.#parties.length; i++) {
      const party = this.#parties[i]!
      if (party.pollAt() > now) continue
      party.poll(now)
      if (++this.#spins <= this.#maxSpins) continue
      throw new Error(`Simulation does not advance: ${nameOf(party, i)} wants to be polled at ${now} µs for ever`)
    }
  }
}

/**
 * Steps virtual time from deadline to deadline, beginning at 0, until nobody has
 * one or `until` is reached; returns the time reached. For more than one run, or
 * for programs of promises, use a Simulation.
 *
 * @throws {Error} when a party asks to be polled at the same instant for ever.
 */
export function simulate(parties: readonly Pollable[], until: Micros, onStep?: (now: Micros) => void): Micros {
  return new Simulation(parties, onStep === undefined ? {} : { onStep }).run(until)
}
