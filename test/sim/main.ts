// The simulator's numbers: npm run sim runs the grid twice, npm run sim -- --update writes the tables anew.
import { createHash } from 'node:crypto'
import { fingerprint, GRID, runCell } from './grid.ts'
import { readTable, writeTable } from './table-file.ts'
import { goodputs, render, TABLES } from './tables.ts'

function runGrid(): string {
  const began = performance.now()
  const hash = createHash('sha256')
  let packets = 0
  const lines = GRID.map((cell) => {
    const run = runCell(cell)
    const { send, receive } = run.link.counters
    packets += send.packets + receive.packets
    hash.update(fingerprint(run))
    const { loss, rtt, rate, queue, congestion } = cell
    const fields = [`${loss * 100} %`, `${rtt} ms`, `${rate / 1e6} Mbit/s`, queue, congestion]
    return `${fields.map((field) => field.padStart(10)).join(' ')} ${(goodputs(run)[0]! / 1e6).toFixed(2).padStart(8)}`
  })
  const took = (performance.now() - began) / 1000
  const digest = hash.digest('hex')
  console.log(lines.join('\n'))
  console.log(`${GRID.length} cells, ${packets} packets, ${took.toFixed(1)} s, ${Math.round(packets / took)} packets/s`)
  console.log(`sha256 ${digest}`)
  return digest
}

function updateTables(): void {
  for (const table of TABLES) {
    const text = render(table)
    const changed = readTable(table) !== text
    if (changed) writeTable(table, text)
    console.log(`${changed ? 'changed' : 'the same'}: ${table.name}`)
    if (changed) console.log(text)
  }
}

/** Whether both runs say the same. */
function runTwice(): boolean {
  const [first, second] = [runGrid(), runGrid()]
  console.log(first === second ? 'both runs are the same, bit for bit' : 'the runs differ: something reads a clock')
  return first === second
}

const flags = process.argv.slice(2).join(' ')
if (flags === '--update') updateTables()
else if (flags !== '') {
  console.error('usage: npm run sim [-- --update]')
  process.exitCode = 2
} else if (!runTwice()) process.exitCode = 1
