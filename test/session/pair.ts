import { type Micros, micros, NEVER, type Pollable } from '../../src/base/types.ts'
import type { Path, PathOptions } from '../../src/session/paths/path.ts'
import { Session } from '../../src/session/session.ts'
import type { SessionOptions } from '../../src/session/session-types.ts'
import { Simulation } from '../../src/stack/simulate.ts'
import { Wire, type WireOptions } from './sim-pipe.ts'

/** A path between the two sessions of a pair: both wires, and what each side has of it. */
export interface PairPath {
  readonly there: Wire
  readonly back: Wire
  readonly client: Path
  readonly server: Path
}

export interface PairOptions {
  readonly client?: Partial<SessionOptions>
  readonly server?: Partial<SessionOptions>
}

/** What happens at a time, the first of them last. */
class Plan implements Pollable {
  readonly #acts: { at: Micros; act: (now: Micros) => void }[] = []

  /** Behind all that happens at the same time. */
  add(at: Micros, act: (now: Micros) => void): void {
    let [low, high] = [0, this.#acts.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#acts[middle]!.at > at) low = middle + 1
      else high = middle
    }
    this.#acts.splice(low, 0, { at, act })
  }

  poll(now: Micros): void {
    while (this.pollAt() <= now) this.#acts.pop()!.act(now)
  }

  pollAt(): Micros {
    return this.#acts.at(-1)?.at ?? NEVER
  }
}

/** A session that wants to be polled so often at one instant would never stop. */
const MAX_SPINS = 20_000

/** Two sessions joined by simulated paths, in virtual time. */
export class SessionPair {
  readonly client: Session
  readonly server: Session
  readonly paths: PairPath[] = []
  readonly #parties: Pollable[] = []
  readonly #plan = new Plan()
  readonly #simulation: Simulation
  #wake = { client: false, server: false }
  #nextId = 0

  constructor(options: PairOptions = {}) {
    const wake = (side: 'client' | 'server') => () => {
      this.#wake[side] = true
    }
    this.client = new Session({ role: 'client', ...options.client, onWork: wake('client') }, micros(0))
    this.server = new Session({ role: 'server', ...options.server, onWork: wake('server') }, micros(0))
    this.#parties.push(this.#plan, this.#driven('client'), this.#driven('server'))
    this.#simulation = new Simulation(this.#parties, { maxSpins: MAX_SPINS })
  }

  get now(): Micros {
    return this.#simulation.now
  }

  addPath(
    there: WireOptions,
    { back = there, ...options }: Partial<PathOptions> & { back?: WireOptions } = {},
  ): PairPath {
    const id = this.#nextId++
    const out = new Wire(`there ${id}`, there, () => this.now)
    const home = new Wire(`back ${id}`, back, () => this.now)
    const client = this.client.addPath({ ...options, id, pipe: out })
    const server = this.server.addPath({ ...options, id, pipe: home })
    out.owner = client
    out.input = server
    home.owner = server
    home.input = client
    const path = { there: out, back: home, client, server }
    this.paths.push(path)
    this.#parties.push(out, home)
    return path
  }

  /** Does something at a time, in seconds from the beginning. */
  at(seconds: number, act: (now: Micros) => void): void {
    this.#plan.add(micros(Math.round(seconds * 1e6)), act)
  }

  /** Runs to a time, in seconds from the beginning. */
  run(seconds: number): void {
    this.#simulation.run(micros(Math.round(seconds * 1e6)))
  }

  #driven(side: 'client' | 'server'): Pollable {
    const session = this[side]
    return {
      poll: (now) => {
        this.#wake[side] = false
        session.poll(now)
      },
      pollAt: () => (this.#wake[side] ? this.now : session.pollAt()),
    }
  }
}

export const MBIT = 125_000
