import { setTimeout as sleep } from 'node:timers/promises'
import { seededRng } from '../../src/base/rng.ts'
import { measureMemory } from '../memory.ts'
import { Gate } from './gate.ts'
import type { Sample } from './judge.ts'
import type { Lane } from './lane.ts'
import { type Load, loadsOf } from './loads.ts'
import { describeLive, type Tables, tablesOf } from './tables.ts'
import { notStuck, STUCK_MS, Tally } from './tally.ts'

/** What was found when all loads rested. */
export interface Rest extends Sample, Tables {
  /** What had been done until then. */
  readonly done: Pick<Tally, 'bytes' | 'connections' | 'requests' | 'datagrams' | 'pings' | 'problems'>
}

interface Worker {
  readonly lane: Lane
  readonly load: Load
}

/** A rest that takes longer says what it waits for. */
const NOTE_MS = 15_000

const notedWhen = (what: () => string): NodeJS.Timeout => setTimeout(() => console.error(`soak: ${what()}`), NOTE_MS)

/** Runs all loads of all lanes at the same time, and has them rest now and then to look at what is left of them. */
export class SoakRun {
  readonly tally: Tally
  readonly rests: Rest[] = []
  readonly #lanes: readonly Lane[]
  readonly #workers: readonly Worker[]
  readonly #gate: Gate
  readonly #busy = new Set<Worker>()
  #begin = 0
  #isOver = false

  private constructor(lanes: readonly Lane[], workers: readonly Worker[], tally: Tally) {
    this.#lanes = lanes
    this.tally = tally
    this.#workers = workers
    this.#gate = new Gate(this.#workers.length)
  }

  static async prepare(lanes: readonly Lane[], seed: number): Promise<SoakRun> {
    const tally = new Tally()
    const workers = lanes.map(async (lane, i): Promise<Worker[]> => {
      const loads = await loadsOf(lane, tally, seededRng(seed + i))
      return loads.map((load) => ({ lane, load }))
    })
    return new SoakRun(lanes, (await Promise.all(workers)).flat(), tally)
  }

  /** Runs for so long, with a rest every `every` ms and one at the end; tells of each. */
  async run(ms: number, every: number, onRest: (rest: Rest) => void): Promise<void> {
    this.#begin = performance.now()
    const working = Promise.all(this.#workers.map((worker) => this.#work(worker)))
    while (!this.#isOver) {
      const left = ms - (performance.now() - this.#begin)
      await sleep(Math.max(0, Math.min(every, left)))
      this.#isOver = left <= every
      const rest = await this.#rest()
      this.rests.push(rest)
      onRest(rest)
      this.#gate.open()
    }
    await working
    await Promise.all(this.#workers.map(({ lane, load }) => this.#attempt(lane, load.name, async () => load.close?.())))
  }

  async #work(worker: Worker): Promise<void> {
    const { lane, load } = worker
    do {
      this.#busy.add(worker)
      await this.#attempt(lane, load.name, () => load.run())
      this.#busy.delete(worker)
      await this.#gate.pass()
    } while (!this.#isOver)
  }

  async #attempt(lane: Lane, load: string, work: () => Promise<void>): Promise<void> {
    const begin = performance.now()
    try {
      await notStuck(work(), load)
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      const message = `${why}, after ${((performance.now() - begin) / 1000).toFixed(2)} s`
      this.tally.problem({ lane: lane.name, load, message })
      // What fails at once would fail a million times.
      await sleep(100)
    }
  }

  async #rest(): Promise<Rest> {
    const note = notedWhen(
      () => `rest waits for ${[...this.#busy].map(({ lane, load }) => `${lane.name}, ${load.name}`).join('; ')}`,
    )
    await this.#gate.rest()
    clearTimeout(note)
    for (const lane of this.#lanes) await this.#settle(lane)
    const { bytes, connections, requests, datagrams, pings, problems } = this.tally
    const done = { bytes, connections, requests, datagrams, pings, problems }
    const tables = tablesOf(this.#lanes.flatMap(({ stacks }) => stacks))
    const memory = await measureMemory()
    return { minutes: (performance.now() - this.#begin) / 60_000, ...memory, ...tables, done }
  }

  /** Waits until nothing is left of a lane's connections but those that stay, nor of their ports. */
  async #settle({ name, stacks }: Lane): Promise<void> {
    const staying = this.#workers.filter(({ lane, load }) => lane.name === name && load.close !== undefined).length
    for (const host of stacks) {
      const isSettled = (): boolean => tablesOf([host]).live <= staying
      const latest = performance.now() + STUCK_MS
      const note = notedWhen(() => `${name} still has ${describeLive(host).join('; ')}`)
      while (!isSettled() && performance.now() < latest) await sleep(50)
      clearTimeout(note)
      if (!isSettled()) {
        const message = `connections are left after a rest: ${describeLive(host).join('; ')}`
        this.tally.problem({ lane: name, load: 'rest', message })
      }
      const { live, timeWait, ports, listeners } = tablesOf([host])
      // One for the UDP socket of a peer.
      const most = live + timeWait + listeners + 1
      if (ports <= most) continue
      const message = `${ports} ports are in use where ${most} may be`
      this.tally.problem({ lane: name, load: 'rest', message })
    }
  }
}
