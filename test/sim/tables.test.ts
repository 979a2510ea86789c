import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CONGESTION_CONTROLS } from '../../src/tcp/congestion/control.ts'
import { runFlows } from './flows.ts'
import { readTable } from './table-file.ts'
import { fairness, goodputs, path, render, retransmitted, runReordered, TABLES } from './tables.ts'

const UPDATE = 'npm run sim -- --update writes it anew; say in the commit what changed, and why'

describe('the tables of numbers', () => {
  for (const table of TABLES) {
    it(`${table.name} is as it was: ${table.title}`, (t) => {
      const before = readTable(table)
      if (before === undefined) t.skip(`there is no table yet; ${UPDATE}`)
      else assert.equal(render(table), before, UPDATE)
    })
  }
})

describe('64 flows', () => {
  it('share a bottleneck of 200 Mbit/s with a drop-tail queue evenly: Jain 0.95 or more', () => {
    const run = runFlows({ line: path(200e6, 20), flows: 64, stagger: 37, until: 60_000 })
    const rates = goodputs(run)
    assert.ok(fairness(rates) >= 0.95, `Jain ${fairness(rates)}`)
    const total = rates.reduce((sum, rate) => sum + rate, 0)
    assert.ok(total > 180e6, `${total}`)
  })
})

describe('a path that reorders two packets in a hundred and loses none', () => {
  it('costs under 0.5 % spurious retransmissions and under 10 % of goodput', () => {
    for (const congestion of CONGESTION_CONTROLS) {
      const [ordered] = goodputs(runReordered(0, 3, congestion))
      for (const depth of [3, 30]) {
        const run = runReordered(0.02, depth, congestion)
        const title = `${congestion}, by ${depth}`
        const spurious = retransmitted(run.flows[0]!)
        assert.ok(spurious < 0.005, `${title}: ${spurious}`)
        assert.ok(goodputs(run)[0]! >= 0.9 * ordered!, `${title}: ${goodputs(run)[0]} of ${ordered}`)
      }
    }
  })
})
