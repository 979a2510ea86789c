import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { type Micros, micros, NEVER, type Pollable } from '../../src/base/types.ts'
import { Simulation, simulate } from '../../src/stack/simulate.ts'

/** A party that wants to be polled at each of some times, and writes down when it was. */
class Alarm implements Pollable {
  readonly log: number[] = []
  readonly times: number[]
  readonly name: string

  constructor(name: string, ...times: number[]) {
    this.name = name
    this.times = times
  }

  poll(now: Micros): void {
    if (this.pollAt() > now) return
    this.log.push(now)
    this.times.shift()
  }

  pollAt(): Micros {
    return (this.times[0] as Micros | undefined) ?? NEVER
  }
}

describe('simulate()', () => {
  it('jumps from deadline to deadline until all are idle', () => {
    const a = new Alarm('a', 5, 100, 1e12)
    const b = new Alarm('b', 7, 7, 100)
    const steps: number[] = []
    assert.equal(
      simulate([a, b], micros(2e12), (now) => steps.push(now)),
      1e12,
    )
    assert.deepEqual(a.log, [5, 100, 1e12])
    assert.deepEqual(b.log, [7, 7, 100])
    assert.deepEqual(steps, [5, 7, 7, 100, 1e12])
  })

  it('stops at the time given', () => {
    const a = new Alarm('a', 5, 100)
    assert.equal(simulate([a], micros(60)), 60)
    assert.deepEqual(a.log, [5])
  })

  it('names the party that does not let time pass', () => {
    const stuck: Pollable & { name: string } = { name: 'loop', poll: () => {}, pollAt: () => micros(3) }
    const simulation = new Simulation([new Alarm('a', 9), stuck], { maxSpins: 50 })
    assert.throws(() => simulation.run(micros(10)), /party 1 "loop" wants to be polled at 3 µs for ever/)
  })
})

describe('Simulation', () => {
  it('keeps its time from run to run and never goes back', () => {
    const a = new Alarm('a', 5)
    const simulation = new Simulation([a])
    assert.equal(simulation.run(micros(50)), 5)
    a.times.push(3, 60)
    assert.equal(simulation.run(micros(55)), 55)
    assert.deepEqual(a.log, [5, 5])
    assert.equal(simulation.run(micros(70)), 60)
    assert.equal(simulation.now, 60)
  })

  it('lets promises act between instants', async () => {
    const a = new Alarm('a', 10, 20, 30)
    const seen: number[] = []
    const simulation = new Simulation([a])
    const program = async (): Promise<string> => {
      while (a.log.length < 2) await undefined
      seen.push(simulation.now)
      a.times.push(40)
      while (a.log.length < 4) await undefined
      seen.push(simulation.now)
      return 'done'
    }
    assert.equal(await simulation.runUntilSettled(program()), 'done')
    assert.deepEqual(seen, [20, 40])
  })

  it('says so when nothing can happen any more, or the limit has passed', async () => {
    await assert.rejects(
      new Simulation([new Alarm('a', 1)]).runAsync(() => false),
      /stuck at 1 µs/,
    )
    await assert.rejects(
      new Simulation([new Alarm('a', 1, 9)]).runAsync(() => false, micros(5)),
      /limit of 5 µs/,
    )
    const failing = Promise.reject(new Error('broken'))
    await assert.rejects(new Simulation([]).runUntilSettled(failing), /broken/)
  })
})
